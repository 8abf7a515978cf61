// Package weakmap is a map whose entries last as long as what they are about.
package weakmap

// This file decides how long an entry lasts: until the garbage collector has taken the object that
// its key points to.

import (
	"runtime"
	"sync"
	"weak"
)

// Map holds values by the address of an object: of an array's first byte, of a map's or a channel's
// header. It does not keep the object alive, and lets its entry go some time after the object has
// gone. A value must not lead to the object of its key, or neither ever goes.
//
// The zero value is empty and ready for use, by several goroutines at once.
type Map[V any] struct {
	mu      sync.Mutex // guards below
	entries map[weak.Pointer[byte]]V
}

// Get returns the value for the object, or the zero value where there is none.
func (m *Map[V]) Get(key *byte) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if key == nil || len(m.entries) == 0 {
		return v, false
	}
	v, ok = m.entries[weak.Make(key)]
	return v, ok
}

// GetOrSet is Get where there is a value. Otherwise it stores what make returns, and returns that.
// A nil key has the zero value.
func (m *Map[V]) GetOrSet(key *byte, make func() V) V {
	if key == nil {
		var none V
		return none
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	id := weak.Make(key)
	v, ok := m.entries[id]
	if ok {
		return v
	}
	if m.entries == nil {
		m.entries = map[weak.Pointer[byte]]V{}
	}
	v = make()
	m.entries[id] = v
	runtime.AddCleanup(key, m.forget, id)
	return v
}

// Len is the number of entries, those of objects that have just gone included.
func (m *Map[V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// forget is called on a goroutine of the garbage collector when the object has gone.
func (m *Map[V]) forget(id weak.Pointer[byte]) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, id)
}
