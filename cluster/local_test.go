package cluster

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unsafe"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell who is shown a local copy, and for how long.

// sticky is a configuration with local copies, bounded by number.
func sticky(l Local) Config {
	if l.Bytes == 0 && l.Sessions == 0 {
		l.Sessions = 100
	}
	return Config{Local: l}
}

// brings loads the session for a client that brings a version; it must be there.
func (w *world) brings(c *Cluster, id, version, attrs string) *Record {
	w.Helper()
	r, err := c.LoadVersion(context.Background(), id, version)
	if err != nil {
		w.Fatalf("load: %v", err)
	}
	w.same(r.Attrs, attrs)
	return r
}

// asked returns how many commands reach the nodes while f runs.
func (w *world) asked(f func()) int {
	w.forget()
	f()
	return w.count()
}

func (w *world) silent(f func()) {
	w.Helper()
	if n := w.asked(f); n != 0 {
		w.Errorf("%d commands reached a node", n)
	}
}

func TestAFreshCopyIsReadWithoutANode(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(sticky(Local{}))
		v := w.create(c, "s", "a=1").Version()
		w.silent(func() {
			for range 10 {
				time.Sleep(DefaultFresh / 20)
				w.brings(c, "s", v, "a=1")
			}
		})
		time.Sleep(DefaultFresh)
		if w.asked(func() { w.brings(c, "s", v, "a=1") }) == 0 {
			w.Error("a copy that is no longer fresh was shown")
		}
		w.silent(func() { w.brings(c, "s", v, "a=1") })
		for i := range 3 { // each write reaches both nodes
			r := w.brings(c, "s", v, fmt.Sprint("a=", i+1))
			r.Attrs["a"] = []byte(fmt.Sprint(i + 2))
			w.forget()
			w.save(c, r)
			if w.count("cas", "add") != 2 {
				w.Errorf("a save took %d writes", w.count("cas", "add"))
			}
			v = r.Version()
		}
		if s := c.Stats(); s.LocalHits != 14 || s.LocalCopies != 1 || s.Behind != 0 {
			w.Errorf("%+v", s)
		}
	})
}

func TestWithoutLocalEachLoadAsksTheNodes(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		v := w.create(c, "s", "a=1").Version()
		if w.asked(func() { w.brings(c, "s", v, "a=1") }) == 0 || c.Stats().LocalCopies != 0 {
			w.Error("a copy was shown")
		}
	})
}

// The balancer goes app1, app2, app1: no one sees less than he has seen.
func TestACopyIsNotShownToAClientThatHasSeenMore(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{})), w.cluster(sticky(Local{}))
		v := w.create(app1, "s", "n=0").Version()
		for i := range 20 {
			app := []*Cluster{app1, app2}[i%2]
			r := w.brings(app, "s", v, fmt.Sprint("n=", i))
			r.Attrs["n"] = []byte(fmt.Sprint(i + 1))
			w.save(app, r)
			v = r.Version()
			time.Sleep(time.Millisecond)
		}
	})
}

// What is kept after a save is what stands on the nodes: a copy with the app's own changes alone has the
// newer timestamp, and lacks what the client has seen on another instance.
func TestACopyAfterASaveHasWhatOthersHaveSaved(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{})), w.cluster(sticky(Local{}))
		w.create(app1, "s", "a=0")
		slow := w.load(app1, "s")
		time.Sleep(time.Millisecond)
		fast := w.load(app2, "s")
		fast.Attrs["b"] = []byte("1")
		w.save(app2, fast)
		time.Sleep(time.Millisecond)
		slow.Attrs["a"] = []byte("1")
		w.save(app1, slow)
		w.silent(func() {
			w.brings(app1, "s", fast.Version(), "a=1 b=1")
			r := w.brings(app1, "s", slow.Version(), "a=1 b=1")
			r.Attrs["c"] = []byte("1")
		})
		w.brings(app2, "s", slow.Version(), "a=1 b=1") // its copy lacks a
		slow.Attrs["d"] = []byte("1")                  // its own view has no b, and removes none
		w.save(app1, slow)
		w.brings(app1, "s", slow.Version(), "a=1 b=1 d=1")
	})
}

