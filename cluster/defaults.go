package cluster

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/setup"
)

// This file decides what a field of Config stands for that is zero, and refuses the numbers that cannot be meant.

// Defaults of Config.
const (
	DefaultReplicas         = 2
	DefaultMinCopies        = 1
	DefaultTimeout          = 150 * time.Millisecond
	DefaultMaxConns         = 128
	DefaultMaxRecordBytes   = 1<<20 - 1<<10
	DefaultLifetime         = 24 * time.Hour
	DefaultUnknownPerSecond = 2000
	DefaultHealPerSecond    = 10_000
	DefaultTransitionFor    = 2 * time.Minute
	DefaultDiscoverEvery    = 30 * time.Second
	DefaultOwnerCheck       = 5 * time.Second
)

const mostConns = 1 << 20

// withDefaults returns the configuration with every field filled in, or an error
// that says which field is wrong and what it wants.
func (cfg Config) withDefaults() (Config, error) {
	if len(cfg.Nodes) == 0 && cfg.Discover != nil {
		nodes, err := cfg.discoverOnce(context.Background())
		if err != nil {
			return cfg, fmt.Errorf("cluster: Discover: %w", err)
		}
		cfg.Nodes = nodes
	}
	cfg.Nodes = withIDs(cfg.Nodes)
	if err := checkNodes(cfg.Nodes); err != nil {
		return cfg, err
	}
	if len(cfg.FormerNodes) > 0 {
		cfg.FormerNodes = withIDs(cfg.FormerNodes)
		if err := checkNodes(cfg.FormerNodes); err != nil {
			return cfg, fmt.Errorf("cluster: FormerNodes: %w", err)
		}
	}
	if cfg.Replicas == 0 {
		cfg.Replicas = min(DefaultReplicas, len(cfg.Nodes))
	}
	if cfg.Replicas < 1 || cfg.Replicas > len(cfg.Nodes) {
		return cfg, fmt.Errorf("cluster: Replicas is %d, but there are %d nodes: use 1 to %d, or list more nodes", cfg.Replicas, len(cfg.Nodes), len(cfg.Nodes))
	}
	if cfg.MinCopies == 0 {
		cfg.MinCopies = DefaultMinCopies
	}
	if cfg.MinCopies < 1 || cfg.MinCopies > cfg.Replicas {
		return cfg, fmt.Errorf("cluster: MinCopies is %d, but each session has %d copies (Replicas): use 1 to %d", cfg.MinCopies, cfg.Replicas, cfg.Replicas)
	}
	if err := setup.CheckPrefix(cfg.KeyPrefix); err != nil {
		return cfg, err
	}
	if err := setup.CheckLogin(cfg.Username, cfg.Password); err != nil {
		return cfg, fmt.Errorf("cluster: Username and Password %w", err)
	}
	if cfg.UnknownPerSecond == 0 {
		cfg.UnknownPerSecond = DefaultUnknownPerSecond
	}
	for _, f := range []struct {
		name  string
		value *int
		zero  int
	}{{"MaxConns", &cfg.MaxConns, DefaultMaxConns}, {"MaxRecordBytes", &cfg.MaxRecordBytes, DefaultMaxRecordBytes}} {
		if *f.value < 0 {
			return cfg, fmt.Errorf("cluster: %s is %d: use a positive number, or 0 for %d", f.name, *f.value, f.zero)
		}
		if *f.value == 0 {
			*f.value = f.zero
		}
	}
	if cfg.MaxConns > mostConns {
		return cfg, fmt.Errorf("cluster: MaxConns is %d: use at most %d", cfg.MaxConns, mostConns)
	}
	for _, f := range []struct {
		name  string
		value *time.Duration
		zero  time.Duration
	}{
		{"Timeout", &cfg.Timeout, DefaultTimeout},
		{"Lifetime", &cfg.Lifetime, DefaultLifetime},
		{"TransitionFor", &cfg.TransitionFor, DefaultTransitionFor},
		{"DiscoverEvery", &cfg.DiscoverEvery, DefaultDiscoverEvery},
	} {
		if *f.value < 0 {
			return cfg, fmt.Errorf("cluster: %s is %v: use a positive duration, or 0 for %v", f.name, *f.value, f.zero)
		}
		if *f.value == 0 {
			*f.value = f.zero
		}
	}
	if cfg.Discover != nil && cfg.TransitionFor < 4*cfg.DiscoverEvery {
		return cfg, fmt.Errorf("cluster: TransitionFor is %v, and DiscoverEvery %v: an instance may learn of a list four questions later than another one: use a TransitionFor of at least %v", cfg.TransitionFor, cfg.DiscoverEvery, 4*cfg.DiscoverEvery)
	}
	cfg.OwnerCheck = cmp.Or(cfg.OwnerCheck, DefaultOwnerCheck)
	if cfg.RefreshSlack < 0 {
		return cfg, fmt.Errorf("cluster: RefreshSlack is %v: use a positive duration, or 0 for none", cfg.RefreshSlack)
	}
	if cfg.Trace != nil {
		trace := *cfg.Trace
		cfg.Trace = &trace
	}
	local, err := cfg.Local.withDefaults()
	if err != nil {
		return cfg, err
	}
	cfg.Local = local
	if cfg.Logger == nil {
		cfg.Logger = slog.Default()
	}
	if cfg.Now == nil {
		cfg.Now, cfg.isOneClock = time.Now, true
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Uint64
	}
	return cfg, nil
}

// withIDs returns the nodes, each with an ID.
func withIDs(nodes []Node) []Node {
	nodes = slices.Clone(nodes)
	for i := range nodes {
		nodes[i].ID = cmp.Or(nodes[i].ID, nodes[i].Addr)
	}
	return nodes
}
