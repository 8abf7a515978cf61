package setup

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides how a configuration is written as environment variables.

// variables are all that FromEnv reads.
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

// Env is what the environment says. What is not set is zero.
type Env struct {
	Nodes, FormerNodes           []discovery.Node
	Discover                     func(context.Context) ([]discovery.Node, error)
	DiscoverEvery, TransitionFor time.Duration
	Replicas, MinCopies          int
	Timeout                      time.Duration
	KeyPrefix                    string
	Username, Password           string
	TLS                          *tls.Config
	TLSFiles                     *memcached.TLSFiles // that TLS was made of
	SealKeys                     [][]byte
	AllowUnsealed                bool
	AllowUnresolved              bool
}

// FromEnv reads the variables (cluster.ConfigFromEnv tells of each). The error names all that are wrong, each
// with its value, never one that is, or may be, a secret, and the form that it wants.
func FromEnv(getenv func(string) string) (Env, error) {
	var env Env
	var errs []error
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
		env.Nodes = nodes
		if err := markStandby(env.Nodes, getenv); err != nil {
			errs = append(errs, err)
		}
	}
	number("MEMCACHED_REPLICAS", &env.Replicas)
	number("MEMCACHED_MIN_COPIES", &env.MinCopies)
	duration("MEMCACHED_TIMEOUT", "150ms", &env.Timeout)
	duration("MEMCACHED_DISCOVER_EVERY", "30s", &env.DiscoverEvery)
	duration("MEMCACHED_TRANSITION_FOR", "2m", &env.TransitionFor)
	env.KeyPrefix = getenv("MEMCACHED_KEY_PREFIX")
	if CheckPrefix(env.KeyPrefix) != nil {
		fail("MEMCACHED_KEY_PREFIX", env.KeyPrefix, fmt.Sprintf("at most %d bytes without spaces or control characters", maxPrefix))
	}
	env.Username, env.Password = getenv("MEMCACHED_USERNAME"), getenv("MEMCACHED_PASSWORD")
	if err := CheckLogin(env.Username, env.Password); err != nil {
		errs = append(errs, fmt.Errorf("MEMCACHED_USERNAME and MEMCACHED_PASSWORD %w", err))
	}
	seal, err := sealKeysFromEnv(getenv)
	if err != nil {
		errs = append(errs, err)
	}
	env.SealKeys, env.AllowUnsealed = seal, flag("MEMCACHED_ALLOW_UNSEALED")
	env.AllowUnresolved = flag("MEMCACHED_ALLOW_UNRESOLVED")
	useTLS := flag("MEMCACHED_TLS")
	conf, files, err := tlsFromEnv(getenv, useTLS)
	if err != nil {
		errs = append(errs, err)
	}
	env.TLS, env.TLSFiles = conf, files
	if source != "" {
		if env.Discover, err = discoverFrom(source, conf); err != nil {
			fail("MEMCACHED_DISCOVERY", source, strings.TrimPrefix(err.Error(), "want "))
		}
	}
	if v := getenv("MEMCACHED_FORMER_NODES"); v != "" {
		if env.FormerNodes, err = ParseNodes(v); err != nil {
			errs = append(errs, fmt.Errorf("MEMCACHED_FORMER_NODES: %s", strings.TrimPrefix(err.Error(), "cluster: ")))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Env{}, fmt.Errorf("cluster: %w", err)
	}
	return env, nil
}
