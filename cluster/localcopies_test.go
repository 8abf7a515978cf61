package cluster

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell of local copies beside other requests, in an outage, and without room.

// A load that has read the session before its logout, and ends after it, says that there is no session: it
// does not show an empty one.
func TestALoadThatALogoutOvertakesShowsNoEmptySession(t *testing.T) {
	story(t, 8, func(w *world) {
		cfg := sticky(Local{})
		cfg.OwnerCheck = time.Second
		c := w.cluster(cfg)
		hash := c.ownerKeys("user")[0]
		owners, id := c.operationOn(hash, intent{}), "s"
		for w.meets(id, owners.preferred(0), owners.preferred(1)) {
			id += "s"
		}
		r := NewRecord(id)
		r.Attrs["a"] = []byte("1")
		r.SetOwner("user", "")
		w.save(c, r)
		time.Sleep(DefaultFresh + time.Second)
		w.onCommand(func(cmd sentCommand) {
			if cmd.key == hash.Name(c.cfg.KeyPrefix) { // asked for after the session was read
				time.Sleep(20 * time.Millisecond)
			}
		})
		var late *Record
		var err error
		done := make(chan bool)
		go func() {
			late, err = c.Load(context.Background(), id)
			close(done)
		}()
		time.Sleep(10 * time.Millisecond)
		w.delete(c, id)
		<-done
		if err == nil && string(late.Attrs["a"]) != "1" {
			w.Errorf("an empty session was shown, until %v", late.Deadline)
		}
	})
}

// meets reports whether a deletion of the session writes to one of the nodes.
func (w *world) meets(id string, nodes ...*node) bool {
	return slices.ContainsFunc(w.preference(id)[:4], func(n *testenv.Node) bool {
		return slices.ContainsFunc(nodes, func(o *node) bool { return o.ID == n.ID() })
	})
}

// What a process keeps of a session is its copy alone, and not the Record that the app was given.
func TestACopyKeepsNoRecordOfTheApp(t *testing.T) {
	story(t, 3, func(w *world) {
		w.create(w.cluster(Config{}), "s", "a="+strings.Repeat("x", 10_000))
		c := w.cluster(sticky(Local{}))
		r := w.load(c, "s")
		app := weak.Make(r)
		runtime.KeepAlive(r)
		r = nil
		runtime.GC()
		if c.Stats().LocalCopies != 1 || app.Value() != nil {
			w.Error("the app's Record, with its values, is kept for as long as the copy, and is not counted")
		}
	})
}

// An instance was cut off for longer than the GC grace. Meanwhile another one has collected removals.
func TestWhatWasPendingForLongIsNotCollected(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.behindItsWire(sticky(Local{Outage: outage})), w.cluster(Config{})
		first := NewRecord("s")
		first.Attrs, first.Deadline = attrsOf("a=0 y=0"), time.Now().Add(24*time.Hour)
		w.save(app2, first)
		r := w.load(app1.Cluster, "s")
		app1.cut()
		r.Attrs["x"] = []byte("1")
		w.save(app1.Cluster, r)
		time.Sleep(10 * time.Minute)
		there := w.load(app2, "s")
		delete(there.Attrs, "y")
		w.save(app2, there)
		time.Sleep(80 * time.Minute)
		for _, v := range []string{"1", "2", "3"} {
			w.change(app2, "s", "b", v)
			time.Sleep(time.Minute)
		}
		app1.mend()
		w.written(app1.Cluster)
		w.sees(app2, "s", "a=0 b=3 x=1")
	})
}

// The nodes have all that was pending, and there is no room for what others have written since.
func TestWhatIsWrittenIsNotPendingForWantOfRoom(t *testing.T) {
	key := record.KeyOf("s")
	at := record.Timestamp{Clock: time.Now().UnixMicro(), Writer: 1}
	end := time.Now().Add(time.Hour).UnixMilli()
	stood := record.Change(nil, attrsOf("a=1"), end, at)
	l := newLocalCopies(&Config{Now: time.Now, Local: Local{Bytes: 2000, Outage: outage}}, 1)
	l.mu.Lock()
	l.confirmLocked(key, stood, nil, nil, time.Now())
	l.mu.Unlock()
	l.hold(key)
	at.Clock++
	more := record.Change(stood, attrsOf("a=1 b="+strings.Repeat("x", 4000)), end, at)
	l.mu.Lock()
	l.confirmLocked(key, more, nil, nil, time.Now())
	l.mu.Unlock()
	if copies, bytes, unwritten := l.count(); unwritten != 0 {
		t.Errorf("%d copies, %d bytes, %d unwritten: it is written again and again", copies, bytes, unwritten)
	}
}

