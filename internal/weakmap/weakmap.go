// Package weakmap is a map whose entries last as long as what they are about.
package weakmap

import (
	"runtime"
	"sync"
	"unsafe"
	"weak"
)

// This file decides how long an entry lasts: until the garbage collector has taken the object that
// its key points to.

// Map holds values by the address of an object: of an array's first byte, of a map's or a channel's
// header. It does not keep the object alive, and lets its entry go some time after the object has
// gone. A value must not lead to the object of its key, or neither ever goes.
//
// The zero value is empty and ready for use, by several goroutines at once. It must not be copied
// after the first use.
type Map[V any] struct {
	mu      sync.Mutex // guards below
	entries map[uintptr]entry[V]
	gone    func(identity) // forget, bound once: as a method value it would be made for each entry
}

// entry is what is held for the object at an address. Another object may have come to lie there
// before the entry has gone: object tells.
type entry[V any] struct {
	object weak.Pointer[byte]
	value  V
}

// identity is that of an object with an entry.
type identity struct {
	id   weak.Pointer[byte]
	addr uintptr
}

func address(key *byte) uintptr { return uintptr(unsafe.Pointer(key)) }

// Get returns the value for the object, or the zero value where there is none.
func (m *Map[V]) Get(key *byte) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.getLocked(key)
}

// getLocked makes nothing for objects that have no entry, as weak.Make would.
func (m *Map[V]) getLocked(key *byte) (v V, ok bool) {
	if key == nil {
		return v, false
	}
	e, ok := m.entries[address(key)]
	if !ok || e.object.Value() != key {
		return v, false
	}
	return e.value, true
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
	if v, ok := m.getLocked(key); ok {
		return v
	}
	if m.entries == nil {
		m.entries, m.gone = map[uintptr]entry[V]{}, m.forget
	}
	v, o := make(), identity{id: weak.Make(key), addr: address(key)}
	m.entries[o.addr] = entry[V]{o.id, v}
	runtime.AddCleanup(key, m.gone, o)
	return v
}

// Len is the number of entries, those of objects that have just gone included.
func (m *Map[V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// forget is called on a goroutine of the garbage collector when the object has gone.
func (m *Map[V]) forget(o identity) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[o.addr].object == o.id {
		delete(m.entries, o.addr)
	}
}