// A load that could not bring all nodes up to date proves nothing: what it shows may go with one node.
func TestALoadThatDidNotRepairCarriesNoVersion(t *testing.T) {
	story(t, 2, func(w *world) {
		c, other := w.cluster(sticky(Local{})), w.cluster(Config{})
		w.create(other, "s", "a=0")
		n := w.preference("s")
		kept := w.on(n[1], "s")
		w.change(other, "s", "a", "1")
		i := 0
		w.onCommand(func(cmd sentCommand) { // somebody is always faster
			if cmd.verb == "cas" && w.env.Node(cmd.node) == n[1] {
				i++
				w.put(n[1], "s", record.Change(kept, attrsOf(fmt.Sprint("a=0 x=", i)), kept.Deadline(), record.Timestamp{Clock: kept.Newest(), Writer: uint64(i)}))
			}
		})
		w.put(n[1], "s", kept)
		r := w.load(c, "s")
		if r.Version() != "" || c.Stats().RepairFailures != 1 || c.Stats().LocalCopies != 0 {
			w.Errorf("version %q, %+v", r.Version(), c.Stats())
		}
		w.onCommand(nil)
		if r = w.load(c, "s"); r.Version() == "" || c.Stats().LocalCopies != 1 {
			w.Errorf("version %q, %+v", r.Version(), c.Stats())
		}
	})
}

func TestWhatIsNoVersionIsANormalLoad(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(sticky(Local{Outage: time.Minute, WriteBehind: true}))
		key := record.KeyOf("s")
		v := w.create(c, "s", "a=1").Version()
		w.silent(func() { w.brings(c, "s", v, "a=1") })
		for says, text := range map[string]string{
			"missing": "", "forged": "AAAAAAAAAAAAAAAA", "too long": v + "A", "of another session": w.create(c, "t", "b=1").Version(),
			"from the future":         record.PendingVersion(c.writer, time.Now().Add(25*time.Hour).UnixMicro()).Text(key),
			"of a process unknown":    record.PendingVersion(^c.writer, time.Now().UnixMicro()).Text(key),
			"newer than all there is": record.PendingVersion(c.writer, time.Now().Add(time.Hour).UnixMicro()).Text(key),
		} {
			behind := c.Stats().Behind
			if w.asked(func() { w.brings(c, "s", text, "a=1") }) == 0 {
				w.Errorf("%s: a copy was shown", says)
			}
			if known := len(text) == record.VersionLen && strings.Contains(says, "n"); !known && c.Stats().Behind != behind {
				w.Errorf("%s: counts as behind", says)
			}
		}
	})
}

func TestACopyEndsWithItsSession(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(sticky(Local{Fresh: time.Hour}))
		r := NewRecord("s")
		r.Deadline = time.Now().Add(time.Minute)
		w.save(c, r)
		time.Sleep(time.Minute - time.Millisecond)
		w.silent(func() { w.brings(c, "s", r.Version(), "") })
		time.Sleep(time.Millisecond)
		if _, err := c.LoadVersion(w.Context(), "s", r.Version()); !isErr(err, ErrNotFound) {
			w.Errorf("after its deadline: %v", err)
		}
	})
}

func TestALogoutElsewhereIsNoticedWithinFresh(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{})), w.cluster(sticky(Local{}))
		v := w.create(app1, "s", "a=1").Version()
		began := time.Now()
		w.delete(app2, "s")
		for time.Since(began) <= DefaultFresh {
			time.Sleep(time.Second / 2)
			if _, err := app1.LoadVersion(w.Context(), "s", v); isErr(err, ErrNotFound) {
				return
			}
		}
		w.Error("the session was shown for longer than Fresh after its logout")
	})
}

