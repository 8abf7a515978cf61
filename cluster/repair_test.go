package cluster

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what a load writes on its way, and what it returns when that fails.

// changed is the record with one attribute changed, as another process would save it now.
func changed(was *record.Record, name, value string) *record.Record {
	attrs := was.Values()
	attrs[name] = []byte(value)
	return record.Change(was, attrs, was.Deadline(), record.Timestamp{Clock: was.Newest() + 1, Writer: 7})
}

// What lies behind the targets is given a short life when they hold it, and not before: here they
// refuse each write.
func TestFailedRepairLeavesOrphans(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		list := w.preference("s")
		w.put(list[1], "s", changed(w.on(list[1], "s"), "b", "1"))
		w.put(list[2], "s", changed(w.on(list[1], "s"), "c", "1"))
		var writes atomic.Int32 // to the orphan
		w.onCommand(func(cmd sentCommand) {
			switch n := w.env.Node(cmd.node); {
			case cmd.verb != "cas":
			case n == list[2]:
				writes.Add(1)
			default:
				w.put(n, "s", w.on(n, "s")) // the same under another token
			}
		})
		w.sees(c, "s", "a=1 b=1 c=1")
		w.onCommand(nil)
		if n := writes.Load(); n != 0 || c.Stats().RepairFailures != 1 {
			w.Errorf("%d writes to the orphan, stats %+v", n, c.Stats())
		}
		w.sees(c, "s", "a=1 b=1 c=1")
	})
}

// So it is with a save that finds its session too large with what lies there: the targets hold
// nothing of it.
func TestFailedSaveLeavesOrphans(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{MaxRecordBytes: 1000})
		r := w.create(c, "s", "a=1")
		list := w.preference("s")
		w.put(list[0], "s", w.on(list[0], "s")) // the same under another token
		w.put(list[1], "s", changed(w.on(list[1], "s"), "b", "1"))
		w.put(list[2], "s", changed(w.on(list[1], "s"), "c", strings.Repeat("x", 600)))
		held := w.on(list[2], "s")
		r.Attrs["d"] = []byte(strings.Repeat("y", 600))
		if err := c.Save(context.Background(), r); !isErr(err, ErrTooLarge) {
			w.Fatalf("save: %v", err)
		}
		time.Sleep((orphanTTL + 2) * time.Second)
		if s := w.on(list[2], "s"); !s.Equal(held) {
			w.Errorf("the orphan is %s", show(s))
		}
	})
}

// A target whose copy is about to expire lacks the session: it was a fallback, and is one again.
func TestTargetWithAnExpiringCopyGetsItAgain(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		list := w.preference("s")
		key := record.KeyOf("s").Name("")
		held, _ := list[0].Get(key)
		setOrphan(w.env, list[2], key, held)
		list[0].Kill()
		w.sees(c, "s", "a=1")
		w.forget()
		w.sees(c, "s", "a=1")
		if n := w.count("add", "cas", "set"); n != 0 {
			w.Errorf("both targets have the session, and it is written %d times", n)
		}
		time.Sleep((orphanTTL + 2) * time.Second)
		w.holds(list[2], "s", "a=1")
	})
}

// A save that meets the tombstone on one target brings it to the other.
func TestSaveThatMeetsATombstoneSpreadsIt(t *testing.T) {
	for place := range 2 {
		story(t, 2, func(w *world) {
			c := w.cluster(Config{})
			r := w.create(c, "s", "a=1")
			list := w.preference("s")
			w.put(list[place], "s", record.Tombstone(time.Now().Add(time.Hour).UnixMilli()))
			r.Attrs["a"] = []byte("2")
			w.findsDestroyed(c, r)
			for _, n := range list {
				if s := w.on(n, "s"); !s.IsTombstone() {
					w.Errorf("%s holds %s", n.ID(), show(s))
				}
			}
		})
	}
}

// The nodes die while a load brings them up to date. What it has read is as good as ever.
func TestLoadReturnsWhatItReadWhenAllNodesDieSince(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		list := w.preference("s")
		list[1].Restart() // it is empty
		w.once(func(cmd sentCommand) bool { return cmd.verb == "add" }, func() {
			for _, n := range list {
				n.Kill()
			}
		})
		w.sees(c, "s", "a=1")
		w.missing(c, "s", ErrUnavailable)
	})
}

// A session that has ended costs no writes: its copies wait for their nodes to drop them.
func TestEndedSessionIsNotRepaired(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		at := record.Timestamp{Clock: time.Now().Add(-time.Hour).UnixMicro(), Writer: 7}
		w.put(w.preference("s")[1], "s", record.Change(nil, attrsOf("a=1"), time.Now().Add(-time.Minute).UnixMilli(), at))
		w.forget()
		w.missing(c, "s", ErrNotFound)
		if n := w.count("add", "cas", "set"); n != 0 {
			w.Errorf("%d writes", n)
		}
	})
}

// A node that dies before it has the tombstone does not count: one tombstone is not two.
func TestDeletionCountsStoredTombstones(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MinCopies: 2})
		w.create(c, "s", "a=1")
		dies := w.preference("s")[0]
		w.once(func(cmd sentCommand) bool { return cmd.verb == "set" && w.env.Node(cmd.node) == dies }, dies.Kill)
		if err := c.Delete(context.Background(), "s"); !isErr(err, ErrUnavailable) {
			w.Errorf("delete: %v", err)
		}
	})
}

// A node that was silent when it was asked last is asked for a copy that is missing, and has a
// quarter of a Timeout for it: it must not cost each request a whole one.
func TestUnresponsiveNodeHasAQuarterOfATimeout(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		list := w.preference("s")
		list[0].Pause()
		_ = c.Ping(context.Background())
		w.until(c, list[0], StateDown)
		began := time.Now()
		w.sees(c, "s", "a=1") // and the fallback gets a copy
		if took := time.Since(began); took != DefaultTimeout/4 {
			w.Errorf("a load took %v", took)
		}
	})
}
