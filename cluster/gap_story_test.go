package cluster

import (
	"context"
	"testing"
)

// gathersFirst fails unless the nodes were read before anything was written to them.
func (w *world) gathersFirst() {
	w.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.sent) == 0 || w.sent[0].verb != "gets" {
		w.Errorf("something was written before any copy was read: %v", w.sent)
	}
}

// A gap is never filled without gathering: a copy made from half the evidence looks
// whole to whoever comes next.
func TestAGapIsNeverFilledWithoutGathering(t *testing.T) {
	t.Run("the stand-in for a home node that is down", func(t *testing.T) {
		story(t, 4, func(w *world) {
			c := w.cluster(Config{})
			w.create(c, "s", "a=1")
			r := w.load(c, "s")
			w.rank("s")[1].Kill()
			if err := c.Ping(context.Background()); err != nil {
				w.Fatal(err)
			}
			w.until(c, w.rank("s")[1], StateDown)
			r.Attrs["a"] = []byte("2")
			w.forget()
			w.save(c, r)
			w.gathersFirst()
			w.holds(w.rank("s")[2], "s", "a=2")
		})
	})
	t.Run("a record that was saved before", func(t *testing.T) {
		story(t, 3, func(w *world) {
			c, other := w.cluster(Config{}), w.cluster(Config{})
			r := w.create(c, "s", "a=1")
			w.change(other, "s", "b", "1")
			w.rank("s")[1].Restart()
			r.Attrs["a"] = []byte("2")
			w.forget()
			w.save(c, r)
			w.gathersFirst()
			w.holds(w.rank("s")[1], "s", "a=2 b=1")
		})
	})
	t.Run("a load that repaired one copy", func(t *testing.T) {
		story(t, 3, func(w *world) {
			c := w.cluster(Config{})
			w.create(c, "s", "a=1")
			w.rank("s")[0].Restart()
			r := w.load(c, "s")
			w.rank("s")[0].Restart()
			r.Attrs["a"] = []byte("2")
			w.forget()
			w.save(c, r)
			w.gathersFirst()
			w.holds(w.rank("s")[0], "s", "a=2")
		})
	})
}
