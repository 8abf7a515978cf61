// Package baseline keeps sessions on memcached as it is usually done, without the
// protocol of package cluster: what the live page and the chaos run show beside it.
// It is written as plainly as the stores it stands for.
package baseline

import (
	"context"
	"errors"
	"hash/crc32"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/cluster"
)

// ErrTooLarge is a value that the node refused for its size.
var ErrTooLarge = errors.New("baseline: the session is too large")

// Config says where and how sessions are kept.
type Config struct {
	Nodes   []cluster.Node
	Prefix  string        // of all keys
	Timeout time.Duration // of one exchange with a node
	// Copies is how many nodes get each session by a blind set: one, as the memcached
	// stores for scs and gorilla/sessions, or two. If zero, 1 is used.
	Copies int
	// DialContext reaches the nodes. If nil, [net.Dialer] does.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Store is an scs.Store that writes sessions whole.
type Store struct {
	cfg      Config
	commands atomic.Uint64

	mu      sync.Mutex // guards below
	nodes   []*memcache.Client
	clients map[string]*memcache.Client // by address; those of former nodes stay until Close
}

// New returns a store on the nodes of cfg. Close ends it.
func New(cfg Config) *Store {
	cfg.Copies = max(cfg.Copies, 1)
	s := &Store{cfg: cfg, clients: map[string]*memcache.Client{}}
	s.SetNodes(cfg.Nodes)
	return s
}

// SetNodes changes the list of nodes. As everywhere where the node is hash modulo
// count, that moves most keys to nodes that have never heard of them.
func (s *Store) SetNodes(nodes []cluster.Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes = nil
	for _, n := range nodes {
		c := s.clients[n.Addr]
		if c == nil {
			c = memcache.NewFromSelector(node(n.Addr))
			c.Timeout, c.MaxIdleConns, c.DialContext = s.cfg.Timeout, 128, s.cfg.DialContext
			s.clients[n.Addr] = c
		}
		s.nodes = append(s.nodes, c)
	}
}

// node is an address that is looked up at each dial: memcache.New would do so once, and
// Docker forgets the name of a container that is down.
type node string

func (n node) String() string                      { return string(n) }
func (n node) PickServer(string) (net.Addr, error) { return n, nil }
func (n node) Each(do func(net.Addr) error) error  { return do(n) }

func (n node) Network() string {
	if strings.Contains(string(n), "/") {
		return "unix"
	}
	return "tcp"
}

// holders are the nodes of a key, the primary first. A key belongs to the node that its
// CRC-32 picks, as in gomemcache's ServerList; the second copy lies on the next.
func (s *Store) holders(key string) []*memcache.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := int(crc32.ChecksumIEEE([]byte(key)) % uint32(len(s.nodes)))
	var all []*memcache.Client
	for i := range min(s.cfg.Copies, len(s.nodes)) {
		all = append(all, s.nodes[(first+i)%len(s.nodes)])
	}
	return all
}

// Find asks one holder after the other: the first that has the session is believed. A
// token from outside that no node takes as a key is no session.
func (s *Store) Find(token string) (data []byte, found bool, err error) {
	key, missed := s.cfg.Prefix+token, false
	for _, n := range s.holders(key) {
		s.commands.Add(1)
		item, failed := n.Get(key)
		if failed == nil {
			return item.Value, true, nil
		}
		if isMiss(failed) {
			missed = true
		} else {
			err = failed
		}
	}
	if missed {
		return nil, false, nil
	}
	return nil, false, err
}

// Commit sets the session on all holders. One that took it is enough.
func (s *Store) Commit(token string, data []byte, expiry time.Time) error {
	err := s.write(token, func(key string, n *memcache.Client) error {
		return n.Set(&memcache.Item{Key: key, Value: data, Expiration: int32(expiry.Unix())})
	})
	if err != nil && strings.Contains(err.Error(), "too large") {
		return ErrTooLarge
	}
	return err
}

// Delete deletes the session on all holders. One that did is enough.
func (s *Store) Delete(token string) error {
	return s.write(token, func(key string, n *memcache.Client) error {
		if err := n.Delete(key); !isMiss(err) {
			return err
		}
		return nil
	})
}

// write has all holders do something. The error is that of the last, where none did.
func (s *Store) write(token string, do func(key string, n *memcache.Client) error) error {
	key, done := s.cfg.Prefix+token, 0
	var failed error
	for _, n := range s.holders(key) {
		s.commands.Add(1)
		if err := do(key, n); err != nil {
			failed = err
		} else {
			done++
		}
	}
	if done > 0 {
		return nil
	}
	return failed
}

func isMiss(err error) bool {
	return errors.Is(err, memcache.ErrCacheMiss) || errors.Is(err, memcache.ErrMalformedKey)
}

// Commands counts what was sent to nodes.
func (s *Store) Commands() uint64 { return s.commands.Load() }

// Close closes the connections that are not in use.
func (s *Store) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		_ = c.Close()
	}
}
