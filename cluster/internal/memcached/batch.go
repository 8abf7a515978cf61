package memcached

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides which gets go to the server in one command, and what becomes of those that
// wait too long. A get never joins a command that was sent before it arrived (rule 19): it could
// miss a write that was acknowledged in between.

const (
	maxBatchKeys     = 256
	maxBatchKeyBytes = 12 << 10 // Amazon's serverless nodes take 16 KB in a command
	maxBatchBytes    = 2 << 20  // of the answer
)

// batcher sends the gets of one server. A goroutine of its own does so while there are any:
// callers may stop waiting at any time.
type batcher struct {
	fetch    func(batch []*Request) error // sets what was found
	running  *sync.WaitGroup
	clock    *Clock
	patience time.Duration // the longest wait in the queue
	refuse   func(err error, waited, awake time.Duration) error
	loop     func() // send, bound once: a go statement then allocates nothing

	queue coalescer[*Request]
	most  atomic.Int64 // requests that a batch may have, from the size of what came last; 0: not known
	going []*Request   // the batch under way
}

// get has r answered, and its Latch told. The caller must be within an operation that running
// counts.
func (b *batcher) get(r *Request) {
	r.since, r.at = b.clock.both()
	if b.queue.join(r) {
		b.running.Add(1)
		go b.loop()
	}
}

// send leads until nobody waits.
func (b *batcher) send() {
	defer b.running.Done()
	b.queue.gather()
	for more := true; more; _, more = b.queue.handOn() {
		clear(b.going)
		b.going = b.queue.take(b.going[:0], b.fit)
		b.turnAwayLate()
		err := b.fetch(b.going)
		if err != nil {
			// All that wait fail too: each has another server to turn to, and none may wait for a
			// sick one a second time.
			b.going = b.queue.take(b.going, everyone)
		}
		b.sized(b.going)
		wall, _ := b.clock.both()
		for _, r := range b.going {
			r.Err, r.Took = err, wall-r.since
			r.Latch.answered()
		}
	}
}

// turnAwayLate answers those who have waited longer than anybody should and do not fit into the
// batch that goes now either: a server that answers, but slower than it is asked, would make the
// queue grow for ever. What counts is the server's time: of a queue that has grown since this
// process did not get to run, nobody is turned away.
func (b *batcher) turnAwayLate() {
	wall, now := b.clock.both()
	late := b.queue.take(nil, func(waiting []*Request) (n int) {
		for n < len(waiting) && b.patience > 0 && now-waiting[n].at > b.patience {
			n++
		}
		return n
	})
	for _, r := range late {
		r.Took = wall - r.since
		r.Err = b.refuse(errBehind, r.Took, now-r.at)
		r.Latch.answered()
	}
}

// fit is how many of those that wait fit into one command.
func (b *batcher) fit(waiting []*Request) (n int) {
	most, size := max(int(b.most.Load()), 1), 0
	for n < len(waiting) && n < most {
		if size += len(waiting[n].Key) + 1; n > 0 && size > maxBatchKeyBytes {
			break
		}
		n++
	}
	return n
}

// sized keeps the answer to a batch of values like these within maxBatchBytes, so that it fits
// into one Timeout.
func (b *batcher) sized(batch []*Request) {
	largest := 1
	for _, r := range batch {
		if r.Copy != nil {
			largest = max(largest, len(r.Copy.Value))
		}
	}
	b.most.Store(int64(max(1, min(maxBatchKeys, maxBatchBytes/largest))))
}

// reader is the connection of gets: a client that has one connection and carries one command at
// a time, that of a batch.
type reader struct {
	client *memcache.Client
	opened uint64         // how many connections to the server had been opened when the command was sent
	sent   int            // the size of the largest value that the server has sent
	keys   []string       // of the batch; kept for the next, as listed is
	listed map[string]int // how many of the batch ask for a key
}

// fetch reads what a batch asks for, with one command.
func (r *reader) fetch(batch []*Request) error {
	for _, q := range batch {
		q.Copy, q.AlsoCopy = nil, nil
	}
	if len(batch) == 1 && batch[0].Also == "" {
		return r.fetchOne(batch[0])
	}
	items, err := r.client.GetMulti(r.keysOf(batch))
	if err != nil {
		return err
	}
	asked := 0
	for _, q := range batch {
		if it := items[q.Key]; it != nil {
			q.finds(it, r.opened, r.listed[q.Key] > 1)
			asked++
		}
		if it := items[q.Also]; it != nil && q.Also != "" {
			q.AlsoCopy = &Copy{Value: it.Value, cas: it.CasID, opened: r.opened}
			asked++
		}
	}
	if asked < len(items) {
		return errOutOfStep
	}
	return nil
}

func (r *reader) fetchOne(q *Request) error {
	it, err := r.client.Get(q.Key)
	switch {
	case errors.Is(err, memcache.ErrCacheMiss):
		return nil
	case err != nil:
		return err
	case it.Key != q.Key:
		return errOutOfStep
	}
	q.finds(it, r.opened, false)
	return nil
}

// keysOf lists the keys of a batch, each once, in the place of those of the last.
func (r *reader) keysOf(batch []*Request) []string {
	if r.listed == nil {
		r.listed = map[string]int{}
	}
	clear(r.listed)
	r.keys = r.keys[:0]
	for _, q := range batch {
		for _, key := range [...]string{q.Key, q.Also} {
			if key == "" {
				continue
			}
			if r.listed[key]++; r.listed[key] == 1 {
				r.keys = append(r.keys, key)
			}
		}
	}
	return r.keys
}
