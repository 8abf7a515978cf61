// Package lineage tells which bytes are the same session as which others, within one process: a
// store hands bytes out, a codec decodes them to values, the app changes the values, the codec
// encodes them, and the store gets other bytes back. Store and codec know each other only by what
// passes through their hands, so the line from the first bytes to the last is drawn by identity:
// of the bytes' memory, and of the map of values. No context is needed, and no call of the app.
//
// Bytes or values that somebody has copied on the way are on no line. What is noted about bytes and
// maps is let go with them.
package lineage

import (
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/holdfast-go/holdfast/internal/weakmap"
)

// This file decides what is one line: found bytes, the values decoded from them, and everything
// that is encoded from these values.

var (
	watched atomic.Bool
	bytes   weakmap.Map[*Line]
	values  weakmap.Map[*Line]
)

// Watch begins the noting of lines. Without a store that asks for them a codec pays nothing.
func Watch() { watched.Store(true) }

// A Line is one session in the memory of this process, from find to commit. Stores write on it what
// they know of that session. A nil Line is that of unknown bytes: nothing is known, and nothing is
// kept.
type Line struct {
	mu    sync.Mutex // guards below
	first note       // one session goes through one store, mostly
	more  []note     // of the others
}

type note struct{ store, what any }

// ofLocked returns the place of the store's note, or nil.
func (l *Line) ofLocked(store any) *note {
	if l.first.store == store {
		return &l.first
	}
	for i := range l.more {
		if l.more[i].store == store {
			return &l.more[i]
		}
	}
	return nil
}

// Note returns what the store has written on the line, or nil.
func (l *Line) Note(store any) any {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := l.ofLocked(store); n != nil {
		return n.what
	}
	return nil
}

// SetNote writes what the store knows on the line, in the place of what it has written before. It
// must not change afterwards, and must not lead to bytes or values that are on the line.
func (l *Line) SetNote(store, what any) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch n := l.ofLocked(store); {
	case n != nil:
		n.what = what
	case l.first.store == nil:
		l.first = note{store, what}
	default:
		l.more = append(l.more, note{store, what})
	}
}

// fork returns a line of its own with the same notes. Bytes that are decoded twice, by a store that
// keeps them in a cache, become two sets of values, which the app changes independently.
func (l *Line) fork() *Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Line{first: l.first, more: slices.Clone(l.more)}
}

// Found begins a line with bytes that a store is about to hand out. The bytes must be fresh.
func Found(b []byte) *Line {
	if !watched.Load() {
		return nil
	}
	return bytes.GetOrSet(unsafe.SliceData(b), func() *Line { return new(Line) })
}

// Of returns the line of bytes that a store has found, or that were encoded from values. It is nil
// for all others.
func Of(b []byte) *Line {
	l, _ := bytes.Get(unsafe.SliceData(b))
	return l
}

// Decoded tells that a codec has decoded b to new values.
func Decoded(b []byte, v map[string]any) {
	if l := Of(b); l != nil {
		values.GetOrSet(address(v), l.fork)
	}
}

// Encoded tells that a codec has encoded the values to b, which is fresh. Values that were not
// decoded from anything begin a line: what is encoded from them later is the same session.
func Encoded(v map[string]any, b []byte) {
	if !watched.Load() {
		return
	}
	if l := values.GetOrSet(address(v), func() *Line { return new(Line) }); l != nil {
		bytes.GetOrSet(unsafe.SliceData(b), func() *Line { return l })
	}
}

// Len is the number of runs of bytes and of maps that are on a line.
func Len() int { return bytes.Len() + values.Len() }

// address is the identity of a map, nil for a nil map.
func address(v map[string]any) *byte { return (*byte)(reflect.ValueOf(v).UnsafePointer()) }