func TestALogoutHereHoldsAtOnce(t *testing.T) {
	story(t, 3, func(w *world) {
		var c *Cluster
		var answers atomic.Int32 // to the load that is under way
		cfg := sticky(Local{Sessions: 1})
		cfg.Trace = &Trace{RequestDone: func(_ context.Context, d RequestDone) {
			if d.Operation == OperationLoad && answers.Add(1) == 2 { // it has read the session, and goes on after the logout
				time.Sleep(time.Millisecond)
				w.delete(c, "s")
				w.create(c, "t", "b=1") // takes the only place
			}
		}}
		c = w.cluster(cfg)
		v := w.create(c, "s", "a=1").Version()
		time.Sleep(DefaultFresh + time.Second)
		_, late := c.LoadVersion(w.Context(), "s", v)
		if answers.Load() < 2 {
			w.Fatal("the load asked nobody")
		}
		if _, err := c.LoadVersion(w.Context(), "s", v); !isErr(err, ErrNotFound) {
			w.Errorf("after the logout: %v (a load meanwhile: %v)", err, late)
		}
	})
}

// A load that has read the session before a save does not take the copy back, and shows what the copy has.
func TestAnOlderReadDoesNotReplaceANewerCopy(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(sticky(Local{}))
		w.create(c, "s", "a=0")
		old := w.load(c, "s")
		w.change(c, "s", "a", "1")
		v := w.load(c, "s").Version()
		r := &Record{key: "s", snap: snapshot{base: old.snap.base}}
		r = c.local.loaded(r, record.KeyOf("s"), &view{merged: old.snap.base, readAt: time.Now()})
		w.same(r.Attrs, "a=1")
		if r.Version() != v {
			w.Errorf("version %q, want %q", r.Version(), v)
		}
		w.silent(func() { w.brings(c, "s", v, "a=1") })
	})
}

func TestCopiesStayWithinTheirBounds(t *testing.T) {
	story(t, 3, func(w *world) {
		const most = 64 << 10
		c := w.cluster(sticky(Local{Bytes: most}))
		one := strings.Repeat("x", 1000)
		used := w.create(c, "used", "a="+one).Version()
		first := w.create(c, "first", "a="+one).Version()
		for i := range 200 {
			w.create(c, fmt.Sprint("flood", i), "a="+one)
			w.brings(c, "used", used, "a="+one)
			if s := c.Stats(); s.LocalBytes > most {
				w.Fatalf("%d bytes after %d sessions", s.LocalBytes, i)
			}
		}
		w.silent(func() { w.brings(c, "used", used, "a="+one) })
		if w.asked(func() { w.brings(c, "first", first, "a="+one) }) == 0 {
			w.Error("the copy that nobody has used is still there")
		}
		if s := c.Stats(); s.LocalCopies < most/2000 {
			w.Errorf("%+v", s)
		}
		w.create(c, "large", "a="+strings.Repeat("x", most)) // no room at all
		w.sees(c, "large", "a="+strings.Repeat("x", most))
		w.silent(func() { w.brings(c, "used", used, "a="+one) }) // what has no room takes none from others
		few := w.cluster(sticky(Local{Sessions: 3}))
		for i := range 10 {
			w.create(few, fmt.Sprint("few", i), "a=1")
		}
		if s := few.Stats(); s.LocalCopies != 3 {
			w.Errorf("%d copies", s.LocalCopies)
		}
	})
}

// A machine that slept, or whose clock was set back, does not take its copies for fresh.
func TestTheAgeOfACopyIsTheLongerOne(t *testing.T) {
	at := time.Now()
	c := localCopy{at: at}
	if got := c.age(at.Add(time.Second)); got != time.Second {
		t.Errorf("after a second: %v", got)
	}
	if got := c.age(at.Round(0).Add(time.Hour)); got != time.Hour {
		t.Errorf("after an hour: %v", got)
	}
	if got := c.age(slept(at.Add(time.Hour), time.Hour)); got != time.Hour {
		t.Errorf("after a sleep of an hour: %v", got)
	}
}

