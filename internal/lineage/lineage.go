// Package lineage tells which of the bytes in this process belong to one session. A store hands
// bytes out, a codec decodes them to values, the app changes the values, the codec encodes them,
// and the store gets other bytes back. Store and codec do not know each other, so the line from the
// first bytes to the last follows identities: the address of the bytes, and that of the map of
// values. It needs no context, and no call of the app.
//
// Bytes or values that were copied on the way are on no line. The garbage collector releases what
// is noted about bytes and maps together with them.
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

// Watch begins to draw lines. A process without a store that calls Watch pays nothing for lines.
func Watch() { watched.Store(true) }

// A Line is one session in the memory of this process, from find to commit. Stores keep notes of
// the session on it. Unknown bytes have a nil Line, which has no notes and keeps none.
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

// Note returns the store's note on the line, or nil.
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

// SetNote replaces the store's note on the line. The note must not change afterwards, and must not
// refer to bytes or values that are on the line: they would keep each other alive.
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

// fork returns a new line with the same notes. It is needed because bytes that are decoded twice,
// by a store with a cache, become two sets of values, which the app changes independently.
func (l *Line) fork() *Line {
	l.mu.Lock()
	defer l.mu.Unlock()
	return &Line{first: l.first, more: slices.Clone(l.more)}
}

// Found begins a line with bytes that a store is about to hand out. Nobody else may have the bytes
// yet.
func Found(b []byte) *Line {
	if !watched.Load() {
		return nil
	}
	return bytes.GetOrSet(unsafe.SliceData(b), func() *Line { return new(Line) })
}

// Of returns the line of bytes that a store has found, or that were encoded from values; nil for
// all other bytes.
func Of(b []byte) *Line {
	l, _ := bytes.Get(unsafe.SliceData(b))
	return l
}

// Decoded puts the new values v, to which a codec has decoded b, on the line of b.
func Decoded(b []byte, v map[string]any) {
	if l := Of(b); l != nil {
		values.GetOrSet(address(v), l.fork)
	}
}

// Encoded puts the new bytes b, to which a codec has encoded the values v, on the line of v. Values
// that are on no line begin one, because all bytes that are encoded from them are one session.
func Encoded(v map[string]any, b []byte) {
	if !watched.Load() {
		return
	}
	if l := values.GetOrSet(address(v), func() *Line { return new(Line) }); l != nil {
		bytes.GetOrSet(unsafe.SliceData(b), func() *Line { return l })
	}
}

// Len returns the number of byte slices and maps that are on a line.
func Len() int { return bytes.Len() + values.Len() }

// address is the identity of a map, nil for a nil map.
func address(v map[string]any) *byte { return (*byte)(reflect.ValueOf(v).UnsafePointer()) }
