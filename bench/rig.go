package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides which servers are measured: three memcached processes and one
// redis-server, on free loopback ports, for as long as the program runs.

const (
	nodeCount = 3
	// patience is the timeout of every client: what is measured is how long
	// things take, not how soon a client gives up.
	patience = 5 * time.Second
	// plenty is the size of every connection pool that has no good default.
	plenty = 512
)

type rig struct {
	program *testenv.Program
	nodes   *testenv.Env
	redis   *redisServer // nil: there is none
	noRedis string       // why there is none
	quiet   *slog.Logger
	once    sync.Once
}

func newRig() (*rig, error) {
	if _, err := exec.LookPath("memcached"); err != nil {
		return nil, errors.New("memcached is not installed: make peers")
	}
	r := &rig{program: testenv.NewProgram("bench", os.Stderr), quiet: slog.New(slog.DiscardHandler)}
	os.Unsetenv(testenv.NodesVariable) // these nodes are flushed and killed
	r.nodes = testenv.Start(r.program, nodeCount, testenv.Real(), testenv.MemoryMB(1024), testenv.Args("-c", "16384"))
	r.startRedis()
	return r, nil
}

// startRedis leaves the rig without Redis, and with the reason, where it cannot be had.
func (r *rig) startRedis() {
	var err error
	if r.redis, err = startRedis(); err != nil {
		r.noRedis = err.Error()
		fmt.Fprintf(os.Stderr, "bench: %v: nothing is measured against Redis\n", err)
	}
}

func (r *rig) close() {
	r.once.Do(func() {
		r.program.Close()
		if r.redis != nil {
			r.redis.stop()
		}
	})
}

// revive starts what has ended by itself.
func (r *rig) revive() {
	for _, n := range r.nodes.All() {
		if n.State() == testenv.Down {
			n.Restart()
		}
	}
	if r.redis != nil && !r.redis.answers() {
		r.redis.stop()
		r.startRedis()
	}
}

// flush empties all servers, so that one cell's sessions do not weigh on the next.
func (r *rig) flush() error {
	mc := memcache.New(r.addrs()...)
	mc.Timeout = patience
	defer mc.Close()
	if err := mc.FlushAll(); err != nil {
		return err
	}
	if r.redis == nil {
		return nil
	}
	rc := redis.NewClient(&redis.Options{Addr: r.redis.addr})
	defer rc.Close()
	return rc.FlushAll(context.Background()).Err()
}

func (r *rig) addrs() []string {
	var all []string
	for _, n := range r.nodes.All() {
		all = append(all, n.Addr())
	}
	return all
}

// plain is the floor: a client of the same three servers that keeps one copy.
func (r *rig) plain(w *wire) *memcache.Client {
	mc := memcache.New(r.addrs()...)
	mc.Timeout, mc.MaxIdleConns, mc.DialContext = patience, plenty, w.dial
	return mc
}

// cluster is holdfast with its defaults, the timeout aside.
func (r *rig) cluster(w *wire, timeout time.Duration) (*cluster.Cluster, error) {
	return r.clusterWith(w, cluster.Config{Timeout: timeout})
}

// clusterWith is holdfast with the settings of cfg.
func (r *rig) clusterWith(w *wire, cfg cluster.Config) (*cluster.Cluster, error) {
	nodes, err := cluster.ParseNodes(r.nodes.Nodes())
	if err != nil {
		return nil, err
	}
	cfg.Nodes, cfg.DialContext, cfg.Logger = nodes, w.dial, r.quiet
	return cluster.New(cfg)
}

// redisServer is one redis-server process that keeps nothing on disk.
type redisServer struct {
	cmd  *exec.Cmd
	addr string
	dir  string
}

func startRedis() (*redisServer, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("redis-server is not installed")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := l.Addr().String()
	l.Close()
	dir, err := os.MkdirTemp("", "bench-redis")
	if err != nil {
		return nil, err
	}
	port := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	s := &redisServer{addr: addr, dir: dir}
	s.cmd = exec.Command(bin, "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir, "--maxclients", "8000")
	s.cmd.SysProcAttr = childAttr()
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		if s.answers() {
			return s, nil
		}
		if time.Now().After(deadline) {
			s.stop()
			return nil, fmt.Errorf("redis-server does not answer on %s", addr)
		}
	}
}

func (s *redisServer) answers() bool {
	c := redis.NewClient(&redis.Options{Addr: s.addr, MaxRetries: -1})
	defer c.Close()
	return c.Ping(context.Background()).Err() == nil
}

func (s *redisServer) stop() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = os.RemoveAll(s.dir)
}

// versionOf returns the first line that a server's binary prints about itself.
func versionOf(bin string, flag string) string {
	out, err := exec.Command(bin, flag).CombinedOutput()
	if err != nil {
		return "not installed"
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(line)
}
