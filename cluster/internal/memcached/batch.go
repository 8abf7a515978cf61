package memcached

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// This file decides which gets of a node travel together. The get that finds the
// node idle goes at once and alone; those that arrive while it is under way go
// together next. So a lone caller waits for nobody, and many callers cost the node
// one command instead of one each. A get never joins a command that was sent before
// it arrived: it could miss a write that was acknowledged in between.

const (
	maxBatchKeys     = 256
	maxBatchKeyBytes = 12 << 10 // Amazon's serverless nodes take 16 KB in a command
	maxBatchBytes    = 2 << 20  // of the answer
)

// Request is one get on its way, and then what came of it.
type Request struct {
	Key   string
	Latch *Latch
	Copy  *Copy // nil: a miss
	Err   error

	found Copy          // what Copy points to
	since time.Duration // when it arrived in the queue, on the wall
	at    time.Duration // the same, by the awake clock
}

// Latch is when the last of a caller's gets has its answer: the caller is woken once.
type Latch struct {
	left atomic.Int32
	last chan struct{} // has room for one
}

// NewLatch returns a Latch that waits for so many answers.
func NewLatch(answers int) *Latch {
	a := &Latch{last: make(chan struct{}, 1)}
	a.Reset(answers)
	return a
}

// Reset has a Latch whose Done has been received from wait once more.
func (a *Latch) Reset(answers int) { a.left.Store(int32(answers)) }

// Done is received from once, when all answers are there.
func (a *Latch) Done() <-chan struct{} { return a.last }

func (a *Latch) note() {
	if a.left.Add(-1) == 0 {
		a.last <- struct{}{}
	}
}

// batcher sends the gets of one node. A goroutine of its own does so while there are
// any: callers may stop waiting at any time.
type batcher struct {
	fetch    func(batch []*Request) error // sets what was found
	running  *sync.WaitGroup
	clock    *Clock
	patience time.Duration // the longest wait in the queue
	refuse   func(err error, waited, awake time.Duration) error
	loop     func() // send, bound once: a go statement then allocates nothing

	mu      sync.Mutex // guards below
	busy    bool
	most    int        // waiters a batch may have, from the size of what came last; 0: not known
	waiting []*Request // in the order of Latch
	going   []*Request // the batch under way
}

// depth is how many wait.
func (b *batcher) depth() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.waiting)
}

// get notes w's Latch when there is an answer. The caller must be within an operation
// that running counts.
func (b *batcher) get(w *Request) {
	w.since, w.at = b.clock.both()
	b.mu.Lock()
	b.waiting = append(b.waiting, w)
	idle := !b.busy
	b.busy = true
	b.mu.Unlock()
	if idle {
		b.running.Add(1)
		go b.loop()
	}
}

func (b *batcher) send() {
	defer b.running.Done()
	for {
		batch := b.next()
		if len(batch) == 0 {
			return
		}
		wall, now := b.clock.both()
		for _, w := range b.late(now) {
			w.Err = b.refuse(errBehind, wall-w.since, now-w.at)
			w.Latch.note()
		}
		err := b.fetch(batch)
		if err != nil {
			// All that wait fail too: each has another node to turn to, and none may
			// wait for a sick node a second time.
			batch = b.rest(batch)
		}
		b.sized(batch)
		for _, w := range batch {
			w.Err = err
			w.Latch.note()
		}
	}
}

// late takes those off the queue that have waited longer than anybody should and do not
// fit into the next command either: a node that answers, but slower than it is asked, would
// make the queue grow for ever. What counts is the node's time: of a queue that has grown
// since this process did not get to run, nobody is sent away.
func (b *batcher) late(now time.Duration) []*Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for n < len(b.waiting) && b.patience > 0 && now-b.waiting[n].at > b.patience {
		n++
	}
	if n == 0 {
		return nil
	}
	late := slices.Clone(b.waiting[:n])
	b.waiting = slices.Delete(b.waiting, 0, n)
	return late
}

// next takes the next batch off the queue; an empty one ends the goroutine.
func (b *batcher) next() []*Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.fit(max(b.most, 1))
	clear(b.going)
	b.going = append(b.going[:0], b.waiting[:n]...)
	b.waiting = slices.Delete(b.waiting, 0, n)
	b.busy = n > 0
	return b.going
}

// fit is how many of those that wait fit into one command of at most so many keys.
func (b *batcher) fit(most int) int {
	n, size := 0, 0
	for n < len(b.waiting) && n < most {
		if size += len(b.waiting[n].Key) + 1; n > 0 && size > maxBatchKeyBytes {
			break
		}
		n++
	}
	return n
}

// rest adds all that wait to a batch that failed.
func (b *batcher) rest(batch []*Request) []*Request {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.going = append(batch, b.waiting...)
	clear(b.waiting)
	b.waiting = b.waiting[:0]
	return b.going
}

// sized keeps the answer to a batch of items like these within maxBatchBytes, so
// that it fits into one timeout.
func (b *batcher) sized(batch []*Request) {
	largest := 1
	for _, w := range batch {
		if w.Copy != nil {
			largest = max(largest, len(w.Copy.Value))
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = max(1, min(maxBatchKeys, maxBatchBytes/largest))
}

// keysOf lists the keys of a batch, each once, in the place of those of the last.
func keysOf(batch []*Request, keys []string) []string {
	const few = 32 // are compared with each other
	var known map[string]bool
	if len(batch) > few {
		known = make(map[string]bool, len(batch))
	}
	keys = keys[:0]
	for _, w := range batch {
		if known == nil && slices.Contains(keys, w.Key) || known[w.Key] {
			continue
		}
		if known != nil {
			known[w.Key] = true
		}
		keys = append(keys, w.Key)
	}
	return keys
}
