// Package weakmap is a map whose entries last as long as the objects that their keys point to.
package weakmap

import (
	"runtime"
	"sync"
	"unsafe"
	"weak"
)

// This file decides how long an entry lasts: until the garbage collector has taken the object that
// its key points to.

// Map holds values by the address of an object: the first byte of an array, or the header of a map
// or a channel. It does not keep the object alive, and drops the entry some time after the garbage
// collector has taken the object. A value must not refer to the object of its key, or neither is
// ever released.
//
// The zero Map is empty and ready for use, by several goroutines at once. It must not be copied
// after the first use.
type Map[V any] struct {
	mu      sync.Mutex // guards below
	entries map[uintptr]entry[V]
	waits   bool // for the next garbage collection, to sweep then
}

// entry is the value for the object at an address. The allocator may have put another object at
// this address before the entry is dropped: the weak pointer tells.
type entry[V any] struct {
	object weak.Pointer[byte]
	value  V
}

func address(key *byte) uintptr { return uintptr(unsafe.Pointer(key)) }

// Get returns the value for the object; the zero value and false if there is none.
func (m *Map[V]) Get(key *byte) (v V, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.getLocked(key)
}

// getLocked allocates nothing for an object without an entry; weak.Make would.
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

// GetOrSet returns the value for the object. If there is none, it calls make, stores the result and
// returns it. For a nil key it returns the zero value and stores nothing.
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
		m.entries = map[uintptr]entry[V]{}
	}
	v := make()
	m.entries[address(key)] = entry[V]{weak.Make(key), v}
	m.waitLocked()
	return v
}

// Len returns the number of entries, including those of objects that have just been released.
func (m *Map[V]) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// A cycle is an object that nothing refers to: the next garbage collection takes it.
type cycle struct{ _ *byte } // with a pointer, because very small objects without one share memory

// waitLocked has sweep called after the next garbage collection. One cleanup for the whole map is
// much cheaper than one for each entry: a request makes several entries.
func (m *Map[V]) waitLocked() {
	if !m.waits {
		m.waits = true
		runtime.AddCleanup(new(cycle), (*Map[V]).sweep, m)
	}
}

// sweepAtOnce is how many entries sweep looks at before it lets others use the map: some
// microseconds.
const sweepAtOnce = 256

// sweep drops the entries of the objects that have gone. It is called on a goroutine of the garbage
// collector.
func (m *Map[V]) sweep() {
	m.mu.Lock()
	defer m.mu.Unlock()
	looked := 0
	for addr, e := range m.entries {
		if e.object.Value() == nil {
			delete(m.entries, addr)
		}
		if looked++; looked%sweepAtOnce == 0 {
			m.mu.Unlock()
			m.mu.Lock()
		}
	}
	m.waits = false
	if len(m.entries) > 0 {
		m.waitLocked()
	}
}
