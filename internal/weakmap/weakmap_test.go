package weakmap

// These tests show that an entry lasts as long as its object, and no longer.

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"
	"weak"
)

// object is one that no other shares memory with, as very small ones do.
func object() *byte { return unsafe.SliceData(make([]byte, 64)) }

// waitUntilEmpty collects garbage until all entries are gone.
func waitUntilEmpty[V any](t *testing.T, m *Map[V]) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); m.Len() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d entries are left", m.Len())
		}
		runtime.GC()
	}
}

func TestEntryLastsAsLongAsItsObject(t *testing.T) {
	var m Map[int]
	kept := object()
	m.GetOrSet(kept, func() int { return -1 })
	for i := range 1000 {
		m.GetOrSet(object(), func() int { return i })
	}
	for limit := time.Now().Add(20 * time.Second); m.Len() > 1 && time.Now().Before(limit); time.Sleep(time.Millisecond) {
		runtime.GC()
	}
	if v, ok := m.Get(kept); !ok || v != -1 || m.Len() != 1 {
		t.Fatalf("of the object that is still there the map says %d, %v, and it has %d entries", v, ok, m.Len())
	}
	runtime.KeepAlive(kept)
	kept = nil
	waitUntilEmpty(t, &m)
}

func TestSweepKeepsTheEntriesOfObjectsThatAreLeft(t *testing.T) {
	var m Map[int]
	kept := make([]*byte, 20*sweepAtOnce)
	var wg sync.WaitGroup
	for i := range kept {
		kept[i] = object()
		m.GetOrSet(kept[i], func() int { return i })
		m.GetOrSet(object(), func() int { return -1 })
		if i%sweepAtOnce == 0 {
			runtime.GC()
			wg.Go(m.sweep)
		}
	}
	wg.Wait()
	for i, key := range kept {
		if v, ok := m.Get(key); !ok || v != i {
			t.Fatalf("of object %d the map says %d, %v", i, v, ok)
		}
	}
	clear(kept)
	waitUntilEmpty(t, &m)
}

func TestMapsAndChannelsAreObjects(t *testing.T) {
	var m Map[string]
	for name, make := range map[string]func() any{
		"map":     func() any { return map[string]any{} },
		"channel": func() any { return make(chan struct{}) },
	} {
		v, other := make(), make()
		id := func(v any) *byte { return (*byte)(reflect.ValueOf(v).UnsafePointer()) }
		m.GetOrSet(id(v), func() string { return name })
		if got, ok := m.Get(id(v)); !ok || got != name {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
		if got, ok := m.Get(id(other)); ok {
			t.Errorf("another %s: got %q", name, got)
		}
	}
	waitUntilEmpty(t, &m)
}

func TestNilIsNoObject(t *testing.T) {
	var m Map[int]
	if v := m.GetOrSet(nil, func() int { return 1 }); v != 0 || m.Len() != 0 {
		t.Errorf("nil has the value %d", v)
	}
	m.GetOrSet(object(), func() int { return 1 })
	if _, ok := m.Get(nil); ok {
		t.Error("nil has an entry")
	}
}

var global [64]byte

func TestMemoryThatNeverGoesHasAnEntryForEver(t *testing.T) {
	var m Map[int]
	m.GetOrSet(&global[0], func() int { return 1 })
	runtime.GC()
	if v, ok := m.Get(&global[0]); !ok || v != 1 {
		t.Errorf("got %d, %v", v, ok)
	}
}

func TestOneOfManyMakesTheValue(t *testing.T) {
	var m Map[*int]
	key := object()
	var made atomic.Int32
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() { m.GetOrSet(key, func() *int { made.Add(1); return new(int) }) })
	}
	wg.Wait()
	if made.Load() != 1 {
		t.Fatalf("%d values were made for one object", made.Load())
	}
}

func TestEntryOfAnObjectThatLayThereBeforeIsNone(t *testing.T) {
	var m Map[int]
	before, now := object(), object()
	m.GetOrSet(object(), func() int { return -1 })
	m.entries[address(now)] = entry[int]{weak.Make(before), 1} // as if before had lain where now lies
	if v, ok := m.Get(now); ok {
		t.Errorf("an object has the value %d of another", v)
	}
	if v := m.GetOrSet(now, func() int { return 2 }); v != 2 {
		t.Errorf("got %d, want what was made for this object", v)
	}
	m.sweep()
	if v, ok := m.Get(now); !ok || v != 2 {
		t.Errorf("after the end of the other object got %d, %v", v, ok)
	}
	runtime.KeepAlive(before)
	runtime.KeepAlive(now)
}

func TestLookingUpNeedsNoMemory(t *testing.T) {
	var m Map[int]
	known, unknown := object(), make([]*byte, 0, 200)
	m.GetOrSet(known, func() int { return 1 })
	for range cap(unknown) {
		unknown = append(unknown, object())
	}
	i := 0
	if n := testing.AllocsPerRun(100, func() { m.Get(known); m.Get(unknown[i]); i++ }); n != 0 {
		t.Errorf("to look up one object that is known and one that is not takes %v allocations", n)
	}
}

func TestAnEntryTakesFewAllocations(t *testing.T) {
	var m Map[int]
	n := testing.AllocsPerRun(1000, func() { m.GetOrSet(object(), func() int { return 1 }) })
	if n > 2 { // the object and the weak pointer
		t.Errorf("an entry takes %v allocations", n)
	}
}
