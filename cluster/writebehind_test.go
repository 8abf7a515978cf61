package cluster

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what WriteBehind promises: the nodes get changes at once and in order, and what is
// lost with an instance is seen.

func TestASaveThatIsWrittenBehindAsksNoNode(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(sticky(Local{WriteBehind: true})), w.cluster(Config{})
		r := w.create(c, "s", "n=0") // the first save waits: a session begins on the nodes
		w.holds(w.preference("s")[1], "s", "n=0")
		w.far.Store(true) // each write takes its time
		const saves = 50
		began := time.Now()
		for i := range saves {
			r = w.brings(c, "s", r.Version(), fmt.Sprint("n=", i))
			r.Attrs["n"] = []byte(fmt.Sprint(i + 1))
			w.save(c, r)
		}
		if took := time.Since(began); took != 0 {
			w.Errorf("%d saves took %v", saves, took)
		}
		w.written(c)
		w.far.Store(false)
		w.sees(other, "s", fmt.Sprint("n=", saves))
		if n := w.count("cas", "add"); n > 10 {
			w.Errorf("%d writes for %d saves of one session", n, saves)
		}
		if v := w.brings(c, "s", r.Version(), fmt.Sprint("n=", saves)).Version(); v == r.Version() {
			w.Error("what is written still has a pending version")
		}
		if s := other.Stats(); s.Behind != 0 {
			w.Errorf("%+v", s)
		}
	})
}

// A save while the one before it is on its way stays pending, and is written next.
func TestASaveDuringAWriteBehindIsWrittenToo(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(sticky(Local{WriteBehind: true})), w.cluster(Config{})
		r := w.create(c, "s", "n=0")
		w.far.Store(true)
		for i := range 5 {
			r = w.brings(c, "s", r.Version(), fmt.Sprint("n=", i))
			r.Attrs["n"] = []byte(fmt.Sprint(i + 1))
			w.save(c, r)
			time.Sleep(latency / 2)
		}
		w.written(c)
		w.far.Store(false)
		w.sees(other, "s", "n=5")
	})
}

// The instance dies with changes that no node has. The next one serves what the nodes have, and says
// so, once.
func TestWhatIsLostWithAnInstanceIsSeen(t *testing.T) {
	story(t, 3, func(w *world) {
		cfg, traced := sticky(Local{WriteBehind: true}), 0
		cfg.Trace = &Trace{OperationDone: func(_ context.Context, d OperationDone) {
			if d.Behind {
				traced++
			}
		}}
		app1, app2 := w.behindItsWire(sticky(Local{WriteBehind: true})), w.cluster(cfg)
		w.create(app2, "s", "a=0")
		r := w.load(app1.Cluster, "s")
		app1.cut()
		r.Attrs["a"] = []byte("1")
		w.save(app1.Cluster, r)
		w.brings(app1.Cluster, "s", r.Version(), "a=1")
		got := w.brings(app2, "s", r.Version(), "a=0")
		if !got.Behind() || app2.Stats().Behind != 1 {
			w.Errorf("behind: %v, %d", got.Behind(), app2.Stats().Behind)
		}
		if got = w.brings(app2, "s", got.Version(), "a=0"); got.Behind() || app2.Stats().Behind != 1 {
			w.Error("it is told twice")
		}
		got.Attrs["b"] = []byte("1")
		w.save(app2, got)
		w.written(app2)
		if got = w.brings(app2, "s", r.Version(), "a=0 b=1"); !got.Behind() {
			w.Error("a later timestamp of another process hides what was lost")
		}
		if traced != 2 || app2.Stats().Behind != 2 {
			w.Errorf("%d are counted, and a Trace is told of %d", app2.Stats().Behind, traced)
		}
	})
}

// The same without WriteBehind: a save that fails is an error, and nothing is behind.
func TestNothingIsBehindWithoutWriteBehind(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.behindItsWire(sticky(Local{})), w.cluster(sticky(Local{}))
		w.create(app2, "s", "a=0")
		r := w.load(app1.Cluster, "s")
		v := r.Version()
		app1.cut()
		r.Attrs["a"] = []byte("1")
		if err := app1.Save(w.Context(), r); !isErr(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
		}
		if got := w.brings(app2, "s", v, "a=0"); got.Behind() || app2.Stats().Behind != 0 {
			w.Error("behind")
		}
	})
}

