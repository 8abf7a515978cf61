//go:build unix

package cluster

import (
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// This file asks whether the work that a record makes grows with its size, or with its size
// squared. It counts the processor time of this process, which does not depend on what else the
// machine does, and compares a large record with many small ones of the same shape.

// shape is how the records are that are compared.
type shape struct {
	writers int // of each attribute one, in turn
	removed int // every so many is a removal; 0: none
	name    int // bytes beyond what tells names apart
	value   int // bytes
}

// record has so many attributes.
func (p shape) record(attrs int) *stored {
	const newest = int64(1) << 50
	s := &stored{deadline: 1 << 40, dstamp: stamp{newest, 1}, attrs: make([]attribute, attrs)}
	long := make([]byte, p.name)
	for i := range s.attrs {
		a := attribute{name: fmt.Sprintf("%s%06d", long, i)}
		by := uint64(i) % uint64(max(1, p.writers))
		a.stamp = stamp{newest - int64(i%1000), by * 0x9e3779b97f4a7c15}
		if a.removed = p.removed > 0 && i%p.removed == 0; !a.removed {
			a.value = binary.BigEndian.AppendUint32(make([]byte, p.value), uint32(i))
		}
		s.attrs[i] = a
	}
	return s
}

// workOn is all that happens to a record on the way of a load and a save.
func workOn(s *stored) map[string]func() {
	b, at := plain(s), stamp{1 << 51, 5}
	buf := make([]byte, 0, len(b))
	other := clone(s)
	for i := range other.attrs {
		other.attrs[i].stamp.clock += int64(i % 2)
	}
	few := &stored{deadline: 1, dstamp: at, floor: 1 << 51}
	half, all := s.values(), s.values()
	for i := range s.attrs {
		if i%2 == 0 {
			delete(half, s.attrs[i].name)
		}
		all["new "+s.attrs[i].name] = nil
	}
	return map[string]func(){
		"encode":   func() { _, _ = s.appendTo(buf, aKey, nil, math.MaxInt) },
		"decode":   func() { _, _ = read(b) },
		"join":     func() { join(s, other) },
		"includes": func() { other.includes(s) },
		"change":   func() { change(s, half, 2, at); change(s, all, 2, at) },
		"forget":   func() { other.forget(s) },
		"above":    func() { s.above(few, s.dstamp, at) },
		"removing": func() { few.removing(s, at); s.removing(other, at) },
		"restamp":  func() { s.restamp(s.dstamp, at) },
	}
}

// spent is the processor time that f takes.
func spent(f func()) time.Duration {
	used := func() (d time.Duration) {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			panic(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	runtime.GC()
	before := used()
	f()
	return used() - before
}

// grows fails where one record of so many attributes costs far more than 16 with a sixteenth of
// them each. Work that is quadratic costs 16 times as much, work that sorts 1.5 times.
func (p shape) grows(t *testing.T, attrs int) {
	t.Helper()
	const parts, most = 16, 6
	large, small := workOn(p.record(attrs)), workOn(p.record(attrs/parts))
	for name := range large {
		var whole, split time.Duration
		for range 5 { // something else of this process may have run
			whole = spent(large[name])
			split = spent(func() {
				for range parts {
					small[name]()
				}
			})
			if whole < 20*time.Millisecond || whole < most*split {
				break
			}
		}
		if whole >= 20*time.Millisecond && whole >= most*split {
			t.Errorf("%s of %d attributes (%+v) takes %v, of %d times %d %v", name, attrs, p, whole, parts, attrs/parts, split)
		}
	}
}

func TestWorkGrowsWithARecordAndNotWithItsSquare(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for _, p := range []shape{
		{writers: 40_000},
		{writers: 17, removed: 2},
		{writers: 1, removed: 1},
	} {
		p.grows(t, 40_000)
	}
}

func FuzzRecordWork(f *testing.F) {
	f.Add(uint8(7), uint8(2), uint8(0), uint8(0), uint8(4)) // powers of two
	f.Add(uint8(14), uint8(1), uint8(3), uint8(10), uint8(0))
	f.Add(uint8(15), uint8(15), uint8(0), uint8(0), uint8(0)) // a writer for each
	f.Fuzz(func(t *testing.T, attrs, writers, removed, name, value uint8) {
		p := shape{writers: 1 << (writers % 17), removed: int(removed % 4), name: int(name % 64), value: int(value % 64)}
		p.grows(t, min(1<<(attrs%16), 1<<20/(p.name+p.value+20)))
	})
}
