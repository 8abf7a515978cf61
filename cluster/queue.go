package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides in which order the updates of one session go in this process: one at a time, in
// the order of arrival. Side by side they would only make each other begin again. Between processes
// the nodes decide.
//
// What waits for an update from within the change of that update would wait for ever. It is told by
// its goroutine, since change is given no context that could say so.

// keyedQueue holds the updates that wait, session by session.
type keyedQueue struct {
	mu   sync.Mutex // guards below
	busy map[record.Key]*updateLine
}

// updateLine is the line of a session that is being updated.
type updateLine struct {
	waiting  []chan struct{} // each has room for its turn
	changing goroutine       // which runs the change of the one whose turn it is; zero: none
}

// errWithinChange is for what would wait for itself.
var errWithinChange = errors.New("cluster: update: called within the change of another Update of the session, which it would wait for: change the Record that the function is given, and call Update, Lock, or Save with a lock, after that Update")

// enter waits for the turn, which ends with leave. The error is that of ctx, ErrClosed, or
// errWithinChange: then there is no turn.
func (q *keyedQueue) enter(ctx context.Context, closing <-chan struct{}, key record.Key) error {
	q.mu.Lock()
	if q.busy == nil {
		q.busy = map[record.Key]*updateLine{}
	}
	line := q.busy[key]
	if line == nil {
		q.busy[key] = &updateLine{}
		q.mu.Unlock()
		return nil
	}
	if line.changing != 0 && line.changing == thisGoroutine() {
		q.mu.Unlock()
		return errWithinChange
	}
	turn := make(chan struct{}, 1)
	line.waiting = append(line.waiting, turn)
	q.mu.Unlock()
	var err error
	select {
	case <-turn:
		return nil
	case <-ctx.Done():
		err = fmt.Errorf("cluster: update: %w", ctx.Err())
	case <-closing:
		err = ErrClosed
	}
	q.giveUp(key, turn)
	return err
}

// giveUp takes one out of the line. Whose turn has come meanwhile passes it on.
func (q *keyedQueue) giveUp(key record.Key, turn chan struct{}) {
	q.mu.Lock()
	line := q.busy[key]
	i := slices.Index(line.waiting, turn)
	if i >= 0 {
		line.waiting = slices.Delete(line.waiting, i, i+1)
	}
	q.mu.Unlock()
	if i < 0 {
		q.leave(key)
	}
}

// leave ends a turn, and gives the next one to the first that waits.
func (q *keyedQueue) leave(key record.Key) {
	q.mu.Lock()
	defer q.mu.Unlock()
	line := q.busy[key]
	if len(line.waiting) == 0 {
		delete(q.busy, key)
		return
	}
	next := line.waiting[0]
	line.waiting = line.waiting[1:]
	next <- struct{}{}
}

// within calls the change of the one whose turn it is.
func (q *keyedQueue) within(key record.Key, change func() error) error {
	q.setChanging(key, thisGoroutine())
	defer q.setChanging(key, 0) // also when it panics
	return change()
}

func (q *keyedQueue) setChanging(key record.Key, g goroutine) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy[key].changing = g
}

// goroutine is the number of one. Zero is none.
type goroutine uint64

// thisGoroutine reads the number from the first line of a stack, "goroutine 7 [running]:", as
// net/http does for its checks: package runtime tells it nowhere else. It is zero where that line
// has another form; then nobody is told apart.
func thisGoroutine() goroutine {
	var b [64]byte
	text, _ := bytes.CutPrefix(b[:runtime.Stack(b[:], false)], []byte("goroutine "))
	text, _, _ = bytes.Cut(text, []byte(" "))
	n, _ := strconv.ParseUint(string(text), 10, 64)
	return goroutine(n)
}
