package cluster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell which saves of one session wait in one process, for how long, and that
// those go together.

// underWay is how long the save takes that others wait for.
const underWay = 100 * time.Millisecond

// line saves the records one behind the other: the first save is under way for a while, and all
// others wait, in this order. Its result waits for all, and tells their outcomes.
func (w *world) line(ctx context.Context, c *Cluster, rs ...*Record) (outcomes func() []error) {
	w.Helper()
	w.once(func(cmd sentCommand) bool { return cmd.verb == "cas" }, func() { time.Sleep(underWay) })
	errs := make([]error, len(rs))
	var wg sync.WaitGroup
	for i, r := range rs {
		wg.Go(func() {
			if i == 0 {
				errs[i] = c.Save(context.Background(), r)
			} else {
				errs[i] = c.Save(ctx, r)
			}
		})
		synctest.Wait()
	}
	return func() []error { wg.Wait(); return errs }
}

// loads returns the session as so many requests find it, each with an attribute of its own.
func (w *world) loads(c *Cluster, n int) (rs []*Record) {
	w.Helper()
	for i := range n {
		r := w.load(c, "s")
		r.Attrs[fmt.Sprint("k", i)] = []byte("1")
		rs = append(rs, r)
	}
	return rs
}

// allDone fails for each outcome that is an error.
func (w *world) allDone(errs []error) {
	w.Helper()
	for i, err := range errs {
		if err != nil {
			w.Errorf("save %d: %v", i, err)
		}
	}
}

// standsInNoLine fails where a save of the session would wait.
func (w *world) standsInNoLine(c *Cluster, id string) {
	w.Helper()
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if _, _, err := c.saves.Enter(ended, nil, record.KeyOf(id), nil); err != nil {
		w.Errorf("a line of %s is left", id)
		return
	}
	c.saves.Leave(record.KeyOf(id))
}

func TestSavesOfOneSessionThatWaitGoTogether(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "")
		const n = 100
		rs := w.loads(c, n)
		w.slow()
		w.forget()
		began := time.Now()
		var wg sync.WaitGroup
		for _, r := range rs {
			wg.Go(func() { w.allDone([]error{c.Save(context.Background(), r)}) })
		}
		wg.Wait()
		// One round trip for the first, two for all others: they read, and write.
		if took := time.Since(began); took != 3*latency {
			w.Errorf("%d saves take %v, want 3 round trips of %v", n, took, latency)
		}
		if gets, cas := w.count("gets"), w.count("cas"); gets != 2 || cas != 4 || w.count() != 6 {
			w.Errorf("%d gets, %d cas, %d commands in all; want 2, 4 and 6 on two nodes", gets, cas, w.count())
		}
		want := ""
		for i := range n {
			want += fmt.Sprintf("k%d=1 ", i)
		}
		w.sees(c, "s", want)
		for _, n := range w.preference("s") {
			w.holds(n, "s", want)
		}
		if s := c.Stats(); s.Saves != n+1 || s.FastSaves != 2 || s.Merges != n-1 {
			w.Errorf("stats %+v", s)
		}
		w.standsInNoLine(c, "s")
	})
}

func TestTheWaitForATurnEndsWithItsContext(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "")
		rs := w.loads(c, 4)
		stays := w.load(c, "s")
		stays.Attrs["stays"] = []byte("1")
		ctx, cancel := context.WithTimeout(context.Background(), underWay/4)
		defer cancel()
		began := time.Now()
		outcomes := w.line(ctx, c, rs...)
		var err error
		var waited time.Duration
		var wg sync.WaitGroup
		wg.Go(func() { err = c.Save(context.Background(), stays) }) // behind them in the line
		wg.Go(func() {
			<-ctx.Done()
			synctest.Wait()
			waited = time.Since(began)
			if n := goroutinesIn("cluster.(*Cluster).Save("); n != 2 {
				w.Errorf("%d saves are left, want the one under way and the one that stays", n)
			}
		})
		errs := outcomes()
		wg.Wait()
		for i, err := range errs[1:] {
			if !isErr(err, context.DeadlineExceeded) || !strings.HasPrefix(err.Error(), "cluster: save: ") {
				w.Errorf("save %d: %v, want that its time is over", i+1, err)
			}
		}
		if waited != underWay/4 {
			w.Errorf("they waited for %v", waited)
		}
		w.allDone([]error{errs[0], err})
		w.sees(c, "s", "k0=1 stays=1")
		w.standsInNoLine(c, "s")
		// Nothing is stored, and nothing lost: the same record may be saved later.
		w.save(c, rs[2])
		w.sees(c, "s", "k0=1 k2=1 stays=1")
	})
}

