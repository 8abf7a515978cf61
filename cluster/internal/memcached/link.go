package memcached

import (
	"context"
	"math"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides over which connection a command goes, and on which connections a CAS
// token is good.
//
// CAS ids restart at 1 with the memcached process, so an old token can fit a new item, and
// a cas would then replace what nobody has read. A token is therefore good on the
// connections that were open when it was read, and on no others: a connection that was
// open before the read and still is leads to the process that was read from. On a later
// connection a cas is not sent at all. It counts as a CAS conflict, and the save reads again.

// link is a client that has one connection and carries one command at a time, so that the
// command and the connection know of each other.
type link struct {
	client *memcache.Client
	// opened is how many connections to the node had been opened when a copy was read. A
	// get sets it as it is sent; before a cas it is that of the copy to be replaced, before
	// other writes anyConnection.
	opened uint64
	// stale is true once a cas was not sent, since its connection is newer than its token.
	stale bool
}

func newLink(addr *address, timeout time.Duration, dial func(context.Context, *link, string, string) (net.Conn, error)) *link {
	l := &link{client: memcache.NewFromSelector(addr)}
	l.client.Timeout, l.client.MaxIdleConns = timeout, 1
	l.client.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		return dial(ctx, l, network, address)
	}
	return l
}

// anyConnection is good on all connections.
const anyConnection = math.MaxUint64

// refuses reports whether a write must not be sent on the connection that was the opened-th
// of its node.
func (l *link) refuses(opened uint64) bool {
	l.stale = opened > l.opened
	return l.stale
}

// conflict is the answer to a cas that was not sent.
const conflict = "EXISTS\r\n"

// links are the links of one kind that are not in use.
type links struct {
	make func() *link
	most int // idle ones to be kept

	mu   sync.Mutex // guards below
	idle []*link    // the last used is the next to be used
}

func (ls *links) take() *link {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if n := len(ls.idle); n > 0 {
		l := ls.idle[n-1]
		ls.idle = slices.Delete(ls.idle, n-1, n)
		return l
	}
	return ls.make()
}

func (ls *links) give(l *link) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if len(ls.idle) == ls.most {
		l.client.Close()
		return
	}
	ls.idle = append(ls.idle, l)
}

// drop closes all connections that are not in use.
func (ls *links) drop() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for _, l := range ls.idle {
		l.client.Close()
	}
}
