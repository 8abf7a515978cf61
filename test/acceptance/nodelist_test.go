package acceptance

import (
	"fmt"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what users see while the list of nodes changes, one instance
// after the other.

// rolling is an app of two instances whose node list changes, and its users.
type rolling struct {
	*world
	apps   [2]*app
	visits []int // by user: the count in the session, which no change may lose
}

// visit has the user count on, on that instance.
func (r *rolling) visit(i int, a *app) {
	r.t.Helper()
	r.visits[i]++
	r.crowd[i].is(fmt.Sprint("user", i), a)
	r.crowd[i].sees(a, fmt.Sprint(r.visits[i]), "/increment", "key", "visits")
}

// change gives one instance after the other the list as it is now. Half of the users
// come by at every moment, the others only when it is over.
func (r *rolling) change() {
	r.t.Helper()
	idle := func(i int) bool { return (i+len(r.nodes))%2 == 0 }
	for n := range r.apps {
		r.apps[n] = r.start(options{})
		for i := range r.crowd {
			if !idle(i) {
				r.visit(i, r.apps[0])
				r.visit(i, r.apps[1])
				r.visit(i, r.apps[0])
			}
		}
	}
	for i := range r.crowd {
		r.visit(i, r.apps[i/2%2])
	}
}

func TestNodesAreAddedReplacedAndRemovedInstanceByInstance(t *testing.T) {
	const users = 12
	each(t, all, func(t *testing.T, d driver) {
		r := &rolling{world: newWorld(t, d, 3), visits: make([]int, users)}
		r.apps[0], r.apps[1] = r.pair(options{})
		for i := range users {
			u := r.newUser()
			u.logIn(r.apps[i%2], fmt.Sprint("user", i))
			r.crowd = append(r.crowd, u)
		}

		added := r.env.Add()
		r.nodes = append(r.nodes, cluster.Node{ID: added.ID(), Addr: added.Addr()})
		r.change()

		r.nodes = append([]cluster.Node(nil), r.nodes...)
		r.nodes[0].Addr = r.env.Add().Addr()
		r.change()
		r.env.Node(0).Kill() // the old n1, which nobody asks any more

		removed := r.nodes[1]
		r.nodes = append(r.nodes[:1:1], r.nodes[2:]...)
		r.change()
		r.node(removed.Addr).Kill()

		moved := 0
		for i, u := range r.crowd {
			r.visit(i, r.apps[i%2])
			for place, p := range r.observe(u.id(r.apps[0]))[:2] {
				if !p.Held {
					t.Errorf("the session of user %d is not on node %d of its preference list, where it belongs now", i, place+1)
				}
				if p.Node.ID == added.ID() {
					moved++
				}
			}
		}
		if moved == 0 {
			t.Error("the added node holds no session")
		}
	})
}

func TestLogoutIsFinalAcrossAChangeOfTheList(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1 := w.start(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		old := u.cookie(d.cookie)
		added := w.env.Add()
		w.nodes = append(w.nodes, cluster.Node{ID: added.ID(), Addr: added.Addr()})
		app2 := w.start(options{}) // app1 still has the old list
		u.is("ann", app2, app1)
		u.do(app1, "/logout")
		for _, a := range []*app{app2, app1, w.start(options{})} {
			thief := w.newUser()
			thief.present(d.cookie, old)
			thief.is("nobody", a)
		}
	})
}
