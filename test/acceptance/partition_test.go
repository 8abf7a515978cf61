package acceptance

import (
	"fmt"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what becomes of changes while two instances do not agree about
// which nodes are up.

// cutOff starts an instance that can be cut off from nodes.
func (w *world) cutOff() (*app, *partition) {
	w.t.Helper()
	p := &partition{}
	return w.start(options{config: func(c *cluster.Config) {
		c.Timeout = short
		c.DialContext = p.over(c.DialContext)
	}}), p
}

func TestOneInstanceIsCutOffFromANodeAndBothWrite(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		for name, place := range map[string]int{"primary": 0, "backup": 1} {
			t.Run(name, func(t *testing.T) {
				w := newWorld(t, d, 3)
				app1, wire := w.cutOff()
				app2 := w.start(options{})
				u := w.newUser()
				u.logIn(app1, "ann")
				u.is("ann", app2)
				node := w.preferred(u.id(app1))[place]
				wire.set(node.Addr(), true)
				for i := range 5 {
					u.set(app1, "one", fmt.Sprint(i))
					u.set(app2, "two", fmt.Sprint(i))
					for _, a := range []*app{app1, app2} {
						u.finds(a, "one", fmt.Sprint(i))
						u.finds(a, "two", fmt.Sprint(i))
					}
				}
				u.sees(app1, "1", "/increment", "key", "n")
				u.sees(app2, "2", "/increment", "key", "n")
				u.sees(app1, "3", "/increment", "key", "n")
				wire.set(node.Addr(), false)
				for range 2 { // at once, and when app1 has noticed
					for _, a := range []*app{app1, app2} {
						u.is("ann", a)
						u.finds(a, "one", "4")
						u.finds(a, "two", "4")
						u.sees(a, "3", "/count", "key", "n")
					}
					isUp(t, app1, app2)
				}
			})
		}
	})
}

func TestBothWriteInParallelAcrossAPartition(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		const writes = 20
		w := newWorld(t, d, 3)
		app1, wire := w.cutOff()
		app2 := w.start(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		node := w.preferred(u.id(app1))[0]
		var writers sync.WaitGroup
		for _, a := range []*app{app1, app2} {
			writers.Go(func() {
				for i := range writes {
					switch {
					case a == app1 && i == writes/4:
						wire.set(node.Addr(), true)
					case a == app1 && i == writes*3/4:
						wire.set(node.Addr(), false)
					}
					if r := u.ask(a, "/set", "key", fmt.Sprint(a.url, i), "value", "kept"); !r.ok() {
						t.Errorf("write %d: %v", i, r)
					}
				}
			})
		}
		writers.Wait()
		for _, reader := range []*app{app1, app2} {
			for _, a := range []*app{app1, app2} {
				for i := range writes {
					u.finds(reader, fmt.Sprint(a.url, i), "kept")
				}
			}
		}
	})
}