// Two requests loaded the same; one was saved behind, and is pending when the other one is saved on the nodes.
// That write takes the pending change along: else its later timestamp would say that the change
// is there.
func TestASaveTakesAlongWhatIsPending(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{WriteBehind: true})), w.cluster(Config{})
		w.create(app1, "s", "a=0 b=0")
		one, two := w.load(app1, "s"), w.load(app1, "s")
		w.far.Store(true)
		one.Attrs["a"] = []byte("1")
		w.save(app1, one)
		two.Attrs["b"] = []byte("1")
		s := app1.newSave(two)
		key := s.hash
		if err := app1.takeTurn(w.Context(), s); err != nil {
			w.Fatal(err)
		}
		w.far.Store(false)
		found := s.last.merged
		if !found.Shows(record.PendingVersion(app1.writer, app1.local.copies[key].own)) {
			w.Error("the change is not there")
		}
		w.same(found.Values(), "a=1 b=1")
		w.written(app1)
		w.brings(app2, "s", one.Version(), "a=1 b=1")
	})
}

// A clock that is set back gives no timestamp twice, nor an earlier one: others conclude from a later
// change of a process that they have the earlier ones.
func TestTimestampsOfASessionGrowThoughTheClockIsSetBack(t *testing.T) {
	story(t, 3, func(w *world) {
		var ahead atomic.Int64
		cfg := sticky(Local{WriteBehind: true})
		cfg.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
		c := w.cluster(cfg)
		r := w.create(c, "s", "n=0")
		old := *w.load(c, "s")
		old.Attrs = attrsOf("n=0 x=1")
		ahead.Store(int64(30 * time.Minute)) // the clock is set, and set back again
		last := int64(0)
		for i := range 5 {
			r.Attrs["n"] = []byte(fmt.Sprint(i))
			rec := w.load(c, "s")
			rec.Attrs["n"] = []byte(fmt.Sprint(i + 1))
			w.save(c, rec)
			v, ok := record.ParseVersion(rec.Version(), record.KeyOf("s"), cfg.Now())
			if !ok || !v.Pending || v.Clock <= last {
				w.Fatalf("%+v after %d", v, last)
			}
			last = v.Clock
			ahead.Add(-int64(5 * time.Minute))
		}
		s := c.newSave(&old)
		s.prepare()
		if s.at.Clock <= last {
			w.Errorf("a save from an old snapshot has the timestamp %d, after %d", s.at.Clock, last)
		}
	})
}

// Where there is no room for more that is pending, saves wait for the nodes.
func TestASaveWaitsWhereThereIsNoRoomToWriteBehind(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(sticky(Local{Sessions: 2, WriteBehind: true}))
		var rs []*Record
		for i := range 3 {
			w.create(c, fmt.Sprint(i), "a=0")
		}
		for i := range 3 {
			rs = append(rs, w.load(c, fmt.Sprint(i)))
			rs[i].Attrs["a"] = []byte("1")
		}
		w.far.Store(true)
		for _, i := range []int{1, 2, 0} { // of 0 there is no copy any more, and no room for one
			began := time.Now()
			w.save(c, rs[i])
			if waited := time.Since(began) > 0; waited != (i == 0) {
				w.Errorf("save %d waited: %v", i, waited)
			}
		}
		w.far.Store(false)
		w.written(c)
		for i := range 3 {
			w.holds(w.preference(fmt.Sprint(i))[0], fmt.Sprint(i), "a=1")
		}
	})
}

// A session of which nothing is left, though its client has seen a change that was not on the nodes: it is
// counted. One that was destroyed, or whose life is over, is not.
func TestASessionThatIsLostWithItsInstanceIsCounted(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.behindItsWire(sticky(Local{Outage: outage})), w.cluster(Config{})
		app1.cut()
		r := NewRecord("s")
		w.save(app1.Cluster, r)
		lost := func(id, version string, want uint64) {
			w.Helper()
			if _, err := app2.LoadVersion(w.Context(), id, version); !isErr(err, ErrNotFound) || app2.Stats().Behind != want {
				w.Errorf("%v, behind %d, want %d", err, app2.Stats().Behind, want)
			}
		}
		lost("s", r.Version(), 1)
		gone := w.create(app2, "gone", "a=1")
		w.delete(app2, "gone")
		lost("gone", gone.Version(), 1)
		lost("gone", record.PendingVersion(1, time.Now().UnixMicro()).Text(record.KeyOf("gone")), 1)
		lost("s", record.PendingVersion(1, time.Now().Add(-25*time.Hour).UnixMicro()).Text(record.KeyOf("s")), 1)
	})
}

// A client that has lost its version is shown a change that is on its way to the nodes. Whoever looks after that, through
// another instance, sees the change, too: it is written before it is shown.
func TestWhatIsPendingIsWrittenBeforeItIsShownToAnother(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{Outage: outage, WriteBehind: true})), w.cluster(Config{})
		r := w.create(app1, "s", "a=1")
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb == "cas" {
				time.Sleep(DefaultTimeout / 3)
			}
		})
		r.Attrs["a"] = []byte("2")
		w.save(app1, r)
		w.sees(app1, "s", "a=2")
		w.sees(app2, "s", "a=2")
	})
}