// slept is that time on a machine whose monotonic clock has stood still for so long. Only the machine makes such
// times: the test knows where package time keeps that clock.
func slept(t time.Time, still time.Duration) time.Time {
	(*struct{ wall, monotonic int64 })(unsafe.Pointer(&t)).monotonic -= int64(still)
	return t
}

func TestLocalIsChecked(t *testing.T) {
	for _, c := range []struct {
		l    Local
		want string
	}{
		{Local{}, ""},
		{Local{Sessions: 1}, ""},
		{Local{Bytes: 1, Outage: 30 * time.Minute, WriteBehind: true}, ""},
		{Local{Sessions: -1}, "Local.Sessions is -1"},
		{Local{Bytes: -1}, "Local.Bytes is -1"},
		{Local{Sessions: 1, Fresh: -1}, "Local.Fresh"},
		{Local{Sessions: 1, Outage: -1}, "Local.Outage"},
		{Local{Sessions: 1, Outage: 31 * time.Minute}, "use at most 30m0s"},
		{Local{Outage: time.Minute}, "set Local.Sessions or Local.Bytes"},
		{Local{WriteBehind: true}, "set Local.Sessions or Local.Bytes"},
		{Local{Fresh: time.Second}, "set Local.Sessions or Local.Bytes"},
	} {
		cfg, err := Config{Nodes: manyNodes(2), Local: c.l}.withDefaults()
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.l, err, c.want)
		}
		if err == nil && cfg.Local.isOn() && cfg.Local.Fresh != DefaultFresh {
			t.Errorf("%+v: fresh for %v", c.l, cfg.Local.Fresh)
		}
	}
}

// cutOff is an instance with a wire of its own to the nodes.
type cutOff struct {
	*Cluster
	w    *world
	wire *testenv.Wire
}

func (w *world) behindItsWire(cfg Config) cutOff {
	w.Helper()
	wire := testenv.NewWire(w.dial)
	cfg.DialContext = wire.DialContext
	w.Cleanup(func() { _ = wire.Close() })
	return cutOff{w.cluster(cfg), w, wire}
}

// cut has the instance reach no node, and waits until it knows.
func (c cutOff) cut() {
	for _, n := range c.w.env.All() {
		c.wire.Refuse(n.Addr())
		c.wire.Reset(n.Addr())
	}
	for _, n := range c.w.env.All() {
		for stateOf(c.Cluster, n) != StateDown {
			_ = c.Ping(context.Background())
			time.Sleep(time.Millisecond)
		}
	}
}

// mend has the instance reach all nodes again, and waits until it knows.
func (c cutOff) mend() {
	c.wire.HealAll()
	for _, n := range c.w.env.All() {
		c.w.until(c.Cluster, n, StateUp)
	}
}

// written waits until nothing of the instance is pending.
func (w *world) written(c *Cluster) {
	w.Helper()
	for range 60_000 {
		if c.Stats().Unwritten == 0 {
			return
		}
		time.Sleep(time.Millisecond)
	}
	w.Fatalf("%d sessions are still not written", c.Stats().Unwritten)
}

// With a slack, requests that change nothing cost no command, also after the save that has moved the
// deadline; a copy that was lost with its node is put back.
func TestRequestsOfAnIdleTimeoutAskNoNode(t *testing.T) {
	story(t, 3, func(w *world) {
		cfg := sticky(Local{})
		cfg.RefreshSlack = time.Minute
		c := w.cluster(cfg)
		v := w.create(c, "s", "a=1").Version()
		request := func() {
			r := w.brings(c, "s", v, "a=1")
			r.Deadline = time.Now().Add(time.Hour)
			w.save(c, r)
			v = r.Version()
		}
		w.silent(func() {
			for range 10 {
				request()
				time.Sleep(DefaultFresh / 20)
			}
		})
		time.Sleep(2 * time.Minute)
		request() // moves the deadline
		w.silent(request)
		home := w.preference("s")[0]
		home.Kill()
		for stateOf(c, home) != StateDown {
			_ = c.Ping(w.Context())
			time.Sleep(time.Millisecond)
		}
		request()
		w.holds(w.preference("s")[2], "s", "a=1")
	})
}
