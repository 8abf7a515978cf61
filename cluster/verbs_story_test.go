package cluster

import (
	"context"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what a request costs while all is well, and what a save means.

const latency = 10 * time.Millisecond

// slow moves the nodes far away, so that round trips can be counted in time.
func (w *world) slow() { w.far.Store(true) }

func TestHealthyRequestsCostOneRoundTripEach(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		w.slow()
		trip := func(what string, gets, adds, cass int, do func()) {
			w.Helper()
			w.forget()
			began := time.Now()
			do()
			if took := time.Since(began); took != latency {
				w.Errorf("%s: %v, want one round trip of %v", what, took, latency)
			}
			if w.count() != gets+adds+cass || w.count("gets") != gets || w.count("add") != adds || w.count("cas") != cass {
				w.Errorf("%s: %v, want %d gets, %d add, %d cas", what, w.sent, gets, adds, cass)
			}
		}
		trip("a new session", 0, 2, 0, func() { w.create(c, "s", "a=1") })
		var r *Record
		trip("a load", 2, 0, 0, func() { r = w.load(c, "s") })
		r.Attrs["a"] = []byte("2")
		trip("a save", 0, 0, 2, func() { w.save(c, r) })
		r = w.load(c, "s")
		r.Deadline = r.Deadline.Add(time.Minute)
		trip("a refresh of the deadline", 0, 0, 2, func() { w.save(c, r) })
		if s := c.Stats(); s.FastSaves != 3 || s.Merges != 0 || s.Repairs != 0 || s.WideReads != 0 {
			w.Errorf("stats %+v", s)
		}
		for _, n := range w.preference("s")[:2] {
			w.holds(n, "s", "a=2")
		}
		for _, n := range w.preference("s")[2:] {
			if len(w.keys(n)) != 0 {
				w.Errorf("%s is no home node and holds %v", n.ID(), w.keys(n))
			}
		}
	})
}

func TestAnUnknownIDCostsTwoRounds(t *testing.T) {
	story(t, 9, func(w *world) {
		c := w.cluster(Config{})
		w.slow()
		for range 3 {
			w.forget()
			began := time.Now()
			w.missing(c, "unknown", ErrNotFound)
			if w.count() != 4 || w.count("gets") != 4 || time.Since(began) != 2*latency {
				w.Errorf("%v in %v, want 4 gets", w.sent, time.Since(began))
			}
		}
		if s := c.Stats(); s.NotFound != 3 {
			w.Errorf("stats %+v", s)
		}
	})
}

func TestEmptyAndNilKeysNeverReachTheNetwork(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.missing(c, "", ErrNotFound)
		w.delete(c, "")
		for _, r := range []*Record{nil, {}, NewRecord("")} {
			if err := c.Save(context.Background(), r); !isErr(err, ErrEmptyKey) {
				w.Errorf("save of %v: %v", r, err)
			}
		}
		if w.count() != 0 {
			w.Errorf("sent %v", w.sent)
		}
		var none context.Context
		if _, err := c.Load(none, "x"); !isErr(err, ErrNotFound) {
			w.Errorf("load without a context: %v", err)
		}
	})
}

func TestRefreshAfterACASConflictIsDoneWhenTheStoredRecordLastsAsLong(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "a=1")
		late := w.load(c, "s")
		r := w.load(other, "s")
		r.Attrs["b"], r.Deadline = []byte("2"), r.Deadline.Add(time.Hour)
		w.save(other, r)
		late.Deadline = late.Deadline.Add(time.Minute)
		w.forget()
		w.save(c, late)
		if w.count("cas") != 2 { // both refused: nothing more to write
			w.Errorf("sent %v", w.sent)
		}
		if got := w.sees(c, "s", "a=1 b=2"); !got.Deadline.Equal(r.Deadline) {
			w.Errorf("deadline %v, want %v", got.Deadline, r.Deadline)
		}
		// A later deadline is written all the same.
		late = w.load(c, "s")
		w.change(other, "s", "b", "3")
		late.Deadline = late.Deadline.Add(time.Hour)
		w.save(c, late)
		if got := w.sees(other, "s", "a=1 b=3"); !got.Deadline.Equal(late.Deadline) {
			w.Errorf("deadline %v, want %v", got.Deadline, late.Deadline)
		}
	})
}

func TestAShortenedDeadlineIsKept(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		r := w.create(c, "s", "a=1")
		for i := range 3 {
			r.Deadline = time.Now().Add(time.Duration(30-i) * time.Minute).Truncate(time.Millisecond)
			w.save(c, r) // without tokens: the record was saved before
			if got := w.load(other, "s"); !got.Deadline.Equal(r.Deadline) {
				w.Fatalf("deadline %v, want %v", got.Deadline, r.Deadline)
			}
		}
		w.change(other, "s", "b", "2")
		r.Deadline = time.Now().Add(time.Minute).Truncate(time.Millisecond)
		w.save(c, r)
		if got := w.sees(other, "s", "a=1 b=2"); !got.Deadline.Equal(r.Deadline) {
			w.Errorf("after a conflict: deadline %v, want %v", got.Deadline, r.Deadline)
		}
	})
}

