package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file tests what a load and a save do with bytes on a node that are no record, that were
// tampered with, or that this process cannot read.

func TestADamagedCopyIsRepairedFromTheOther(t *testing.T) {
	otherKey := func(w *world) []byte {
		b, err := liveAt(1<<50, value("user", "someone else", 1)).Encode(record.KeyOf("other"), nil)
		if err != nil {
			w.Fatal(err)
		}
		return b
	}
	for _, c := range []struct {
		name   string
		damage func(w *world, good []byte) []byte
	}{
		{"a flipped bit", func(_ *world, good []byte) []byte { good[len(good)/2] ^= 4; return good }},
		{"cut short", func(_ *world, good []byte) []byte { return good[:len(good)-1] }},
		{"empty", func(*world, []byte) []byte { return nil }},
		{"not ours", func(*world, []byte) []byte { return []byte("a:1:{s:4:\"user\";i:7;}") }},
		{"somebody else's session", func(w *world, _ []byte) []byte { return otherKey(w) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				app := w.cluster(Config{})
				w.create(app, "s", "a=1")
				key := record.KeyOf("s").Name("")
				homes := w.preference("s")[:2]
				good, _ := homes[0].Get(key)
				homes[0].Set(key, c.damage(w, bytes.Clone(good)))
				w.sees(app, "s", "a=1")
				if b, _ := homes[0].Get(key); !bytes.Equal(b, good) {
					w.Errorf("not repaired: %q", b)
				}
				// A save meets damage as well.
				r := w.load(app, "s")
				homes[1].Set(key, c.damage(w, bytes.Clone(good)))
				r.Attrs["a"] = []byte("2")
				w.save(app, r)
				w.holds(homes[0], "s", "a=2")
				w.holds(homes[1], "s", "a=2")
				if s := app.Stats(); s.Damaged != 2 {
					w.Errorf("stats %+v", s)
				}
				if n := strings.Count(w.logs.String(), "unusable"); n != 2 {
					w.Errorf("logged %d times: %s", n, w.logs)
				}
				for _, n := range homes {
					n.Set(key, c.damage(w, bytes.Clone(good)))
				}
				w.missing(app, "s", ErrNotFound)
				if s := app.Stats(); s.Damaged != 4 {
					w.Errorf("stats %+v", s)
				}
				if got := w.create(app, "s", "b=1"); got != nil {
					w.sees(app, "s", "b=1")
				}
			})
		})
	}
}

// newerVersion is the copy as a later version of this package would write it.
func newerVersion(b []byte) []byte {
	b = bytes.Clone(b[:len(b)-checksumSize])
	b[1] = formatVersion + 1
	return sealed(b)
}

func TestARecordOfANewerVersionIsLeftAlone(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		r := w.load(c, "s")
		key := record.KeyOf("s").Name("")
		homes := w.preference("s")[:2]
		good, _ := homes[0].Get(key)
		newer := newerVersion(good)
		for _, n := range homes {
			n.Set(key, newer)
		}
		w.missing(c, "s", ErrVersion)
		r.Attrs["a"] = []byte("2")
		for _, r := range []*Record{r, NewRecord("s")} {
			if err := c.Save(context.Background(), r); !isErr(err, ErrVersion) {
				w.Errorf("save: %v", err)
			}
		}
		for _, n := range homes {
			if b, _ := n.Get(key); !bytes.Equal(b, newer) {
				w.Errorf("%s: it was replaced", n.ID())
			}
		}
		if s := c.Stats(); s.Unreadable == 0 || s.Damaged != 0 {
			w.Errorf("stats %+v", s)
		}
		w.delete(c, "s")
		w.missing(c, "s", ErrNotFound)
	})
}

// A tampered copy keeps nobody from a new session either.
func TestOneTamperedCopyFailsNoLoadAndNoSave(t *testing.T) {
	for place := range 2 {
		story(t, 3, func(w *world) {
			c := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
			w.create(c, "s", "a=1")
			key := record.KeyOf("s").Name("")
			bad := w.preference("s")[place]
			good, _ := bad.Get(key)
			w.preference("s")[1-place].Restart()
			bad.Set(key, tamperedSeal(good))
			w.missing(c, "s", ErrNotFound)
			w.create(c, "s", "a=2")
			w.sees(w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}}), "s", "a=2")
		})
	}
}

