package cluster

import (
	"cmp"
	"context"
	"fmt"
	"os"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/setup"
	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides what becomes of a list of nodes, and of a configuration, that are written as text: package
// setup reads them.

// ParseNodes reads a node list: "n1:host:11211,n2:host:11212", separated by
// commas or spaces. An entry is id:address, id@zone:address or an address alone, which
// is then the id as well; an address is host:port, [v6]:port or the path of a unix
// socket. The error names the entry and the form it wants; an entry that may hold a
// password is told by its place in the list.
func ParseNodes(s string) ([]Node, error) {
	nodes, err := setup.ParseNodes(s)
	return nodesAs[Node](nodes), err
}

// ConfigFromEnv reads the configuration from the environment, through a function
// such as os.Getenv (which a nil one stands for). MEMCACHED_NODES or MEMCACHED_DISCOVERY is required,
// all else optional:
//
//	MEMCACHED_NODES             node list, as ParseNodes reads it
//	MEMCACHED_DISCOVERY         where the node list comes from (Config.Discover): srv:NAME,
//	                            elasticache:HOST:PORT or file:PATH
//	MEMCACHED_DISCOVER_EVERY    Config.DiscoverEvery, such as 30s
//	MEMCACHED_TRANSITION_FOR    Config.TransitionFor, such as 2m
//	MEMCACHED_FORMER_NODES      Config.FormerNodes, as ParseNodes reads it
//	MEMCACHED_STANDBY_NODES     ids of the standby nodes, separated by commas or spaces;
//	                            its former name, MEMCACHED_FAILOVER_NODES, is read as well
//	MEMCACHED_REPLICAS          Config.Replicas
//	MEMCACHED_MIN_COPIES        Config.MinCopies
//	MEMCACHED_TIMEOUT           Config.Timeout, such as 150ms
//	MEMCACHED_KEY_PREFIX        Config.KeyPrefix
//	MEMCACHED_USERNAME          Config.Username
//	MEMCACHED_PASSWORD          Config.Password
//	MEMCACHED_TLS               true to encrypt connections
//	MEMCACHED_TLS_CA            PEM file with the CA that signed the nodes' certificates
//	MEMCACHED_TLS_CERT          PEM file with the client certificate
//	MEMCACHED_TLS_KEY           PEM file with its key
//	MEMCACHED_TLS_SERVER_NAME   name in the nodes' certificates, where it is not the host
//	MEMCACHED_SEAL_KEYS         Config.SealKeys, each in base64, separated by commas or spaces
//	MEMCACHED_ALLOW_UNSEALED    Config.AllowUnsealed
//	MEMCACHED_ALLOW_UNRESOLVED  Config.AllowUnresolved
//
// The error names the variable, its value (never one that is, or may be, a secret) and the
// form it wants. A variable that is set under a name which is almost one of these is an error
// too: MEMCACHED_SEAL_KEY would leave records plain. So is another client's word for one that
// is not set, such as MEMCACHED_SSL. Names that Kubernetes and Docker make
// up, such as MEMCACHED_PORT, are none of them. Nothing is read from the network. The files
// of MEMCACHED_TLS_* are read again at handshakes: certificates can be renewed while the app runs.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	if getenv == nil {
		getenv = os.Getenv
	}
	env, err := setup.FromEnv(getenv)
	if err != nil {
		return Config{}, err
	}
	cfg := Config{
		Nodes: nodesAs[Node](env.Nodes), FormerNodes: nodesAs[Node](env.FormerNodes),
		DiscoverEvery: env.DiscoverEvery, TransitionFor: env.TransitionFor,
		Replicas: env.Replicas, MinCopies: env.MinCopies, Timeout: env.Timeout, KeyPrefix: env.KeyPrefix,
		Username: env.Username, Password: env.Password, TLS: env.TLS, tlsFiles: env.TLSFiles,
		SealKeys: env.SealKeys, AllowUnsealed: env.AllowUnsealed, AllowUnresolved: env.AllowUnresolved,
	}
	if env.Discover != nil {
		cfg.Discover = func(ctx context.Context) ([]Node, error) {
			nodes, err := env.Discover(ctx)
			return nodesAs[Node](nodes), err
		}
	}
	if err := envCounts(cfg, getenv); err != nil {
		return Config{}, fmt.Errorf("cluster: %w", err)
	}
	return cfg, nil
}

// envCounts checks the numbers against each other and against the node list, in the words of the
// environment.
func envCounts(cfg Config, getenv func(string) string) error {
	every, transition := cmp.Or(cfg.DiscoverEvery, DefaultDiscoverEvery), cmp.Or(cfg.TransitionFor, DefaultTransitionFor)
	if cfg.Discover != nil && transition < 4*every {
		return fmt.Errorf("MEMCACHED_TRANSITION_FOR is %v, and MEMCACHED_DISCOVER_EVERY %v: want a transition of at least four times that: %v", transition, every, 4*every)
	}
	if len(cfg.Nodes) == 0 {
		return nil // they come from MEMCACHED_DISCOVERY
	}
	if cfg.Replicas > len(cfg.Nodes) {
		return fmt.Errorf("MEMCACHED_REPLICAS=%q: want 1 to %d, the number of nodes in MEMCACHED_NODES", getenv("MEMCACHED_REPLICAS"), len(cfg.Nodes))
	}
	replicas := cfg.Replicas
	if replicas == 0 {
		replicas = min(DefaultReplicas, len(cfg.Nodes))
	}
	if cfg.MinCopies > replicas {
		return fmt.Errorf("MEMCACHED_MIN_COPIES=%q: want 1 to %d, the number of copies (MEMCACHED_REPLICAS)", getenv("MEMCACHED_MIN_COPIES"), replicas)
	}
	return nil
}

// checkNodes refuses a list of nodes that cannot be used.
func checkNodes(nodes []Node) error { return setup.CheckNodes(nodesAs[discovery.Node](nodes)) }

// nodesAs gives nodes the type that another package has for them.
func nodesAs[To, From Node | discovery.Node | marker.Server](list []From) (nodes []To) {
	for _, n := range list {
		nodes = append(nodes, To(n))
	}
	return nodes
}
