package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// A new session that lay far behind in its rank would be looked for by nobody when the
// nodes before it are back from an outage, too. Those that stay away are another matter.
func TestAfterAnOutageANewSessionIsNotSavedWhereNobodyWouldLook(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		for i, n := range ranks {
			w.think(c, w.index("s", i), memcached.TimedOut)
			if i < 4 {
				n.Pause()
				w.think(c, w.index("s", i), memcached.TimedOut)
			}
		}
		c.nodes[w.index("s", 4)].note(health.probe, memcached.Answered, nil) // the first that is back
		w.forget()
		r := NewRecord("s")
		r.Attrs = attrsOf("a=1")
		if err := c.Save(context.Background(), r); !errors.Is(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
		}
		if n := w.count("add", "set", "cas"); n != 0 {
			w.Errorf("%d writes", n)
		}
		time.Sleep(settling)
		w.save(c, r)
		w.sees(c, "s", "a=1")
	})
}

// A session that is known there can be replaced there at any time.
func TestAKnownSessionIsReplacedFarBehind(t *testing.T) {
	story(t, 6, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		w.create(c, "s", "a=1")
		for _, n := range ranks[:4] {
			n.Kill()
			w.sees(c, "s", "a=1")
			w.until(c, n, StateDown)
		}
		for i := range 2 { // they have been away for a moment
			n := c.nodes[w.index("s", 4+i)]
			n.note(health.request, memcached.TimedOut, nil)
			n.note(health.probe, memcached.Answered, nil)
		}
		w.create(c, "s", "a=2")
	})
}
