package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"slices"
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
	patience = 2 * time.Second
	// settling is how long nodes may take until they are whole.
	settling = time.Minute
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

	shared map[sharing]*settled // by what tells them apart
}

// settled is a cluster that several cells use, one after the other. A Cluster that has just been made
// does not know yet that its nodes are whole, and reads wide: that would be measured otherwise, and to
// wait for it in each cell would take longer than the cells.
type settled struct {
	cl   *cluster.Cluster
	wire *wire
}

type sharing struct {
	rtt, slack     time.Duration
	prefix         string
	local          cluster.Local
	sealed, traced bool
	instance       int
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
		for _, s := range r.shared {
			s.cl.Close()
		}
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

// flush empties all servers. The nodes are not whole after it.
func (r *rig) flush() error {
	mc := memcache.New(r.addrs()...)
	mc.Timeout = patience
	defer mc.Close()
	return errors.Join(mc.FlushAll(), r.flushRedis())
}

// flushRedis empties Redis, so that one cell's sessions do not weigh on the next. The nodes have room
// for those of all cells.
func (r *rig) flushRedis() error {
	if r.redis == nil {
		return nil
	}
	rc := redis.NewClient(&redis.Options{Addr: r.redis.addr})
	defer rc.Close()
	return rc.FlushAll(context.Background()).Err()
}

// served is how many commands have reached the servers. A get counts once for each key.
func (r *rig) served() (sum uint64, err error) {
	if r.nodes == nil {
		return 0, errors.New("there are no servers")
	}
	for _, addr := range r.addrs() {
		n, err := countOf(addr, "stats\r\n", "END\r\n", "STAT cmd_get ", "STAT cmd_set ", "STAT cmd_touch ", "STAT delete_hits ", "STAT delete_misses ")
		if err != nil {
			return 0, err
		}
		sum += n
	}
	if r.redis == nil {
		return sum, nil
	}
	n, err := countOf(r.redis.addr, "INFO stats\r\nPING\r\n", "+PONG\r\n", "total_commands_processed:")
	r.redis.asked += 2 // INFO and PING
	return sum + n - r.redis.asked, err
}

// countOf asks a server for its statistics, and adds up those that the prefixes name.
func countOf(addr, ask, end string, prefixes ...string) (sum uint64, err error) {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := nc.Write([]byte(ask)); err != nil {
		return 0, err
	}
	for r := bufio.NewReader(nc); ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, err
		}
		if line == end {
			return sum, nil
		}
		for _, p := range prefixes {
			if number, ok := strings.CutPrefix(line, p); ok {
				n, err := strconv.ParseUint(strings.TrimSpace(number), 10, 64)
				if err != nil {
					return 0, err
				}
				sum += n
			}
		}
	}
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

// settledWith is holdfast with the settings of cfg, the timeout aside, for cells: it is closed with the
// rig. Instance tells apart those that one cell has of the same settings.
func (r *rig) settledWith(c cell, cfg cluster.Config, instance int) (*cluster.Cluster, *wire, error) {
	key := sharing{c.rtt, cfg.RefreshSlack, cfg.KeyPrefix, cfg.Local, len(cfg.SealKeys) > 0, cfg.Trace != nil, instance}
	s := r.shared[key]
	if s == nil {
		w := &wire{rtt: c.rtt}
		cfg.Timeout = patience
		cl, err := r.clusterWith(w, cfg)
		if err != nil {
			return nil, nil, err
		}
		if r.shared == nil {
			r.shared = map[sharing]*settled{}
		}
		s = &settled{cl, w}
		r.shared[key] = s
	}
	s.wire.peak.Store(s.wire.open.Load())
	return s.cl, s.wire, nil
}

// settle waits until the shared clusters know that all nodes are whole.
func (r *rig) settle() error {
	limit := time.Now().Add(settling)
	for _, s := range r.shared {
		for {
			i := slices.IndexFunc(s.cl.Nodes(), func(n cluster.NodeStatus) bool { return !n.Whole })
			if i < 0 {
				break
			}
			if time.Now().After(limit) {
				return fmt.Errorf("node %d is not whole after %v: %s", i, settling, s.cl.Nodes()[i].Reason)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// redisServer is one redis-server process that keeps nothing on disk.
type redisServer struct {
	cmd  *exec.Cmd
	addr string
	dir  string

	asked uint64 // commands that asked it for its statistics
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
