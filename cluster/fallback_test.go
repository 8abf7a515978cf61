package cluster

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// A new session that lay far down its preference list would be looked for by no process when the
// nodes before it are back from an outage, too. Nodes that stay away are another matter.
func TestNewSessionIsNotSavedFarDownThePreferenceListAfterAnOutage(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		for i, n := range list {
			if i < 4 {
				n.Pause()
				w.think(c, w.index("s", i), memcached.TimedOut)
			}
			w.think(c, w.index("s", i), memcached.TimedOut)
		}
		c.nodes()[w.index("s", 4)].note(health.afterProbe, memcached.Answered, nil) // the first that is back
		w.forget()
		r := NewRecord("s")
		r.Attrs = attrsOf("a=1")
		last := c.nodes()[w.index("s", 4)]
		err := c.Save(context.Background(), r)
		if err == nil && last.isWhole() { // the save has waited for as long as it takes to see that
			return
		}
		if !errors.Is(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
		}
		if n := w.count("add", "set", "cas"); n != 0 {
			w.Errorf("%d writes", n)
		}
		for !last.isWhole() {
			time.Sleep(time.Second)
		}
		w.save(c, r)
		w.sees(c, "s", "a=1")
	})
}

// A session that is known far down the list can be replaced there at any time.
func TestKnownSessionIsReplacedFarDownThePreferenceList(t *testing.T) {
	story(t, 6, func(w *world) {
		c := w.cluster(Config{})
		list := w.preference("s")
		w.create(c, "s", "a=1")
		for _, n := range list[:4] {
			n.Kill()
			w.sees(c, "s", "a=1")
			w.until(c, n, StateDown)
		}
		for i := range 2 { // they have been away for a moment
			n := c.nodes()[w.index("s", 4+i)]
			n.note(health.afterRequest, memcached.TimedOut, nil)
			n.note(health.afterProbe, memcached.Answered, nil)
		}
		w.create(c, "s", "a=2")
	})
}
