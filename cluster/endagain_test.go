package cluster

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell which saves end a session again, because it had ended when they put their
// changes in the place of one of its copies, and which go on.

// whileWriting runs f when the node is about to apply the first cas.
func (w *world) whileWriting(place int, f func()) {
	n := w.preference("s")[place]
	w.once(func(cmd sentCommand) bool { return cmd.verb == "cas" && w.env.Node(cmd.node) == n }, f)
}

// A save that knows when the session ends, and gives it a later end in time, is not late because
// one of its nodes is slow.
func TestSaveInTimeIsNotLateWhereNodesAreSlow(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		r := w.createFor(c, "s", "a=1", 50*time.Millisecond)
		backup := w.preference("s")[1]
		w.whileWriting(1, func() {
			time.Sleep(100 * time.Millisecond)
			w.put(backup, "s", w.on(backup, "s")) // the same under another token
		})
		r.Attrs["a"], r.Deadline = []byte("2"), time.Now().Add(time.Hour)
		w.save(c, r)
		w.sees(w.cluster(Config{}), "s", "a=2")
	})
}

// A session that is begun where an ended one lies does not end with it, whichever node shows that.
func TestNewSessionDoesNotEndWithTheOneItReplaces(t *testing.T) {
	for place := range 2 {
		story(t, 2, func(w *world) {
			at := record.Timestamp{Clock: time.Now().Add(-time.Hour).UnixMicro(), Writer: 7}
			w.put(w.preference("s")[place], "s", record.Change(nil, attrsOf("old=1"), time.Now().Add(-time.Minute).UnixMilli(), at))
			w.create(w.cluster(Config{}), "s", "new=1")
			w.sees(w.cluster(Config{}), "s", "new=1")
		})
	}
}

// Of two saves that go together the one that knows of the end is left out, as too large. The other
// has been written to a node that showed a longer copy, and finds out then.
func TestSaveThatIsLeftOutKeepsNoEndedSessionAlive(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{MaxRecordBytes: 10_000})
		w.createFor(c, "s", "a=1", longLife)
		late := w.load(c, "s")
		list := w.preference("s")
		longer := w.on(list[0], "s")
		w.endsIn(w.cluster(Config{}), time.Minute)
		evidence := w.on(list[1], "s")
		large := w.load(c, "s")
		time.Sleep(10 * time.Minute)
		for _, n := range list {
			w.put(n, "s", longer) // they have hung, both in turn
		}
		w.whileWriting(1, func() { w.put(list[1], "s", evidence) })
		late.Attrs["b"], late.Deadline = []byte("1"), time.Now().Add(longLife)
		large.Attrs["page"] = []byte(strings.Repeat("x", 20_000))
		w.are(oneTurn(c, large, late), ErrTooLarge, ErrDestroyed)
		w.missing(w.cluster(Config{}), "s", ErrNotFound)
	})
}

// A session ends again for all saves of a turn: whose changes they were says nothing of that.
func TestTurnEndsASessionAgainForAllItsSaves(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.createFor(c, "s", "a=1", longLife)
		late := []*Record{w.load(c, "s"), w.load(c, "s")}
		list := w.preference("s")
		longer := w.on(list[0], "s")
		w.endsIn(w.cluster(Config{}), time.Minute)
		evidence := w.on(list[1], "s")
		time.Sleep(10 * time.Minute)
		for _, n := range list {
			w.put(n, "s", longer)
		}
		w.whileWriting(1, func() { w.put(list[1], "s", evidence) })
		for _, r := range late {
			r.Attrs["b"], r.Deadline = []byte("1"), time.Now().Add(longLife)
		}
		w.are(oneTurn(c, late...), ErrDestroyed, ErrDestroyed)
		if err := c.Save(context.Background(), late[0]); !isErr(err, ErrDestroyed) {
			w.Errorf("save: %v", err)
		}
		w.missing(w.cluster(Config{}), "s", ErrNotFound)
	})
}
