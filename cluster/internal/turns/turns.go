package turns

import (
	"context"
	"errors"
	"slices"
	"sync"
)

// This file decides whose turn it is on a key.

// Queue has those that work on one key take turns: W is one of them.
type Queue[K comparable, W any] struct {
	// Together reports whether two go in one turn; nil: none do.
	Together func(first, next W) bool

	mu   sync.Mutex // guards below
	busy map[K]line[W]
}

// line is that of a key on which there is a turn.
type line[W any] struct {
	along   []waiter[W] // whom the present turn has taken along
	waiting []waiter[W] // in the order of arrival
}

// waiter is one that waits.
type waiter[W any] struct {
	w W
	// turn has room for the turn: all that go in it, itself first. None: the turn that has taken it along is over.
	turn chan []W
}

// ErrClosing is for those that wait in a process that ends.
var ErrClosing = errors.New("closing")

// Enter waits for the turn of w, and returns those that go in it, w first; Leave ends it. Waited is false where
// nobody was before it. Without a turn they are none: another one has taken w along, and is done with it, or the
// error is that of ctx, or ErrClosing, and nobody has done anything for w.
func (q *Queue[K, W]) Enter(ctx context.Context, closing <-chan struct{}, key K, w W) (together []W, waited bool, err error) {
	q.mu.Lock()
	l, busy := q.busy[key]
	if !busy {
		if q.busy == nil {
			q.busy = map[K]line[W]{}
		}
		q.busy[key] = l
		q.mu.Unlock()
		return []W{w}, false, nil
	}
	turn := make(chan []W, 1)
	l.waiting = append(l.waiting, waiter[W]{w, turn})
	q.busy[key] = l
	q.mu.Unlock()
	select {
	case together = <-turn:
		return together, true, nil
	case <-ctx.Done():
		err = ctx.Err()
	case <-closing:
		err = ErrClosing
	}
	if q.giveUp(key, turn) {
		return nil, true, err
	}
	return <-turn, true, nil // too late: it is under way
}

// giveUp takes one out of the line, and reports whether it stood there.
func (q *Queue[K, W]) giveUp(key K, turn chan []W) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.busy[key]
	i := slices.IndexFunc(l.waiting, func(o waiter[W]) bool { return o.turn == turn })
	if i >= 0 {
		l.waiting = slices.Delete(l.waiting, i, i+1)
		q.busy[key] = l
	}
	return i >= 0
}

// Leave ends a turn, for those that it has taken along, too. The next one is for the first that waits, and for those
// right behind it that go together with it.
func (q *Queue[K, W]) Leave(key K) {
	q.mu.Lock()
	defer q.mu.Unlock()
	l := q.busy[key]
	for _, o := range l.along {
		o.turn <- nil
	}
	if len(l.waiting) == 0 {
		delete(q.busy, key)
		return
	}
	first := l.waiting[0]
	together, n := []W{first.w}, 1
	for ; n < len(l.waiting) && q.Together != nil && q.Together(first.w, l.waiting[n].w); n++ {
		together = append(together, l.waiting[n].w)
	}
	q.busy[key] = line[W]{along: slices.Clone(l.waiting[1:n]), waiting: slices.Clone(l.waiting[n:])}
	first.turn <- together
}
