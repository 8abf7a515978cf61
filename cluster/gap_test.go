package cluster

import (
	"context"
	"testing"
)

// readsFirst fails unless the nodes were read before anything was written to them.
func (w *world) readsFirst() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sent) == 0 || w.sent[0].verb != "gets" {
		w.Errorf("something was written before any copy was read: %v", w.sent)
	}
}

// A gap is never filled without reading first: a copy made from half the evidence looks
// whole to whoever comes next.
func TestGapIsNeverFilledWithoutReading(t *testing.T) {
	t.Run("the fallback for a home node that is down", func(t *testing.T) {
		story(t, 4, func(w *world) {
			c := w.cluster(Config{})
			w.create(c, "s", "a=1")
			r := w.load(c, "s")
			w.preference("s")[1].Kill()
			if err := c.Ping(context.Background()); err != nil {
				w.Fatal(err)
			}
			w.until(c, w.preference("s")[1], StateDown)
			r.Attrs["a"] = []byte("2")
			w.forget()
			w.save(c, r)
			w.readsFirst()
			w.holds(w.preference("s")[2], "s", "a=2")
		})
	})
	t.Run("a record that was saved before", func(t *testing.T) {
		story(t, 3, func(w *world) {
			c, other := w.cluster(Config{}), w.cluster(Config{})
			r := w.create(c, "s", "a=1")
			w.change(other, "s", "b", "1")
			w.preference("s")[1].Restart()
			r.Attrs["a"] = []byte("2")
			w.forget()
			w.save(c, r)
			w.readsFirst()
			w.holds(w.preference("s")[1], "s", "a=2 b=1")
		})
	})
	t.Run("a load that repaired one copy", func(t *testing.T) {
		story(t, 3, func(w *world) {
			c := w.cluster(Config{})
			w.create(c, "s", "a=1")
			w.preference("s")[0].Restart()
			r := w.load(c, "s")
			w.preference("s")[0].Restart()
			r.Attrs["a"] = []byte("2")
			w.forget()
			w.save(c, r)
			w.readsFirst()
			w.holds(w.preference("s")[0], "s", "a=2")
		})
	})
}