func TestASessionEndsAtItsDeadline(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		r := NewRecord("s")
		r.Deadline = time.Now().Add(1500*time.Millisecond + 1)
		w.save(c, r)
		time.Sleep(1500 * time.Millisecond)
		if got := w.load(c, "s").Deadline; got.Before(r.Deadline) || got.Sub(r.Deadline) > time.Millisecond {
			w.Errorf("deadline %v, want %v", got, r.Deadline)
		}
		time.Sleep(time.Millisecond)
		w.missing(c, "s", ErrNotFound)
		// The server keeps it a moment longer, and then no more.
		time.Sleep(3 * time.Second)
		for _, n := range w.env.All() {
			if keys := w.keys(n); len(keys) != 0 {
				w.Errorf("%s still holds %v", n.ID(), keys)
			}
		}
	})
}

func TestARecordWithoutADeadlineLivesForLifetime(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{Lifetime: time.Minute})
		w.save(c, NewRecord("s"))
		if got := time.Until(w.load(c, "s").Deadline); got != time.Minute {
			w.Errorf("it has %v left", got)
		}
	})
}

func TestFarDeadlinesComeBack(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		for _, days := range []int{29, 30, 31, 400, 365 * 30, 365 * 7000} {
			r := NewRecord("s")
			r.Deadline = time.Now().AddDate(0, 0, days).Truncate(time.Millisecond)
			w.save(c, r)
			if got := w.load(c, "s"); !got.Deadline.Equal(r.Deadline) {
				w.Errorf("%d days: %v, want %v", days, got.Deadline, r.Deadline)
			}
		}
		r := NewRecord("never")
		r.Deadline = time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -5*3600))
		w.save(c, r)
		w.load(c, "never")
	})
}

func TestANewRecordReplacesTheSessionThatIsThere(t *testing.T) {
	story(t, 3, func(w *world) {
		ahead := func() time.Time { return time.Now().Add(20 * time.Minute) }
		c, other := w.cluster(Config{}), w.cluster(Config{Now: ahead})
		w.create(other, "s", "a=1 b=1 c=1")
		r := w.create(c, "s", "a=2 d=2")
		got := w.sees(other, "s", "a=2 d=2")
		if !got.Deadline.Equal(r.Deadline) {
			w.Errorf("deadline %v, want %v", got.Deadline, r.Deadline)
		}
		for _, n := range w.preference("s")[:2] {
			w.holds(n, "s", "a=2 d=2")
		}
	})
}

// The primary has lost its copy: the add succeeds there before the backup tells what stood.
func TestNewRecordReplacesTheSessionThatOnlyTheBackupHolds(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.create(other, "s", "a=1 b=1 c=1")
		w.preference("s")[0].Restart()
		time.Sleep(time.Second) // the later save is the later by the clock
		w.create(c, "s", "a=2 d=2")
		w.sees(other, "s", "a=2 d=2")
	})
}

func TestASavedRecordCanBeChangedAndSavedAgain(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		r := w.create(c, "s", "a=1 b=1")
		w.change(other, "s", "c", "1")
		delete(r.Attrs, "b")
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		w.sees(other, "s", "a=2 c=1")
		r.Attrs["a"][0] = '!' // the app's map is the app's
		w.sees(other, "s", "a=2 c=1")
		w.save(c, r)
		w.sees(other, "s", "a=! c=1")
	})
}

func TestKeysOfTwoPrefixesDoNotMeet(t *testing.T) {
	story(t, 2, func(w *world) {
		a, b := w.cluster(Config{KeyPrefix: "a:"}), w.cluster(Config{KeyPrefix: "b:"})
		w.create(a, "s", "who=a")
		w.missing(b, "s", ErrNotFound)
		w.create(b, "s", "who=b")
		w.delete(b, "s")
		w.sees(a, "s", "who=a")
	})
}

// What a load has repaired, the node holds under another token now. A save that showed it
// the old one would be refused half way.
func TestSaveAfterAReadRepairUsesTheNewToken(t *testing.T) {
	for _, c := range []struct {
		name string
		harm func(w *world, app *Cluster, n *testenv.Node, before []byte)
	}{
		{"an older copy", func(w *world, _ *Cluster, n *testenv.Node, before []byte) {
			n.Set(record.KeyOf("s").Name(""), before)
		}},
		{"a copy about to expire", func(w *world, app *Cluster, n *testenv.Node, _ []byte) {
			key := record.KeyOf("s").Name("")
			for _, own := range app.nodes() {
				if own.ID != n.ID() {
					continue
				}
				it, err := own.getOne(key)
				if err == nil {
					err = own.server.Expire(key, it, it.Value, orphanTTL)
				}
				if err != nil {
					w.Fatal(err)
				}
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				app := w.cluster(Config{})
				w.create(app, "s", "a=1")
				backup := w.preference("s")[1]
				before, _ := backup.Get(record.KeyOf("s").Name(""))
				w.change(app, "s", "a", "2")
				c.harm(w, app, backup, before)
				r := w.sees(app, "s", "a=2")
				w.forget()
				r.Attrs["a"] = []byte("3")
				w.save(app, r)
				if n := w.count("cas"); n != 2 {
					w.Errorf("%d writes, want one to each home node", n)
				}
				w.sees(app, "s", "a=3")
			})
		})
	}
}
