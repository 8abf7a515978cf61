package main

import (
	"errors"
	"hash/crc32"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how stores without this library's protocol behave: the two
// baselines, written as plainly as those they stand for.

// errTooLarge is a value that the node refused for its size.
var errTooLarge = errors.New("the session is too large")

// baseline is an scs.Store that writes sessions whole, by blind set.
type baseline struct {
	nodes    []*memcache.Client // one each, in the order of the list
	prefix   string
	copies   int // 1: hashed, one copy; 2: primary, and a blind backup
	commands *atomic.Uint64
}

// newBaseline returns a store of one or two copies. A key belongs to the node that
// its CRC-32 picks, as in gomemcache's ServerList; the second copy lies on the next.
func newBaseline(copies int, nodes []cluster.Node, prefix string, timeout time.Duration, dial testenv.DialFunc, commands *atomic.Uint64) *baseline {
	b := &baseline{prefix: prefix, copies: copies, commands: commands}
	for _, n := range nodes {
		c := memcache.New(n.Addr)
		c.Timeout, c.MaxIdleConns, c.DialContext = timeout, 128, dial
		b.nodes = append(b.nodes, c)
	}
	return b
}

// holders are the nodes of a key, the primary first.
func (b *baseline) holders(token string) []*memcache.Client {
	first := int(crc32.ChecksumIEEE([]byte(b.prefix+token)) % uint32(len(b.nodes)))
	var all []*memcache.Client
	for i := range min(b.copies, len(b.nodes)) {
		all = append(all, b.nodes[(first+i)%len(b.nodes)])
	}
	return all
}

// Find asks one holder after the other: the first that has the session is believed.
func (b *baseline) Find(token string) (data []byte, found bool, err error) {
	missed := false
	for _, n := range b.holders(token) {
		b.commands.Add(1)
		item, failed := n.Get(b.prefix + token)
		if failed == nil {
			return item.Value, true, nil
		}
		if errors.Is(failed, memcache.ErrCacheMiss) {
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
func (b *baseline) Commit(token string, data []byte, expiry time.Time) error {
	var failed error
	stored := 0
	for _, n := range b.holders(token) {
		b.commands.Add(1)
		err := n.Set(&memcache.Item{Key: b.prefix + token, Value: data, Expiration: int32(time.Until(expiry) / time.Second)})
		if err != nil {
			failed = err
			continue
		}
		stored++
	}
	if stored > 0 {
		return nil
	}
	if failed != nil && strings.Contains(failed.Error(), "too large") {
		return errTooLarge
	}
	return failed
}

// Delete deletes the session on all holders. One that did is enough.
func (b *baseline) Delete(token string) error {
	var failed error
	deleted := 0
	for _, n := range b.holders(token) {
		b.commands.Add(1)
		if err := n.Delete(b.prefix + token); err == nil || errors.Is(err, memcache.ErrCacheMiss) {
			deleted++
		} else {
			failed = err
		}
	}
	if deleted > 0 {
		return nil
	}
	return failed
}

func (b *baseline) close() {
	for _, n := range b.nodes {
		_ = n.Close()
	}
}
