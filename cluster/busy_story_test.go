package cluster

import (
	"context"
	"testing"
	"time"
)

// These stories tell what a request does when this process has no room left for questions to the
// home nodes of its session: that says nothing of the nodes, and others go on using them.

// busy takes all room for exchanges with the homes of the session, until it is called again.
func (w *world) busy(c *Cluster, id string) (release func()) {
	var full []room
	for _, home := range w.rank(id)[:2] {
		for _, n := range c.nodes {
			if n.ID == home.ID() {
				full = append(full, n.slots, n.small)
			}
		}
	}
	for _, r := range full {
		for range cap(r) {
			r <- struct{}{}
		}
	}
	return func() {
		for _, r := range full {
			for range cap(r) {
				<-r
			}
		}
	}
}

func TestNoStandInIsBelievedWhileTheHomesWereNotAsked(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.put(w.rank("s")[2], "s", liveAt(time.Now().Add(time.Hour).UnixMilli(), value("a", "old", 1)))
		w.create(c, "s", "a=1")
		loaded := w.load(c, "s")
		w.load(c, "s") // the connections stand
		release := w.busy(c, "s")
		w.missing(c, "s", ErrUnavailable)
		loaded.Attrs["a"] = []byte("2")
		if err := c.Save(context.Background(), loaded); !isErr(err, ErrUnavailable) {
			t.Errorf("save: %v", err)
		}
		release()
		w.sees(other, "s", "a=1")
	})
}

func TestNoSessionIsCreatedOnStandInsWhileTheHomesWereNotAsked(t *testing.T) {
	story(t, 4, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		release := w.busy(c, "s")
		r := NewRecord("s")
		r.Attrs["a"] = []byte("1")
		if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
			t.Errorf("save: %v", err)
		}
		release()
		w.missing(other, "s", ErrNotFound)
		w.save(c, r)
		w.sees(other, "s", "a=1")
	})
}
