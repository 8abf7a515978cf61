package cluster

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

// waiter is one get on its way, and then what came of it.
type waiter struct {
	node  *node
	key   string
	all   *arrival
	item  *item // nil: a miss
	found item  // what item points to
	err   error
	since time.Duration // when it arrived in the queue, on the wall
	at    time.Duration // the same, by the awake clock
}

// arrival is when the last of a caller's gets has its answer: the caller is woken once.
type arrival struct {
	left atomic.Int32
	last chan struct{} // has room for one
}

func (a *arrival) note() {
	if a.left.Add(-1) == 0 {
		a.last <- struct{}{}
	}
}

// batcher sends the gets of one node. A goroutine of its own does so while there are
// any: callers may stop waiting at any time.
type batcher struct {
	fetch    func(batch []*waiter) error // sets what was found
	running  *sync.WaitGroup
	clock    *awakeClock
	patience time.Duration // the longest wait in the queue
	refuse   func(err error, waited, awake time.Duration) error
	loop     func() // send, bound once: a go statement then allocates nothing

	mu      sync.Mutex // guards below
	busy    bool
	most    int       // waiters a batch may have, from the size of what came last; 0: not known
	waiting []*waiter // in the order of arrival
	going   []*waiter // the batch under way
}

// get notes w's arrival when there is an answer. The caller must be within an operation
// that running counts.
func (b *batcher) get(w *waiter) {
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
			w.err = b.refuse(errBehind, wall-w.since, now-w.at)
			w.all.note()
		}
		err := b.fetch(batch)
		if err != nil {
			// All that wait fail too: each has another node to turn to, and none may
			// wait for a sick node a second time.
			batch = b.rest(batch)
		}
		b.sized(batch)
		for _, w := range batch {
			w.err = err
			w.all.note()
		}
	}
}

// late takes those off the queue that have waited longer than anybody should and do not
// fit into the next command either: a node that answers, but slower than it is asked, would
// make the queue grow for ever. What counts is the node's time: of a queue that has grown
// since this process did not get to run, nobody is sent away.
func (b *batcher) late(now time.Duration) []*waiter {
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
func (b *batcher) next() []*waiter {
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
		if size += len(b.waiting[n].key) + 1; n > 0 && size > maxBatchKeyBytes {
			break
		}
		n++
	}
	return n
}

// rest adds all that wait to a batch that failed.
func (b *batcher) rest(batch []*waiter) []*waiter {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.going = append(batch, b.waiting...)
	clear(b.waiting)
	b.waiting = b.waiting[:0]
	return b.going
}

// sized keeps the answer to a batch of items like these within maxBatchBytes, so
// that it fits into one timeout.
func (b *batcher) sized(batch []*waiter) {
	largest := 1
	for _, w := range batch {
		if w.item != nil {
			largest = max(largest, len(w.item.value))
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.most = max(1, min(maxBatchKeys, maxBatchBytes/largest))
}

// keysOf lists the keys of a batch, each once, in the place of those of the last.
func keysOf(batch []*waiter, keys []string) []string {
	const few = 32 // are compared with each other
	var known map[string]bool
	if len(batch) > few {
		known = make(map[string]bool, len(batch))
	}
	keys = keys[:0]
	for _, w := range batch {
		if known == nil && slices.Contains(keys, w.key) || known[w.key] {
			continue
		}
		if known != nil {
			known[w.key] = true
		}
		keys = append(keys, w.key)
	}
	return keys
}
