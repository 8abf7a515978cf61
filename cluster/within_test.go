package cluster

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

// These stories tell what a change of an Update may not do.

// What waits for the update of the session from within its change would wait for ever: it is an error,
// and everything goes on.
func TestAChangeDoesNotWaitForItself(t *testing.T) {
	for what, within := range map[string]func(w *world, c *Cluster, held context.Context, r *Record) error{
		"Update": func(_ *world, c *Cluster, _ context.Context, _ *Record) error {
			return c.Update(context.Background(), "s", raise("n"))
		},
		"Update with the lock": func(_ *world, c *Cluster, held context.Context, _ *Record) error {
			return c.Update(held, "s", raise("n"))
		},
		"Save with the lock": func(_ *world, c *Cluster, held context.Context, r *Record) error { return c.Save(held, r) },
		"Lock": func(_ *world, c *Cluster, _ context.Context, _ *Record) error {
			_, _, err := c.Lock(context.Background(), "s", time.Second)
			return err
		},
		"Lock of who has it": func(_ *world, c *Cluster, held context.Context, _ *Record) error {
			_, _, err := c.Lock(held, "s", time.Second)
			return err
		},
	} {
		story(t, 3, func(w *world) {
			c := w.cluster(Config{})
			w.create(c, "s", "n=0")
			w.create(c, "other", "n=0")
			held, unlock := w.lock(c, time.Minute)
			err := c.Update(held, "s", func(r *Record) error {
				w.raise(c, "other", "n") // another session is another matter
				err := within(w, c, held, r)
				if !errors.Is(err, errWithinChange) || !strings.Contains(err.Error(), "Update") {
					w.Errorf("%s: %v", what, err)
				}
				return raise("n")(r)
			})
			if err != nil {
				w.Errorf("%s: the update: %v", what, err)
			}
			w.raise(c, "other", "n")
			unlock()
			w.raise(c, "s", "n")
			w.sees(c, "s", "n=2")
			w.sees(c, "other", "n=2")
		})
	}
}

// A change that gives back the lock does not wait for itself: the lock ends with its lease.
func TestAChangeMayGiveTheLockBack(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "n=0")
		held, unlock := w.lock(c, time.Second)
		if err := c.Update(held, "s", func(r *Record) error { unlock(); return raise("n")(r) }); err != nil {
			w.Error(err)
		}
		_, unlock = w.lock(c, time.Second)
		unlock()
		w.sees(c, "s", "n=1")
	})
}
