package cluster

import (
	"net"
	"runtime"
	"sync/atomic"
	"time"
)

// This file says what a request may cost beside a hostile node, and measures it.

// What a request may cost beside a hostile node.
const (
	betweenRounds  = DefaultTimeout / 8 // the waits after a conflict
	mostCommands   = 120                // to all nodes: what it makes this process do
	bytesAllocated = 1 << 20            // by the request and by the nodes of this test
	bytesPerByte   = 128                // the same, for each byte that came from a node, or went to one
)

// exception is why a node that tells a lie may cost more than others, or get more.
type exception string

const (
	// Where records are not sealed, those of an attacker are as good as others, up to what
	// they say: the values are theirs until the next save.
	isForged exception = "a forged record is a record"
	// An answer just in time is an answer. What it says is believed until it contradicts
	// itself, and each answer costs up to a Timeout.
	isJustInTime exception = "it answers just in time"
)

// timeouts is how many a request may cost. Without a third node there is nobody to take
// over, and so one chance more.
func (e exception) timeouts(nodes int) time.Duration {
	switch {
	case e != isJustInTime:
		return 1
	case nodes == 2:
		return 7
	}
	return 4
}

// measured is one request beside the hostile node.
func (s *hostileScene) measured(what string, do func() error, want ...error) {
	s.Helper()
	s.forget()
	s.h.carried.Store(0)
	s.h.asked.Store(0)
	s.h.own.Store(0)
	before, began := allocated(), time.Now()
	err := do()
	took, cost := time.Since(began), allocated()-before-s.h.own.Load()
	if most := (s.why.timeouts(s.nodes)+s.later)*DefaultTimeout + betweenRounds; took > most {
		s.Errorf("%s took %v, want at most %v", what, took, most)
	}
	if n := s.count() + int(s.h.asked.Load()); n > mostCommands {
		s.Errorf("%s sent %d commands", what, n)
	}
	if most := bytesAllocated + bytesPerByte*s.h.carried.Load(); cost > most {
		s.Errorf("%s allocated %d bytes, for %d that were sent and received", what, cost, s.h.carried.Load())
	}
	if len(want) == 0 {
		want = []error{nil}
	}
	for _, w := range want {
		if isErr(err, w) || err == nil && w == nil {
			return
		}
	}
	s.Errorf("%s: %v, want %v", what, err, want)
}

// allocated is what this process has allocated so far, also by goroutines whose allocations package
// metrics would count only later, in the place of a request that made none.
func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

// countedConn counts what goes over a connection, either way.
type countedConn struct {
	net.Conn
	bytes *atomic.Int64
}

func (c countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.bytes.Add(int64(n))
	return n, err
}

func (c countedConn) Write(b []byte) (int, error) {
	c.bytes.Add(int64(len(b)))
	return c.Conn.Write(b)
}
