package cluster

import (
	"bytes"
	"errors"
	"runtime"
	"strconv"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides whether a call comes from within the change of an update that it would wait for: it
// would wait for ever. It is told by its goroutine, since change is given no context that could say so.

// changes are those of updates under way, by session.
type changes struct {
	mu sync.Mutex // guards below
	of map[record.Key]goroutine
}

// errWithinChange is for what would wait for itself.
var errWithinChange = errors.New("cluster: update: called within the change of another Update of the session, which it would wait for: change the Record that the function is given, and call Update, Lock, or Save with a lock, after that Update")

// run calls the change of an update.
func (cs *changes) run(key record.Key, change func() error) error {
	cs.mu.Lock()
	if cs.of == nil {
		cs.of = map[record.Key]goroutine{}
	}
	cs.of[key] = thisGoroutine()
	cs.mu.Unlock()
	defer func() { // also when it panics
		cs.mu.Lock()
		defer cs.mu.Unlock()
		delete(cs.of, key)
	}()
	return change()
}

// isWithin reports whether this goroutine runs the change of an update of the session.
func (cs *changes) isWithin(key record.Key) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	g := cs.of[key]
	return g != 0 && g == thisGoroutine()
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
