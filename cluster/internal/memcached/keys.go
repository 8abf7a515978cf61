package memcached

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// This file decides how a server is asked for its keys (lru_crawler metadump; memcached,
// doc/protocol.txt), and which of its answers are taken for a whole list.
//
// A server may suffer from a list that its client does not read: up to 1.6.18 other connections
// hang behind one by hash. So the list is read into memory as fast as it comes, over a connection
// of its own that is closed at once where it does not end. A list by hash is whole. One class of
// items after the other leaves out those that are in use at that moment, also twice in a row: a
// client that is slow to read its answers keeps them so. What a list leaves out is lost with the next
// node, so only servers that are older are asked in this way, until the list is as long as the server says or
// does not grow any more.

// KeyBounds are what a list of keys may cost.
type KeyBounds struct {
	// Entries is the most keys with the prefix. If zero, 5 million is used: 165 MB.
	Entries int
	// Bytes is the most that the server may send, in bytes. A key of others costs some 120, too. If
	// zero, 2 GiB is used.
	Bytes int64
	// Silence is how long nothing may come. If zero, 5 s is used.
	Silence time.Duration
	// Within bounds the whole. If zero, a minute is used.
	Within time.Duration
	// Keep says, of what is behind the prefix, which keys are listed; the others count for Bytes alone. If
	// nil, all are.
	Keep func(rest string) bool
}

func (b KeyBounds) orDefault() KeyBounds {
	if b.Entries == 0 {
		b.Entries = 5_000_000
	}
	if b.Bytes == 0 {
		b.Bytes = 2 << 30
	}
	if b.Silence == 0 {
		b.Silence = 5 * time.Second
	}
	if b.Within == 0 {
		b.Within = time.Minute
	}
	return b
}

// Keys returns those keys of the server that begin with the prefix, all that were there when it was
// called and are there when it returns. Where the list is not known to be whole, there is none but
// an error, which names the server and no key. The list ends with ctx. What is thought of the server
// does not change by it.
func (s *Server) Keys(ctx context.Context, prefix string, bounds KeyBounds) (*KeyList, error) {
	s.clock.begin()
	defer s.clock.end()
	list, err := s.keys(ctx, prefix, bounds.orDefault())
	if err == nil {
		return list, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	} else if !errors.As(err, new(keysError)) {
		_, err = judge(err)
	}
	return nil, fmt.Errorf("keys of %s: %w", s.addr.addr, err)
}

func (s *Server) keys(ctx context.Context, prefix string, bounds KeyBounds) (*KeyList, error) {
	limit := s.dialer.limit()
	c, end, err := s.openAlone(ctx, limit)
	if err != nil {
		return nil, err
	}
	defer end()
	version, err := c.ask("version\r\n", limit)
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(version, "VERSION ") {
		return nil, oddLine{"version", version}
	}
	r := &keyReader{
		ctx: ctx, conn: c, clock: s.clock, timeout: s.timeout, until: s.clock.Now() + bounds.Within, bounds: bounds,
		keyParser: keyParser{list: &KeyList{prefix: prefix}, most: bounds.Entries, keep: bounds.Keep}, buf: make([]byte, 256<<10),
	}
	if listsByHash(version) {
		return r.list, r.read("hash")
	}
	r.seen = newKeySet(r.list)
	return r.list, r.readClasses()
}

// listsByHash reports whether a server of that version is asked for a list by hash: from 1.6.18 on,
// the oldest one that was tried. That version suffers from such a list while its client does not
// read, until the client is gone; the others do not. One whose version is none of memcached's is
// taken for an old one.
func listsByHash(version string) bool {
	var major, minor, patch int
	if _, err := fmt.Sscanf(version, "VERSION %d.%d.%d", &major, &minor, &patch); err != nil {
		return false
	}
	return slices.Compare([]int{major, minor, patch}, []int{1, 6, 18}) >= 0
}
