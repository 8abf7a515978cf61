package cluster

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file decides how a configuration is written as environment variables.

// variables are all that ConfigFromEnv reads.
var variables = []string{
	"MEMCACHED_NODES",
	"MEMCACHED_DISCOVERY",
	"MEMCACHED_DISCOVER_EVERY",
	"MEMCACHED_TRANSITION_FOR",
	"MEMCACHED_FORMER_NODES",
	standbyVariable,
	formerStandbyVariable,
	"MEMCACHED_REPLICAS",
	"MEMCACHED_MIN_COPIES",
	"MEMCACHED_TIMEOUT",
	"MEMCACHED_KEY_PREFIX",
	"MEMCACHED_USERNAME",
	"MEMCACHED_PASSWORD",
	"MEMCACHED_TLS",
	"MEMCACHED_TLS_CA",
	"MEMCACHED_TLS_CERT",
	"MEMCACHED_TLS_KEY",
	"MEMCACHED_TLS_SERVER_NAME",
	"MEMCACHED_SEAL_KEYS",
	"MEMCACHED_ALLOW_UNSEALED",
	"MEMCACHED_ALLOW_UNRESOLVED",
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
	var cfg Config
	var errs []error
	if getenv == nil {
		getenv = os.Getenv
	}
	fail := func(name, value, want string) {
		errs = append(errs, fmt.Errorf("%s: want %s", shown(name, value), want))
	}
	number := func(name string, into *int) {
		if v := getenv(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				fail(name, v, "a whole number from 1")
				return
			}
			*into = n
		}
	}
	duration := func(name, example string, into *time.Duration) {
		if v := getenv(name); v != "" {
			d, err := time.ParseDuration(v)
			if err != nil || d <= 0 {
				fail(name, v, "a positive duration with its unit, such as "+example)
				return
			}
			*into = d
		}
	}
	flag := func(name string) bool {
		v := getenv(name)
		b, err := strconv.ParseBool(v)
		if v != "" && err != nil {
			fail(name, v, "true or false")
		}
		return b
	}

	errs = append(errs, misspelt(getenv)...)
	source := getenv("MEMCACHED_DISCOVERY")
	if v := getenv("MEMCACHED_NODES"); strings.TrimSpace(v) == "" && source != "" {
		// the list comes from there
		for _, name := range []string{standbyVariable, formerStandbyVariable} {
			if getenv(name) != "" {
				errs = append(errs, fmt.Errorf("%s is set, but a list from MEMCACHED_DISCOVERY has no standby nodes: remove it, or list the nodes in MEMCACHED_NODES", name))
			}
		}
	} else if strings.TrimSpace(v) == "" {
		errs = append(errs, fmt.Errorf("MEMCACHED_NODES is not set: %s; or set MEMCACHED_DISCOVERY to where the list comes from: %s", nodesForm, discoveryForm))
	} else if nodes, err := ParseNodes(v); err != nil {
		name := fmt.Sprintf("MEMCACHED_NODES=%q", v)
		if slices.ContainsFunc(listed(v), mayHoldSecret) {
			name = "MEMCACHED_NODES"
		}
		errs = append(errs, fmt.Errorf("%s: %s", name, strings.TrimPrefix(err.Error(), "cluster: ")))
	} else {
		cfg.Nodes = nodes
		if err := markStandby(cfg.Nodes, getenv); err != nil {
			errs = append(errs, err)
		}
	}
	number("MEMCACHED_REPLICAS", &cfg.Replicas)
	number("MEMCACHED_MIN_COPIES", &cfg.MinCopies)
	duration("MEMCACHED_TIMEOUT", "150ms", &cfg.Timeout)
	duration("MEMCACHED_DISCOVER_EVERY", "30s", &cfg.DiscoverEvery)
	duration("MEMCACHED_TRANSITION_FOR", "2m", &cfg.TransitionFor)
	cfg.KeyPrefix = getenv("MEMCACHED_KEY_PREFIX")
	if checkPrefix(cfg.KeyPrefix) != nil {
		fail("MEMCACHED_KEY_PREFIX", cfg.KeyPrefix, fmt.Sprintf("at most %d bytes without spaces or control characters", maxPrefix))
	}
	cfg.Username, cfg.Password = getenv("MEMCACHED_USERNAME"), getenv("MEMCACHED_PASSWORD")
	if err := checkLogin(cfg.Username, cfg.Password); err != nil {
		errs = append(errs, fmt.Errorf("MEMCACHED_USERNAME and MEMCACHED_PASSWORD %w", err))
	}
	seal, err := sealKeysFromEnv(getenv)
	if err != nil {
		errs = append(errs, err)
	}
	cfg.SealKeys, cfg.AllowUnsealed = seal, flag("MEMCACHED_ALLOW_UNSEALED")
	cfg.AllowUnresolved = flag("MEMCACHED_ALLOW_UNRESOLVED")
	useTLS := flag("MEMCACHED_TLS")
	conf, files, err := tlsFromEnv(getenv, useTLS)
	if err != nil {
		errs = append(errs, err)
	}
	cfg.TLS, cfg.tlsFiles = conf, files
	if source != "" {
		if cfg.Discover, err = discoverFrom(source, conf); err != nil {
			fail("MEMCACHED_DISCOVERY", source, strings.TrimPrefix(err.Error(), "want "))
		}
	}
	if v := getenv("MEMCACHED_FORMER_NODES"); v != "" {
		if cfg.FormerNodes, err = ParseNodes(v); err != nil {
			errs = append(errs, fmt.Errorf("MEMCACHED_FORMER_NODES: %s", strings.TrimPrefix(err.Error(), "cluster: ")))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("cluster: %w", err)
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
