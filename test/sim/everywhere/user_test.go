package main

import (
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// What must not be is counted: a session of before that lives, and a session that should live and is
// gone. Each history here is wrong in one way, or in none.
func TestWhatLogOutEverywhereMustNotDoIsCounted(t *testing.T) {
	env := testenv.Start(t, 2, testenv.Embedded())
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	a, err := newApp(c)
	if err != nil {
		t.Fatal(err)
	}
	for driver, name := range []string{"scs", "gorilla"} {
		for i, c := range []struct {
			what        string
			do          func(u *user, b *browser)
			alive, gone int64
		}{
			{"nobody has logged out, and the session lives", func(u *user, b *browser) { u.isIn(b, "it") }, 0, 0},
			{"a session lives that should be out", func(u *user, b *browser) { u.isOut(b, "it") }, 1, 0},
			{"a session is out", func(u *user, b *browser) { u.mustDestroy(t, ""); u.isOut(b, "it") }, 0, 0},
			{"a session is out that should live", func(u *user, b *browser) { u.mustDestroy(t, ""); u.isIn(b, "it") }, 0, 1},
			{"the one that was excepted lives", func(u *user, b *browser) {
				id, _ := b.ask(a, "/id")
				u.mustDestroy(t, id)
				u.isIn(b, "it")
			}, 0, 0},
			{"the one that was excepted is looked for in vain", func(u *user, b *browser) {
				id, _ := b.ask(a, "/id")
				u.mustDestroy(t, id)
				u.isOut(b, "it")
			}, 1, 0},
			{"the same, of a user whose record may be evicted", func(u *user, b *browser) {
				u.forgotten = true
				u.mustDestroy(t, "")
				u.isIn(b, "it")
				if got := u.tally.goneEvicted.Load(); got != 1 {
					t.Errorf("%d counted apart", got)
				}
			}, 0, 0},
			{"a session of such a user lives that should be out", func(u *user, b *browser) { u.forgotten = true; u.isOut(b, "it") }, 1, 0},
			{"another user logs out", func(u *user, b *browser) {
				o := *u
				o.name += "-other"
				o.mustDestroy(t, "")
				u.isOut(b, "it")
			}, 1, 0},
		} {
			u := &user{name: fmt.Sprint(name, "-", i), driver: driver, env: env, apps: []*app{a}, tally: &tally{}, rand: rand.New(rand.NewPCG(1, 1))}
			b := u.logIn(a)
			if b == nil {
				t.Fatal("nobody can log in")
			}
			c.do(u, b)
			if got := u.tally; got.alive.Load() != c.alive || got.gone.Load() != c.gone || got.broken() != c.alive+c.gone {
				t.Errorf("%s, %s: %d alive, %d gone, %d promises broken", name, c.what, got.alive.Load(), got.gone.Load(), got.broken())
			}
			u.tally.print(io.Discard)
		}
	}
}

func (u *user) mustDestroy(t *testing.T, except string) {
	t.Helper()
	if err := u.destroyAll(except); err != nil {
		t.Fatal(err)
	}
}
