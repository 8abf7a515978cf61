package cluster

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what saves that go together make, and what becomes of them where something
// is wrong with one of them.

// oneTurn saves the records in one turn.
func oneTurn(c *Cluster, rs ...*Record) (outcomes []error) {
	var saves []*save
	for _, r := range rs {
		s := c.newSave(r)
		saves = append(saves, s)
	}
	c.newTurn(saves).carryOut(nil)
	for _, s := range saves {
		outcomes = append(outcomes, s.result)
	}
	return outcomes
}

// are fails unless the outcomes are these.
func (w *world) are(got []error, want ...error) {
	w.Helper()
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !isErr(got[i], want[i]) {
			w.Fatalf("outcomes %v, want %v", got, want)
		}
	}
}

// What each of them knows afterwards is what it has saved: it may go on from there.
func TestSavesThatWentTogetherMaySaveAgain(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "gone=0")
		rs := w.loads(c, 4)
		delete(rs[2].Attrs, "gone")
		w.allDone(w.line(context.Background(), c, rs...)())
		w.sees(c, "s", "k0=1 k1=1 k2=1 k3=1")
		rs[1].Attrs["k1"] = []byte("2")
		w.save(c, rs[1])
		delete(rs[3].Attrs, "k3")
		w.save(c, rs[3])
		w.sees(c, "s", "k0=1 k1=2 k2=1")
	})
}

// Of the same attribute, and of the deadline, the later save wins, also where another process
// has saved meanwhile, whatever its clock says.
func TestOfSavesThatGoTogetherTheLaterWins(t *testing.T) {
	for _, skew := range []time.Duration{0, 20 * time.Minute, -20 * time.Minute} {
		story(t, 3, func(w *world) {
			c, other := w.cluster(Config{}), w.cluster(Config{Now: func() time.Time { return time.Now().Add(skew) }})
			w.create(c, "s", "v=0 w=0 x=0")
			elsewhere := w.load(other, "s")
			rs := w.loads(c, 8)
			end := time.Now().Add(2 * time.Hour).Truncate(time.Millisecond)
			for i, r := range rs {
				r.Attrs = attrsOf(fmt.Sprintf("v=%d w=%d x=0", i, i))
				r.Deadline = end.Add(-time.Duration(i) * time.Minute)
			}
			delete(rs[7].Attrs, "w")
			outcomes := w.line(context.Background(), c, rs...)
			for name := range elsewhere.Attrs {
				elsewhere.Attrs[name] = []byte("elsewhere")
			}
			w.save(other, elsewhere)
			w.allDone(outcomes())
			r := w.sees(other, "s", "v=7 x=elsewhere")
			if !r.Deadline.Equal(end.Add(-7 * time.Minute)) {
				w.Errorf("skew %v: the session ends at %v, want %v", skew, r.Deadline, end.Add(-7*time.Minute))
			}
		})
	}
}

// Another process writes between the read and the write of those that go together, and goes on
// from what one node holds of theirs: their changes keep the timestamps that they
// have there.
func TestSavesThatGoTogetherKeepTheirTimestamps(t *testing.T) {
	story(t, 2, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{Now: func() time.Time { return time.Now().Add(-20 * time.Minute) }})
		w.create(c, "s", "a=0")
		rs := w.loads(c, 4)
		outcomes := w.line(context.Background(), c, rs...)
		backup := w.index("s", 1)
		time.Sleep(underWay / 2)
		casOnBackup := 0
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb == "cas" && cmd.node == backup {
				if casOnBackup++; casOnBackup == 1 {
					time.Sleep(time.Millisecond) // the primary has it by now
					w.change(other, "s", "k2", "2")
				}
			}
		})
		w.allDone(outcomes())
		if casOnBackup < 2 {
			w.Fatalf("%d cas on the backup: nothing came between", casOnBackup)
		}
		w.sees(c, "s", "a=0 k0=1 k1=1 k2=2 k3=1")
	})
}