// Tampered copies on both homes hide no copy behind them, and that takes their place.
func TestTamperedCopiesHideNoneBehindThem(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
		w.create(c, "s", "a=1")
		key := record.KeyOf("s").Name("")
		list := w.preference("s")
		good, _ := list[0].Get(key)
		list[2].Set(key, good)
		for _, n := range list[:2] {
			n.Set(key, tamperedSeal(good))
		}
		w.sees(c, "s", "a=1")
		list[2].Kill()
		w.sees(w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}}), "s", "a=1")
	})
}

// One node that shows what this process cannot read keeps nobody from what another home holds,
// nor from a new session. What it holds is left alone.
func TestOneUnreadableCopyFailsNoLoadAndNoSave(t *testing.T) {
	unknownKey := func(b []byte) []byte {
		s, err := record.Decode(b, record.KeyOf("s"), nil, readAt)
		if err != nil {
			t.Fatal(err)
		}
		return bytesOf(t, s, "s", mustSealer(t, false, 9))
	}
	for name, unreadable := range map[string]func([]byte) []byte{"a newer version": newerVersion, "an unknown seal key": unknownKey} {
		for _, nodes := range []int{2, 3} {
			for place := range 2 {
				t.Run(fmt.Sprint(name, " ", nodes, " ", place), func(t *testing.T) {
					story(t, nodes, func(w *world) {
						c, other := w.cluster(Config{HealPerSecond: -1}), w.cluster(Config{HealPerSecond: -1})
						w.create(c, "s", "a=1")
						key := record.KeyOf("s").Name("")
						bad := w.preference("s")[place]
						good, _ := bad.Get(key)
						good = unreadable(good)
						bad.Set(key, good)
						w.sees(c, "s", "a=1")
						w.change(c, "s", "a", "2")
						w.sees(other, "s", "a=2")
						if b, _ := bad.Get(key); !bytes.Equal(b, good) {
							w.Errorf("%s: it was replaced", bad.ID())
						}
						w.delete(c, "s")
						w.missing(other, "s", ErrNotFound)
						// A new session, and an id that nobody has.
						w.preference("s")[1-place].Restart()
						if nodes == 3 {
							w.preference("s")[2].Restart() // a tombstone lies there
						}
						bad.Set(key, good)
						w.missing(w.cluster(Config{HealPerSecond: -1}), "s", ErrUnavailable) // the other home was emptied
						c = w.cluster(Config{HealPerSecond: -1})
						w.create(c, "s", "a=3")
						w.sees(other, "s", "a=3")
						if nodes == 3 {
							w.holds(w.preference("s")[2], "s", "a=3")
						}
					})
				})
			}
		}
	}
}

// tamperedSeal breaks a record's seal, under a good checksum.
func tamperedSeal(b []byte) []byte {
	b = bytes.Clone(b)
	b[len(b)-checksumSize-1] ^= 1
	return resealed(b)
}

// A copy whose key is known and whose seal is broken was tampered with, and is not one of
// tomorrow's: the other copy replaces it.
func TestTamperedCopyIsReplacedByTheGoodOne(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
		w.create(c, "s", "a=1")
		key := record.KeyOf("s").Name("")
		for i, n := range w.preference("s")[:2] {
			good, _ := n.Get(key)
			n.Set(key, tamperedSeal(good))
			w.sees(c, "s", "a=1")
			if b, _ := n.Get(key); bytes.Equal(b, tamperedSeal(good)) {
				w.Errorf("%s keeps the tampered copy", n.ID())
			}
			w.change(c, "s", "a", "1")
			if s := c.Stats(); s.Damaged+s.Unreadable <= uint64(i) {
				w.Errorf("it is not counted: %+v", s)
			}
		}
		for _, n := range w.preference("s")[:2] {
			good, _ := n.Get(key)
			n.Set(key, tamperedSeal(good))
		}
		w.missing(c, "s", ErrSealed)
	})
}

