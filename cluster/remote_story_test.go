package cluster

import (
	"context"
	"errors"
	"testing"
)

// A new session that lay far behind in its rank would be looked for by nobody when the
// nodes before it are back.
func TestANewSessionIsNotSavedWhereNobodyWouldLook(t *testing.T) {
	story(t, 5, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		ranks := w.rank("s")
		for _, n := range ranks[:4] {
			n.Pause()
		}
		r := NewRecord("s")
		r.Attrs = attrsOf("a=1")
		err := a.Save(context.Background(), r)
		for _, n := range ranks[:4] {
			n.Resume()
		}
		if !errors.Is(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
			w.missing(b, "s", ErrNotFound)
		}
		w.until(a, ranks[0], Up)
		w.save(a, r)
		w.sees(b, "s", "a=1")
	})
}

// Known to be down, they do not even cost a try.
func TestANewSessionIsRefusedAtOnceWhereNobodyWouldLook(t *testing.T) {
	story(t, 5, func(w *world) {
		c := w.cluster(Config{})
		ranks := w.rank("s")
		for i, n := range ranks[:4] {
			n.Pause()
			w.think(c, w.index("s", i), timedOut)
			w.think(c, w.index("s", i), timedOut)
		}
		w.forget()
		r := NewRecord("s")
		r.Attrs = attrsOf("a=1")
		if err := c.Save(context.Background(), r); !errors.Is(err, ErrUnavailable) {
			w.Errorf("save: %v", err)
		}
		if n := w.count("add", "set", "cas"); n != 0 {
			w.Errorf("%d writes", n)
		}
	})
}