func TestOneSaveThatIsTooLargeFailsAlone(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MaxRecordBytes: 2000})
		w.create(c, "s", "")
		rs := w.loads(c, 6)
		rs[2].Attrs["k2"] = make([]byte, 2000)
		w.forget()
		got := w.line(context.Background(), c, rs...)()
		w.are(got, nil, nil, ErrTooLarge, nil, nil, nil)
		if !strings.Contains(got[2].Error(), "the limit is 2000 (MaxRecordBytes)") {
			w.Errorf("save: %v", got[2])
		}
		if w.count("gets") != 2 || w.count("cas") != 4 {
			w.Errorf("%d gets and %d cas: it costs the others something", w.count("gets"), w.count("cas"))
		}
		w.sees(c, "s", "k0=1 k1=1 k3=1 k4=1 k5=1")
		if s := c.Stats(); s.TooLarge != 1 {
			w.Errorf("stats %+v", s)
		}
		rs[2].Attrs["k2"] = []byte("1")
		w.save(c, rs[2])
		w.sees(c, "s", "k0=1 k1=1 k2=1 k3=1 k4=1 k5=1")
	})
}

// Each fits, all together do not: those that come first fit, and what is small fits behind.
func TestSavesThatAreTooLargeTogetherAreStoredAsFarAsTheyFit(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MaxRecordBytes: 2000})
		w.create(c, "s", "")
		rs := w.loads(c, 6)
		want := "k0=1 k5=1"
		for i, r := range rs[1:5] {
			v := strings.Repeat("x", 800)
			r.Attrs[fmt.Sprint("k", i+1)] = []byte(v)
			if i < 2 {
				want += fmt.Sprintf(" k%d=%s", i+1, v)
			}
		}
		w.are(w.line(context.Background(), c, rs...)(), nil, nil, nil, ErrTooLarge, ErrTooLarge, nil)
		w.sees(c, "s", want)
	})
}

// Nodes whose items may be no larger than half of MaxRecordBytes say so of what all saves make
// together: that is not the fault of each.
func TestOneSaveThatNodesDoNotTakeFailsAlone(t *testing.T) {
	onRealNodes(t, 3, []string{"-I", "512k"}, func(t *testing.T, c *Cluster, _ *testenv.Env) {
		r := NewRecord("s")
		if err := c.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		var rs []*Record
		for i := range 7 {
			r, err := c.Load(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			r.Attrs[fmt.Sprint("k", i)] = []byte("1")
			rs = append(rs, r)
		}
		rs[4].Attrs["k4"] = make([]byte, 800_000)
		for i, err := range oneTurn(c, rs...) {
			if i == 4 && (!isErr(err, ErrTooLarge) || !strings.Contains(err.Error(), "-I")) || i != 4 && err != nil {
				t.Errorf("save %d: %v", i, err)
			}
		}
		got, err := c.Load(t.Context(), "s")
		if err != nil || len(got.Attrs) != 6 || got.Attrs["k4"] != nil {
			t.Errorf("%v, %v", got, err)
		}
	})
}

// One request has loaded the session before its end was moved. That end has passed, and the
// nodes have lost the session: it must not begin anew, while the others still may save it.
func TestOneSaveWhoseSessionHasEndedFailsAlone(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		r := w.create(c, "s", "a=1")
		r.Deadline = time.Now().Add(time.Minute)
		w.save(c, r)
		late := w.load(c, "s")
		late.Attrs["late"] = []byte("1")
		late.Deadline = time.Now().Add(time.Hour)
		r.Deadline = time.Now().Add(time.Hour)
		w.save(c, r)
		rs := w.loads(c, 3)
		time.Sleep(2 * time.Minute)
		for _, n := range w.env.All() {
			n.Restart()
		}
		w.are(oneTurn(c, late), ErrDestroyed)
		w.are(oneTurn(c, rs[0], late, rs[1], rs[2]), nil, ErrDestroyed, nil, nil)
		w.sees(c, "s", "a=1 k0=1 k1=1 k2=1")
	})
}

// This machine's clock has been set back, and one request knows the session from before.
func TestOneSaveWithAClockTooFarAheadFailsAlone(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "")
		rs := w.loads(c, 4)
		base := rs[1].snap.base
		rs[1].snap.base = record.Change(base, attrsOf("old=1"), base.Deadline(), record.Timestamp{Clock: time.Now().Add(24*time.Hour).UnixMicro() + 1, Writer: 7})
		w.are(oneTurn(c, rs...), nil, ErrUnavailable, nil, nil)
		w.sees(c, "s", "k0=1 k2=1 k3=1")
	})
}