// A context that ends when the save is under way ends nothing, whoever carries it out.
func TestASaveThatWasTakenAlongGoesOnWithoutItsContext(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "")
		rs := w.loads(c, 4)
		ctx, leave := context.WithCancel(context.Background())
		outcomes := w.line(ctx, c, rs...)
		time.Sleep(underWay / 2)
		w.once(func(cmd sentCommand) bool { return cmd.verb == "gets" }, func() { // the first thing of their turn
			leave()
			time.Sleep(time.Millisecond)
		})
		w.allDone(outcomes())
		if ctx.Err() == nil {
			w.Fatal("nobody has left")
		}
		w.sees(c, "s", "k0=1 k1=1 k2=1 k3=1")
	})
}

func TestCloseEndsTheWaitForATurn(t *testing.T) {
	story(t, 2, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "")
		rs := w.loads(c, 100)
		began := time.Now()
		outcomes := w.line(context.Background(), c, rs...)
		if err := c.Close(); err != nil {
			w.Error(err)
		}
		if took := time.Since(began); took != underWay {
			w.Errorf("Close takes %v, want %v: the save under way", took, underWay)
		}
		errs := outcomes()
		w.allDone(errs[:1])
		for i, err := range errs[1:] {
			if !isErr(err, ErrClosed) {
				w.Errorf("save %d: %v, want ErrClosed", i+1, err)
			}
		}
		w.sees(other, "s", "k0=1")
	})
}

// A save that asks for nothing costs nothing, and waits for nobody.
func TestAnIdleSaveTakesNoTurn(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{RefreshSlack: time.Minute})
		w.create(c, "s", "a=1")
		idle, r := w.load(c, "s"), w.load(c, "s")
		r.Attrs["a"] = []byte("2")
		outcomes := w.line(context.Background(), c, r)
		w.forget()
		began := time.Now()
		w.save(c, idle)
		if took := time.Since(began); took != 0 || w.count() != 0 {
			w.Errorf("it takes %v and %d commands", took, w.count())
		}
		if s := c.Stats(); s.IdleSaves != 1 {
			w.Errorf("stats %+v", s)
		}
		w.allDone(outcomes())
		w.sees(c, "s", "a=2")
	})
}

// A delete stands in no line. It ends the session for all that wait.
func TestADeleteDoesNotWaitForSaves(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "")
		rs := w.loads(c, 20)
		underWay := c.newSave(w.load(c, "s")) // and it takes as long as it likes
		_, _, _ = c.saves.Enter(context.Background(), nil, underWay.hash, underWay)
		outcomes := w.line(context.Background(), c, rs...)
		began := time.Now()
		w.delete(c, "s")
		if took := time.Since(began); took != 0 {
			w.Errorf("the delete takes %v while saves wait", took)
		}
		c.saves.Leave(underWay.hash)
		for i, err := range outcomes() {
			if !isErr(err, ErrDestroyed) {
				w.Errorf("save %d: %v, want ErrDestroyed", i, err)
			}
		}
		w.missing(c, "s", ErrNotFound)
		for _, n := range w.preference("s")[:2] {
			if s := w.on(n, "s"); s == nil || !s.IsTombstone() {
				w.Errorf("%s holds %s", n.ID(), show(s))
			}
		}
	})
}

// The delete comes between the read and the write of those that go together.
func TestDeleteInTheMiddleOfATurnEndsTheSessionForAll(t *testing.T) {
	story(t, 2, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.create(c, "s", "")
		outcomes := w.line(context.Background(), c, w.loads(c, 5)...)
		time.Sleep(underWay / 2)
		w.once(func(cmd sentCommand) bool { return cmd.verb == "cas" }, func() { w.delete(other, "s") })
		errs := outcomes()
		w.allDone(errs[:1])
		for i, err := range errs[1:] {
			if !isErr(err, ErrDestroyed) {
				w.Errorf("save %d: %v, want ErrDestroyed", i+1, err)
			}
		}
		w.missing(c, "s", ErrNotFound)
		if s := c.Stats(); s.Destroyed != 4 {
			w.Errorf("stats %+v", s)
		}
	})
}

// What proves too little for a session that exists is enough for a new one: the home nodes are
// gone, and nobody else knows the session.
func TestRecordsThatWereLoadedAndMadeDoNotGoTogether(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "v=0")
		rs := w.loads(c, 4)
		rs[2] = NewRecord("s") // replaces what was saved before it
		rs[2].Attrs = attrsOf("v=new")
		w.forget()
		w.allDone(w.line(context.Background(), c, rs...)())
		w.sees(c, "s", "v=new k3=1")
		if got := w.count("cas"); got != 4*2 {
			w.Errorf("%d cas, want four turns on two nodes", got)
		}

		rs = append(w.loads(c, 2), NewRecord("s"))
		rs[2].Attrs = attrsOf("v=newer")
		outcomes := w.line(context.Background(), c, rs...)
		for _, n := range w.preference("s")[:2] {
			n.Kill()
		}
		errs := outcomes()
		for i, want := range []error{ErrUnavailable, ErrUnavailable, nil} {
			if !isErr(errs[i], want) {
				w.Errorf("save %d: %v, want %v", i, errs[i], want)
			}
		}
		for _, n := range w.preference("s")[2:] {
			w.holds(n, "s", "v=newer")
		}
	})
}
