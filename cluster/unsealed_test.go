package cluster

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what copies without a seal are worth where there are seal keys: to users
// whose sessions are older than the keys, and to whoever makes up a copy on a node.

// seals is the configuration of instances with a seal key.
func seals(allowUnsealed bool) Config {
	return Config{SealKeys: [][]byte{sealKeyOf(1)}, AllowUnsealed: allowUnsealed}
}

// isSealed reports whether the node holds a sealed copy.
func (w *world) isSealed(n *testenv.Node, id string) bool {
	b, held := n.Get(record.KeyOf(id).Name(""))
	return held && b[2]&flagSealed != 0
}

// One node holds what anybody can write. Where a sealed copy of the session is found, that
// one is the session, and replaces the other: no value, no deadline and no logout comes from it.
func TestASealedCopyWinsOverOneWithoutASeal(t *testing.T) {
	far := time.Now().Add(1000 * time.Hour)
	ahead := time.Date(2000, 1, 1, 1, 0, 0, 0, time.UTC).UnixMicro() // of the stories' clock, which begins in 2000
	for name, forgery := range map[string]*record.Record{
		"a newer value": recordOf(far.UnixMilli(), record.Timestamp{Clock: ahead, Writer: 7}, value("a", "forged", ahead)),
		"an old value":  recordOf(far.UnixMilli(), record.Timestamp{Clock: 1, Writer: 7}, value("b", "forged", 1)),
		"a tombstone":   record.Tombstone(far.UnixMilli()),
	} {
		for _, allow := range []bool{false, true} {
			for _, nodes := range []int{2, 3} {
				for place := range 2 {
					t.Run(fmt.Sprint(name, " ", allow, " ", nodes, " ", place), func(t *testing.T) {
						story(t, nodes, func(w *world) {
							c := w.cluster(seals(allow))
							end := w.create(c, "s", "a=1").Deadline
							bad := w.preference("s")[place]
							w.put(bad, "s", forgery)
							if r := w.sees(c, "s", "a=1"); !r.Deadline.Equal(end) {
								w.Errorf("it lives until %v, want %v", r.Deadline, end)
							}
							if !w.isSealed(bad, "s") {
								w.Errorf("%s keeps the forgery", bad.ID())
							}
							if s := c.Stats(); s.Damaged == 0 || s.Unreadable != 0 {
								w.Errorf("stats %+v", s)
							}
							if !strings.Contains(w.logs.String(), "it is not sealed") {
								w.Error("nothing is logged")
							}
							// A save meets it first.
							r := w.load(c, "s")
							w.put(bad, "s", forgery)
							r.Attrs["a"] = []byte("2")
							w.save(c, r)
							w.sees(w.cluster(seals(false)), "s", "a=2")
							w.put(bad, "s", forgery)
							w.delete(c, "s")
							w.missing(w.cluster(seals(allow)), "s", ErrNotFound)
							// After the deletion, too.
							w.put(bad, "s", forgery)
							w.missing(w.cluster(seals(allow)), "s", ErrNotFound)
						})
					})
				}
			}
		}
	}
}

// Without AllowUnsealed a copy without a seal keeps nobody from a session either, new or old.
// Where there is nothing else, it stays: the setting may be what is missing.
func TestCopyWithoutASealFailsNoLoadAndNoSave(t *testing.T) {
	for place := range 2 {
		story(t, 3, func(w *world) {
			c := w.cluster(seals(false))
			w.create(w.cluster(Config{}), "s", "a=forged")
			bad, good := w.preference("s")[place], w.preference("s")[1-place]
			w.missing(c, "s", ErrSealed)
			if w.isSealed(bad, "s") || w.isSealed(good, "s") {
				w.Error("a load has replaced it")
			}
			w.sees(w.cluster(seals(true)), "s", "a=forged")
			good.Restart()
			w.missing(c, "s", ErrNotFound)
			w.create(c, "s", "a=1")
			w.sees(w.cluster(seals(false)), "s", "a=1")
			if !w.isSealed(bad, "s") {
				w.Errorf("%s keeps the forgery", bad.ID())
			}
		})
	}
}

// Users do not notice that sealing begins: a session from before is read as it is, sealed by
// its first save, and goes on. Instances without the keys can read it until then.
func TestASessionFromBeforeTheSealKeysLivesOn(t *testing.T) {
	story(t, 3, func(w *world) {
		plainly, both := w.cluster(Config{}), w.cluster(seals(true))
		w.create(plainly, "s", "a=1")
		w.forget()
		r := w.sees(both, "s", "a=1")
		if w.count("set", "add", "cas") != 0 {
			w.Error("a load has sealed it")
		}
		w.sees(plainly, "s", "a=1")
		// It slides, as the app has it do.
		for range 3 {
			r.Attrs["a"] = append(r.Attrs["a"], '1')
			r.Deadline = time.Now().Add(3 * time.Hour)
			w.save(both, r)
			want := r.Deadline
			r = w.load(both, "s")
			if d := r.Deadline.Sub(want); d < 0 || d > time.Millisecond {
				w.Errorf("it lives until %v, want %v", r.Deadline, want)
			}
			time.Sleep(2 * time.Hour)
		}
		w.sees(w.cluster(seals(false)), "s", "a=1111")
		if s := both.Stats(); s.Unsealed == 0 || s.Damaged != 0 {
			w.Errorf("stats %+v", s)
		}
		// A logout by an instance without the keys counts as long as nothing is sealed.
		w.create(plainly, "t", "a=1")
		w.delete(plainly, "t")
		w.missing(both, "t", ErrNotFound)
	})
}