// All of them are at fault: nothing is written.
func TestSavesThatAllFailWriteNothing(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MaxRecordBytes: 2000})
		w.create(c, "s", "a=1")
		rs := w.loads(c, 3)
		for _, r := range rs {
			r.Attrs["large"] = make([]byte, 2000)
		}
		w.forget()
		w.are(oneTurn(c, rs...), ErrTooLarge, ErrTooLarge, ErrTooLarge)
		if w.count() != w.count("gets") {
			w.Errorf("sent %v", w.sent)
		}
		w.sees(c, "s", "a=1")
	})
}

// The first of them changes nothing, so the old copies on the full homes have all of it. They
// have not what the second one changes, and must not hide it.
func TestFullHomesDoNotHideASaveThatWasTakenAlong(t *testing.T) {
	onLittleMemory(t, 3, func(p *pantry) {
		app, other := p.cluster(), p.cluster()
		if err := p.save(app, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		p.servers[0].Pause()
		p.sees(app, "1")
		p.servers[0].Resume()
		time.Sleep(5 * time.Second)
		idle, r := p.sees(app, "1"), p.sees(app, "1")
		p.fill(p.servers[0], 2)
		p.fill(p.servers[1], 2)
		r.Attrs["a"], r.Attrs["page"] = []byte("2"), make([]byte, 600)
		for i, err := range oneTurn(app, idle, r) {
			if err != nil {
				t.Errorf("save %d: %v", i, err)
			}
		}
		p.sees(other, "2")
	})
}

// One of them still knows the end that the session had before it got an earlier one. What they
// write is kept until then: a request that is later still must find the session ended.
func TestSavesThatGoTogetherKeepTheLatestEndLoaded(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.createFor(c, "s", "a=1", time.Hour)
		late, knew, r := w.load(c, "s"), w.load(other, "s"), w.load(other, "s")
		r.Deadline = time.Now().Add(time.Second)
		w.save(other, r)
		w.change(w.cluster(Config{}), "s", "b", "1") // it has not heard of the old end
		first := w.load(other, "s")
		first.Attrs["c"] = []byte("1")
		knew.Attrs["d"], knew.Deadline = []byte("1"), r.Deadline
		w.are(oneTurn(other, first, knew), nil, nil)
		time.Sleep(10 * time.Minute)
		late.Attrs["e"], late.Deadline = []byte("1"), time.Now().Add(time.Hour)
		w.findsDestroyed(c, late)
		w.missing(other, "s", ErrNotFound)
	})
}

// One of them gives the session an earlier end, and no copy outlives it.
func TestSavesThatGoTogetherKeepAnEarlierEnd(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.hangsInARead(c, time.Hour)
		rs := w.loads(c, 3)
		rs[1].Deadline = time.Now().Add(2 * time.Second)
		w.are(oneTurn(c, rs...), nil, nil, nil)
		time.Sleep(3 * time.Second)
		w.missing(c, "s", ErrNotFound)
	})
}

// The nodes refuse what two saves make together, and one of them is at fault: the other had been
// too large only together with it, and is stored.
func TestHalvesOfATurnForgetTheFaultsOfTheWhole(t *testing.T) {
	onRealNodes(t, 3, []string{"-I", "512k"}, func(t *testing.T, c *Cluster, _ *testenv.Env) {
		if err := c.Save(t.Context(), NewRecord("s")); err != nil {
			t.Fatal(err)
		}
		var rs []*Record
		for i, size := range []int{800_000, 300_000} {
			r, err := c.Load(t.Context(), "s")
			if err != nil {
				t.Fatal(err)
			}
			r.Attrs[fmt.Sprint("k", i)] = make([]byte, size)
			rs = append(rs, r)
		}
		outcomes := oneTurn(c, rs...)
		if !isErr(outcomes[0], ErrTooLarge) || outcomes[1] != nil {
			t.Errorf("%v", outcomes)
		}
	})
}
