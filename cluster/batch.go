package cluster

import "sync"

// This file decides which gets of a node travel together. The caller that finds
// the node idle goes at once and alone; those that arrive while it is under way
// go together next. So a lone caller waits for nobody, and many callers cost
// the node one command instead of one each. A get never joins a command that was
// sent before it arrived: it could miss a write that was acknowledged in between.

const (
	maxBatchKeys  = 64
	maxBatchBytes = 2 << 20
)

type batcher struct {
	fetch func(keys []string) (map[string]*item, error)

	mu      sync.Mutex // guards below
	busy    bool
	most    int // keys a batch may have, from the size of what came last; 0: not known
	waiting []*waiter
}

// waiter is a caller that waits for a command under way to end.
type waiter struct {
	key  string
	wake chan struct{}
	// Set before wake is closed: the answer, or the batch that this caller has to
	// send for all in it.
	item  *item
	err   error
	batch []*waiter
}

func (b *batcher) get(key string) (*item, error) {
	b.mu.Lock()
	if b.busy {
		w := &waiter{key: key, wake: make(chan struct{})}
		b.waiting = append(b.waiting, w)
		b.mu.Unlock()
		<-w.wake
		if w.batch != nil {
			b.send(w.batch)
		}
		return w.item, w.err
	}
	b.busy = true
	b.mu.Unlock()
	found, err := b.fetch([]string{key})
	b.pass(found, err)
	return found[key], err
}

// send fetches the batch and hands out the answers; its first waiter is the caller.
func (b *batcher) send(batch []*waiter) {
	keys := make([]string, 0, len(batch))
	seen := make(map[string]bool, len(batch))
	for _, w := range batch {
		if !seen[w.key] {
			seen[w.key] = true
			keys = append(keys, w.key)
		}
	}
	found, err := b.fetch(keys)
	b.pass(found, err)
	for i, w := range batch {
		w.item, w.err = found[w.key], err
		if i > 0 {
			close(w.wake)
		}
	}
}

// pass ends a command: the first of those that wait sends the next. When the
// command failed they all fail with it: each has another node to turn to, and
// none may wait for a sick node a second time.
func (b *batcher) pass(found map[string]*item, err error) {
	b.mu.Lock()
	var failed []*waiter
	var next *waiter
	if err != nil {
		failed, b.waiting = b.waiting, nil
	} else {
		b.most = batchSize(found)
	}
	if n := min(len(b.waiting), b.most); n > 0 {
		next = b.waiting[0]
		next.batch = b.waiting[:n:n]
		b.waiting = b.waiting[n:]
	} else {
		b.busy = false
	}
	b.mu.Unlock()
	for _, w := range failed {
		w.err = err
		close(w.wake)
	}
	if next != nil {
		close(next.wake)
	}
}

// batchSize keeps the answer to a batch of items like these within maxBatchBytes,
// so that it fits into one timeout.
func batchSize(found map[string]*item) int {
	largest := 1
	for _, it := range found {
		largest = max(largest, len(it.value))
	}
	return max(1, min(maxBatchKeys, maxBatchBytes/largest))
}