// The copy from before comes back, with its node or by a hand: the sealed one takes its place,
// although both say the same.
func TestACopyWithoutASealThatSaysTheSameIsSealed(t *testing.T) {
	for place := range 2 {
		story(t, 2, func(w *world) {
			w.create(w.cluster(Config{}), "s", "a=1")
			n, key := w.preference("s")[place], record.KeyOf("s").Name("")
			before, _ := n.Get(key)
			c := w.cluster(seals(true))
			w.save(c, w.load(c, "s"))
			n.Set(key, before)
			w.sees(c, "s", "a=1")
			if !w.isSealed(n, "s") {
				w.Errorf("%s holds it without a seal", n.ID())
			}
		})
	}
}

// A session that came without a seal ends at the latest when it would have ended then, or one
// lifetime after its last change. No save moves that, by whichever instance, and a forged
// session is gone a month after it was sealed.
func TestAForgedSessionDoesNotOutliveTheWindowForLong(t *testing.T) {
	for _, c := range []struct {
		why      string
		lifetime time.Duration
		comes    time.Duration // its deadline, from now
		clock    time.Duration // its newest change, from now
		ends     time.Duration
	}{
		{"it slides by an hour", 0, time.Hour, -time.Hour, 23 * time.Hour},
		{"it has a week left", 0, 7 * 24 * time.Hour, -time.Hour, 7 * 24 * time.Hour},
		{"it claims to live for ever", 0, math.MaxInt64, -time.Hour, 31 * 24 * time.Hour},
		{"it claims to be of tomorrow", 0, time.Hour, 20 * time.Hour, 44 * time.Hour},
		{"the app's sessions live for a quarter", 90 * 24 * time.Hour, math.MaxInt64, 0, 90 * 24 * time.Hour},
	} {
		t.Run(c.why, func(t *testing.T) {
			story(t, 3, func(w *world) {
				cfg, began := seals(true), time.Now()
				cfg.Lifetime = c.lifetime
				window, after := w.cluster(cfg), w.cluster(seals(false))
				clock := began.Add(c.clock).UnixMicro()
				for _, n := range w.preference("s")[:2] {
					w.put(n, "s", recordOf(record.DeadlineOf(began.Add(c.comes)), record.Timestamp{Clock: clock, Writer: 7}, value("a", "forged", clock)))
				}
				save := func(cl *Cluster) {
					r := w.load(cl, "s")
					r.Attrs["n"] = append(r.Attrs["n"], '1')
					r.Deadline = time.Now().Add(100 * 24 * time.Hour)
					w.save(cl, r)
				}
				save(window)
				end := began.Add(c.ends)
				for i, instance := range []*Cluster{window, after, after, window, w.cluster(seals(false))} {
					if d := w.load(instance, "s").Deadline.Sub(end); d < -time.Second || d > time.Second {
						w.Fatalf("save %d: it lives for %v, want %v", i, w.load(instance, "s").Deadline.Sub(began), c.ends)
					}
					save(instance)
					w.preference("s")[i%2].Restart()
					time.Sleep(c.ends / 6) // longer than a removal is remembered
				}
				time.Sleep(time.Until(end) + time.Second)
				w.missing(window, "s", ErrNotFound)
				w.missing(after, "s", ErrNotFound)
			})
		})
	}
}

// A new session that replaces one from before is not sealed for longer either: who knows
// what it was made of.
func TestASaveWithoutALoadDoesNotMoveTheLastEnd(t *testing.T) {
	story(t, 2, func(w *world) {
		both := w.cluster(seals(true))
		w.create(w.cluster(Config{}), "s", "a=1")
		r := NewRecord("s")
		r.Attrs, r.Deadline = attrsOf("b=2"), time.Now().Add(1000*time.Hour)
		w.save(both, r)
		r = w.sees(both, "s", "b=2")
		if left := time.Until(r.Deadline); left > DefaultLifetime+time.Second {
			w.Errorf("it lives for %v", left)
		}
		if err := both.Save(context.Background(), r); err != nil {
			w.Error(err)
		}
	})
}

// Whoever leaves the window open reads that at each start.
func TestAnOpenWindowIsWarnedAbout(t *testing.T) {
	for _, allow := range []bool{false, true} {
		story(t, 2, func(w *world) {
			w.cluster(seals(allow))
			if got := strings.Contains(w.logs.String(), "AllowUnsealed"); got != allow {
				w.Errorf("AllowUnsealed %v: %s", allow, w.logs)
			}
		})
	}
}

func TestASealedClusterServesNoPlainRecord(t *testing.T) {
	story(t, 3, func(w *world) {
		plainly, sealing := w.cluster(Config{}), w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}})
		both := w.cluster(Config{SealKeys: [][]byte{sealKeyOf(1)}, AllowUnsealed: true})
		w.create(plainly, "s", "a=1")
		w.missing(sealing, "s", ErrSealed)
		w.change(both, "s", "b", "2")
		w.sees(sealing, "s", "a=1 b=2")
		w.missing(plainly, "s", ErrSealed)
		key := record.KeyOf("s").Name("")
		for _, n := range w.preference("s")[:2] {
			if b, _ := n.Get(key); bytes.Contains(b, []byte("a")) && b[2]&flagSealed == 0 {
				w.Errorf("%s holds a plain copy", n.ID())
			}
		}
		w.preference("s")[0].Restart()
		w.sees(sealing, "s", "a=1 b=2")
		w.delete(sealing, "s")
		w.missing(sealing, "s", ErrNotFound)
	})
}
