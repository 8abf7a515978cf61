package memcached

import (
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides what is asked of a server, and what it answers: a Request, and the Copy that
// it finds.

// Request is one get on its way, and then what came of it.
type Request struct {
	Key   string
	Also  string // another key that is asked for in the same command; empty: none
	Latch *Latch
	Copy  *Copy // nil: a miss
	// AlsoCopy is what the server holds under Also; nil: a miss.
	AlsoCopy *Copy
	Err      error
	// Took is the time from Get until the answer was there, the wait for its turn included.
	Took time.Duration

	found Copy          // what Copy points to
	since time.Duration // when it arrived in the queue, on the wall
	at    time.Duration // the same, by the awake clock
}

// finds notes what the server holds.
func (r *Request) finds(it *memcache.Item, opened uint64, shared bool) {
	r.found = Copy{Value: it.Value, Shared: shared, Orphan: it.Flags&OrphanFlag != 0, cas: it.CasID, opened: opened}
	r.Copy = &r.found
}

// Latch wakes a caller once, when the last of its requests, which may go to several servers, has
// its answer.
type Latch struct {
	left atomic.Int32
	last chan struct{} // has room for one
}

// NewLatch returns a Latch for so many requests.
func NewLatch(requests int) *Latch {
	l := &Latch{last: make(chan struct{}, 1)}
	l.Reset(requests)
	return l
}

// Reset makes a Latch new whose Done has been received from.
func (l *Latch) Reset(requests int) { l.left.Store(int32(requests)) }

// Done is to be received from once. Whoever does not wait must not use the Latch again.
func (l *Latch) Done() <-chan struct{} { return l.last }

func (l *Latch) answered() {
	if l.left.Add(-1) == 0 {
		l.last <- struct{}{}
	}
}

// Copy is what a server holds under a key, with the CAS token that a write has to present to
// replace it.
type Copy struct {
	Value  []byte
	Shared bool // others have the same bytes: who has asked for the key in the same command
	Orphan bool // was given a short life (Expire): it must not be counted on

	// CAS ids restart at 1 with the memcached process, so an old token can fit a new item, and a
	// cas would then replace what nobody has read.
	//
	// Invariant: cas is presented only on one of the connections that were open when the copy was
	// read. Such a connection leads to the process that was read from.
	cas    uint64
	opened uint64 // how many connections to the server had been opened by then
}

// OrphanFlag is the memcached flag of a copy that Expire has written.
const OrphanFlag = 1

// Token returns the copy without its value: enough to replace it.
func (c *Copy) Token() Copy { return Copy{Orphan: c.Orphan, cas: c.cas, opened: c.opened} }
