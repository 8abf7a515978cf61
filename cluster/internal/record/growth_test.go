//go:build unix

package record

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"syscall"
	"testing"
	"time"
)

// This file asks whether the work that a record makes grows with its size, or with its size
// squared. It counts the processor time of this process, which does not depend on what else the
// machine does, and compares a large record with many small ones of the same shape.

// shape is how the records are that are compared.
type shape struct {
	writers int     // of each attribute one, in turn
	blocks  bool    // the first attributes have the first writer, the next the next, and so on
	removed int     // every so many is an attribute tombstone; 0: none
	name    int     // bytes beyond what tells names apart
	value   int     // bytes
	clocks  []int64 // of attributes, in turn; none: a thousand, one apart
	floor   int64
}

// record has so many attributes.
func (p shape) record(attrs int) *Record {
	const newest = int64(1) << 50
	s := &Record{deadline: 1 << 40, deadlineSet: Timestamp{newest, 1}, watermark: p.floor, attrs: make([]attribute, attrs)}
	long := make([]byte, p.name)
	for i := range s.attrs {
		a := attribute{name: fmt.Sprintf("%s%06d", long, i)}
		by, clock := i%max(1, p.writers), newest-int64(i%1000)
		if p.blocks {
			by = i * max(1, p.writers) / attrs
		}
		if len(p.clocks) > 0 {
			clock = p.clocks[i%len(p.clocks)]
		}
		a.timestamp = Timestamp{clock, uint64(by) * 0x9e3779b97f4a7c15}
		if a.tombstone = p.removed > 0 && i%p.removed == 0; !a.tombstone {
			a.value = binary.BigEndian.AppendUint32(make([]byte, p.value), uint32(i))
		}
		s.attrs[i] = a
	}
	return s
}

// workOn is all that happens to a record on the way of a load and a save.
func workOn(s *Record) map[string]func() {
	b, at := plain(s), Timestamp{1 << 51, 5}
	buf := make([]byte, 0, len(b))
	other := clone(s)
	for i := range other.attrs {
		other.attrs[i].timestamp.Clock += int64(i % 2)
	}
	few := &Record{deadline: 1, deadlineSet: at, watermark: 1 << 51}
	half, all := s.Values(), s.Values()
	for i := range s.attrs {
		if i%2 == 0 {
			delete(half, s.attrs[i].name)
		}
		all["new "+s.attrs[i].name] = nil
	}
	return map[string]func(){
		"encode":           func() { _, _ = s.AppendTo(buf, aKey, nil, math.MaxInt) },
		"decode":           func() { _, _ = read(b) },
		"merge":            func() { Merge(s, other) },
		"includes":         func() { other.Includes(s) },
		"change":           func() { Change(s, half, 2, at); Change(s, all, 2, at) },
		"collect":          func() { other.CollectTombstones(s) },
		"retime collected": func() { s.RetimeCollected(few, s.deadlineSet, at) },
		"replacing":        func() { few.Replacing(s, at); s.Replacing(other, at) },
		"retime":           func() { s.Retime(s.deadlineSet, at) },
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

// shape reads one, and a number of attributes.
func (n *numbers) shape() (p shape, attrs int) {
	attrs = 1<<(n.byte()%15) + n.byte()%16
	p.writers = min(1<<(n.byte()%15), attrs)
	how := n.byte()
	p.blocks, p.removed = how%2 == 1, how/2%4
	p.name, p.value = n.byte()%64, n.byte()%64
	for range n.byte() % 8 {
		p.clocks = append(p.clocks, n.clock())
	}
	if n.byte()%2 == 1 {
		p.floor = n.clock()
	}
	return p, min(attrs, 1<<20/(p.name+p.value+20))
}

// Whatever a record is like in its clocks, its counts and its writers, the work with it grows with
// its size, and it takes a change.
func FuzzRecordWork(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{7, 0, 2, 0, 0, 4})                      // few writers
	f.Add([]byte{14, 0, 1, 7, 10, 0})                    // removals
	f.Add([]byte{14, 0, 14})                             // a writer for each attribute
	f.Add([]byte{13, 0, 14, 1, 0, 0, 2, 1, 15})          // the same, and two clocks in turn
	f.Add([]byte{8, 3, 5, 3, 1, 1, 1, 29, 1, 16})        // at the end of all numbers
	f.Add([]byte{10, 0, 5, 2, 2, 2, 3, 29, 0, 7, 1, 10}) // among others, and a floor
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, program []byte) {
		n := &numbers{from: program, now: now}
		p, attrs := n.shape()
		if attrs >= 1<<12 { // with fewer, no work is long enough to be compared
			p.grows(t, attrs)
		}
		few := p.record(min(attrs, 300))
		few.attrs = slices.DeleteFunc(few.attrs, func(a attribute) bool { return a.compare(few.unlisted(a.name)) == 0 })
		s, err := Decode(plain(few), aKey, nil, now)
		switch ahead := few.Newest() > now.Add(24*time.Hour).UnixMicro(); {
		case err == nil && !ahead:
			takesAChange(t, s, now)
		case !ahead || !errors.Is(err, errDamaged):
			t.Fatalf("%s\nis read as %s, %v", show(few), show(s), err)
		}
	})
}