// The app may write into the bytes of a value: that is a change of its own request, and nobody else's.
func TestWhatTheAppWritesIntoAValueIsItsChange(t *testing.T) {
	for name, cfg := range map[string]Config{"plain": {}, "sealed": {SealKeys: [][]byte{sealKeyOf(1)}}} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				app := w.cluster(cfg)
				w.create(app, "s", "a=1 b=1")
				mine, another := w.load(app, "s"), w.load(app, "s")
				mine.Attrs["a"][0] = '2'
				w.same(another.Attrs, "a=1 b=1")
				another.Attrs["a"], another.Attrs["b"][0] = []byte("9"), '3'
				w.save(app, another)
				w.save(app, mine) // the later one
				w.sees(app, "s", "a=2 b=3")
			})
		})
	}
}

func TestTwoRecordsOfOneReadShareNoValue(t *testing.T) {
	story(t, 2, func(w *world) {
		app := w.cluster(Config{})
		w.create(app, "s", "a=1")
		v, err := app.newOperation("s", intent{}).read(w.Context())
		if err != nil || v.spare == nil {
			w.Fatalf("%v, spare bytes: %t", err, v.spare != nil)
		}
		one, two := v.record("s"), v.record("s")
		one.Attrs["a"][0] = '2'
		w.same(two.Attrs, "a=1")
	})
}

var errGivenUp = errors.New("given up")

// Loads of one session that meet are answered by one command.
func TestParallelLoadsOfASessionShareNoValue(t *testing.T) {
	story(t, 2, func(w *world) {
		app := w.cluster(Config{})
		w.create(app, "s", "a=1")
		w.far.Store(true)
		found := make([]*Record, 40)
		var all sync.WaitGroup
		all.Go(func() { // its function has the bytes of the same command
			err := app.Update(w.Context(), "s", func(r *Record) error {
				w.same(r.Attrs, "a=1")
				r.Attrs["a"][0] = 'u'
				return errGivenUp
			})
			if !isErr(err, errGivenUp) {
				w.Errorf("an update that is given up: %v", err)
			}
		})
		for i := range found {
			all.Go(func() { found[i] = w.load(app, "s") })
		}
		all.Wait()
		for i, r := range found {
			w.same(r.Attrs, "a=1")
			r.Attrs["a"][0] = '0' + byte(i)
		}
		for i, r := range found {
			if got := r.Attrs["a"][0]; got != '0'+byte(i) {
				w.Errorf("load %d shows what another request has written: %q", i, got)
			}
		}
	})
}

// The offsets of a merged record are those of different bytes.
func TestValuesOfAMergedRecordDoNotOverlap(t *testing.T) {
	story(t, 2, func(w *world) {
		app := w.cluster(Config{})
		zeros := strings.Repeat("0", 200)
		w.create(app, "s", "p="+zeros)
		v, err := app.newOperation("s", intent{}).read(w.Context())
		if err != nil || v.spare == nil {
			w.Fatalf("%v, spare bytes: %t", err, v.spare != nil)
		}
		b := bytesOf(w, liveAt(1<<41, value("o", zeros[:40], 1<<50), value("q", "0", 1<<50)), "s", nil)
		other, err := record.Decode(b, record.KeyOf("s"), nil, time.Now().AddDate(80, 0, 0))
		if err != nil {
			w.Fatal(err)
		}
		v.merged = record.Merge(v.merged, other)
		r := v.record("s")
		for i := range r.Attrs["p"] {
			r.Attrs["p"][i] = 'x'
		}
		if q := string(r.Attrs["q"]); q != "0" {
			w.Errorf("a change of p has changed q to %q", q)
		}
	})
}

func TestASessionThatEndsWhileItIsReadIsNotShown(t *testing.T) {
	story(t, 2, func(w *world) {
		app := w.cluster(Config{})
		r := NewRecord("s")
		r.Attrs, r.Deadline = attrsOf("a=1"), time.Now().Add(latency)
		w.save(app, r)
		w.far.Store(true)
		w.missing(app, "s", ErrNotFound)
	})
}