// A new session under the key of one that was destroyed in the outage is an error, as it is on the nodes.
func TestADestroyedKeyIsNotUsedAgainInAnOutage(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(sticky(Local{Outage: outage}))
		w.create(c, "s", "a=1")
		w.allDown(c)
		w.delete(c, "s")
		r := NewRecord("s")
		r.Attrs["b"] = []byte("1")
		if err := c.Save(w.Context(), r); !isErr(err, ErrDestroyed) {
			w.Errorf("a save under the key of a destroyed session: %v", err)
		}
	})
}

// Who has the lock sees what the one before has written, also where a load that was under way meanwhile
// has left an older copy.
func TestWhoHasTheLockIsShownNoLocalCopy(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{})), w.cluster(Config{})
		w.create(app2, "s", "n=0")
		old := w.load(app1, "s")
		readAt := time.Now()
		w.change(app2, "s", "n", "1")
		held, unlock, err := app1.Lock(w.Context(), "s", time.Minute)
		if err != nil {
			w.Fatal(err)
		}
		defer unlock()
		app1.local.loaded(&Record{key: "s"}, record.KeyOf("s"), &view{merged: old.snap.base, readAt: readAt})
		r, err := app1.LoadVersion(held, "s", old.Version())
		if err != nil {
			w.Fatal(err)
		}
		w.same(r.Attrs, "n=1")
	})
}

// Nor is it in an outage.
func TestWhoHasTheLockIsShownNoLocalCopyInAnOutage(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		w.create(app2, "s", "n=0")
		old := w.load(app1, "s")
		readAt := time.Now()
		w.change(app2, "s", "n", "1")
		held, _, err := app1.Lock(w.Context(), "s", time.Minute)
		if err != nil {
			w.Fatal(err)
		}
		app1.local.loaded(&Record{key: "s"}, record.KeyOf("s"), &view{merged: old.snap.base, readAt: readAt})
		w.allDown(app1)
		if r, err := app1.LoadVersion(held, "s", old.Version()); !isErr(err, ErrUnavailable) {
			w.Errorf("load with the lock: %v, %v", r, err)
		}
		w.brings(app1, "s", old.Version(), "n=1") // without it a copy is better than nothing
	})
}

// In an outage nothing is found of any session. That makes no session that has a copy here an unknown one.
func TestUsersWithACopyAreNotThrottledInAnOutage(t *testing.T) {
	story(t, 6, func(w *world) {
		cfg := sticky(Local{Outage: outage})
		cfg.UnknownPerSecond = 1
		c := w.cluster(cfg)
		v := w.create(c, "s", "a=1").Version()
		for _, n := range w.preference("s")[:2] {
			n.Kill()
			for stateOf(c, n) != StateDown {
				_ = c.Ping(context.Background())
				time.Sleep(time.Millisecond)
			}
		}
		time.Sleep(DefaultFresh)
		for range 20 {
			time.Sleep(time.Millisecond)
			_, _ = c.Load(w.Context(), "unknown")
			w.brings(c, "s", v, "a=1")
		}
	})
}

// Nodes keep a tombstone for its time, and a local copy of it counts no longer: a session that begins later under the
// same id is shown, and saved in an outage.
func TestASessionBeginsUnderAnIdWhoseTombstoneIsOver(t *testing.T) {
	for name, outOfReach := range map[string]bool{"": false, "in an outage": true} {
		t.Run(name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				cfg := sticky(Local{Outage: outage})
				cfg.Lifetime = time.Hour
				c := w.cluster(cfg)
				w.create(c, "s", "a=1")
				w.delete(c, "s")
				w.delete(c, "s")
				time.Sleep(5 * time.Hour)
				if outOfReach {
					w.allDown(c)
				}
				r := w.create(c, "s", "a=2")
				for range 3 {
					w.brings(c, "s", r.Version(), "a=2")
					if !outOfReach {
						w.sees(c, "s", "a=2")
					}
					time.Sleep(time.Second)
				}
			})
		})
	}
}
