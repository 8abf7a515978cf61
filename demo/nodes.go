package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides which memcached nodes there are and what can be done to them.

// mostNodes is how many nodes the page has room for.
const mostNodes = 6

// refused is an error that is no fault of the demo: what was asked for makes no
// sense here, and the text says why and what would.
type refused struct {
	why     string
	unknown bool // there is no such thing
}

func (e *refused) Error() string { return e.why }

func refuse(format string, args ...any) error { return &refused{why: fmt.Sprintf(format, args...)} }

func unknown(what, name string, known []string) error {
	return &refused{fmt.Sprintf("There is no %s %q. There are %s.", what, clip(name), strings.Join(known, ", ")), true}
}

// clip shortens what comes from outside before it is shown.
func clip(s string) string { return s[:min(len(s), 40)] }

// broken is a TB for which a failure is an error to report, not the end: a node that
// cannot be started must not take the page with it.
type broken struct{ testenv.TB }

type failure struct{ err error }

func (b broken) Fatalf(format string, args ...any) { panic(failure{fmt.Errorf(format, args...)}) }
func (b broken) Skipf(format string, args ...any)  { b.Fatalf(format, args...) }

// try turns a failure into an error.
func try(do func()) (err error) {
	defer func() {
		switch v := recover().(type) {
		case nil:
		case failure:
			err = v.err
		default:
			panic(v)
		}
	}()
	do()
	return nil
}

// nodes are the memcached nodes of the demo, either its own or those it was pointed
// at. It is safe for concurrent use; the demo sees to it that changes take turns.
type nodes struct {
	env *testenv.Env // nil: the nodes run elsewhere, and nothing can be done to them

	mu      sync.Mutex // guards below
	list    []cluster.Node
	removed []string // ids of nodes that were part of the cluster
}

// startNodes starts n nodes of the demo's own.
func startNodes(tb testenv.TB, n int, opts ...testenv.Option) (*nodes, error) {
	var ns nodes
	if err := try(func() { ns.env = testenv.Start(broken{tb}, n, opts...) }); err != nil {
		return nil, err
	}
	for _, node := range ns.env.All() {
		ns.list = append(ns.list, cluster.Node{ID: node.ID(), Addr: node.Addr()})
	}
	return &ns, nil
}

func (ns *nodes) own() bool { return ns.env != nil }

// what says what kind of nodes they are.
func (ns *nodes) what() string {
	switch {
	case !ns.own():
		return "memcached nodes that run elsewhere"
	case ns.env.Node(0).Real():
		return "memcached processes"
	}
	return "memcached nodes inside this program, since memcached is not installed"
}

// by names the signal that does it, in brackets; nodes inside this program get none.
func by(env *testenv.Env, signal string) string {
	if !env.Node(0).Real() {
		return ""
	}
	return " (" + signal + ")"
}

// all returns the nodes that are part of the cluster.
func (ns *nodes) all() []cluster.Node {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return slices.Clone(ns.list)
}

func (ns *nodes) ids() []string {
	var ids []string
	for _, n := range ns.all() {
		ids = append(ids, n.ID)
	}
	return ids
}

// find returns a node of the cluster by its id.
func (ns *nodes) find(id string) (cluster.Node, *testenv.Node, error) {
	for _, n := range ns.all() {
		if n.ID == id {
			if !ns.own() {
				return n, nil, refuse("%s runs elsewhere: this page can show it, but not break it.", id)
			}
			return n, ns.env.ByID(id), nil
		}
	}
	return cluster.Node{}, nil, unknown("node", id, ns.ids())
}

// state returns what a node is really doing; Up for nodes that run elsewhere.
func (ns *nodes) state(id string) testenv.State {
	if !ns.own() {
		return testenv.Up
	}
	return ns.env.ByID(id).State()
}

// healthy reports whether a node is part of the cluster and up, as far as is known.
func (ns *nodes) healthy(id string) bool {
	return slices.Contains(ns.ids(), id) && ns.state(id) == testenv.Up
}

// spare refuses to take away the only node that stores anything.
func (ns *nodes) spare(id, doing string) error {
	for _, n := range ns.all() {
		if n.ID != id && ns.state(n.ID) == testenv.Up {
			return nil
		}
	}
	return refuse("%s is the last node that is up, and %s would leave no place for any session. "+
		"Every request would get an error page until a node is back. Bring another node back first, or press \"Kill all nodes\" to see that.", id, doing)
}

func (ns *nodes) kill(id string) error {
	_, n, err := ns.find(id)
	switch {
	case err != nil:
		return err
	case n.State() == testenv.Down:
		return refuse("%s is down already. Restart it.", id)
	}
	if err := ns.spare(id, "killing it"); err != nil {
		return err
	}
	return try(n.Kill)
}

func (ns *nodes) restart(id string) error {
	_, n, err := ns.find(id)
	if err != nil {
		return err
	}
	return try(n.Restart)
}

func (ns *nodes) hang(id string) error {
	_, n, err := ns.find(id)
	switch {
	case err != nil:
		return err
	case n.State() == testenv.Down:
		return refuse("%s is down, and what is down cannot hang. Restart it first.", id)
	case n.State() == testenv.Paused:
		return refuse("%s hangs already. Let it go on, or kill it.", id)
	}
	if err := ns.spare(id, "letting it hang"); err != nil {
		return err
	}
	return try(n.Pause)
}

func (ns *nodes) resume(id string) error {
	_, n, err := ns.find(id)
	switch {
	case err != nil:
		return err
	case n.State() != testenv.Paused:
		return refuse("%s does not hang: it is %v.", id, n.State())
	}
	return try(n.Resume)
}

// add puts a node into the list: one that was removed before, otherwise a new one.
// It is empty. With an id it has to be that one.
func (ns *nodes) add(id string, standby bool) (cluster.Node, error) {
	if !ns.own() {
		return cluster.Node{}, refuse("The nodes run elsewhere: change MEMCACHED_NODES and start this page again.")
	}
	have := ns.all()
	if slices.ContainsFunc(have, func(n cluster.Node) bool { return n.ID == id }) {
		return cluster.Node{}, refuse("%s is part of the cluster already. A node is in the list once.", id)
	}
	if len(have) >= mostNodes {
		return cluster.Node{}, refuse("There are %d nodes, and the page has no room for more. Remove one first.", len(have))
	}
	ns.mu.Lock()
	removed := slices.Clone(ns.removed)
	ns.mu.Unlock()
	var node *testenv.Node
	err := try(func() {
		switch {
		case id != "" && !slices.Contains(removed, id):
			return
		case len(removed) > 0:
			node = ns.env.ByID(cmp.Or(id, removed[0]))
			node.Restart()
		default:
			node = ns.env.Add()
		}
	})
	switch {
	case err != nil:
		return cluster.Node{}, err
	case node == nil:
		return cluster.Node{}, refuse("Nodes get their names here: add one without saying which.")
	}
	added := cluster.Node{ID: node.ID(), Addr: node.Addr(), Standby: standby}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.removed = slices.DeleteFunc(ns.removed, func(s string) bool { return s == added.ID })
	ns.list = append(ns.list, added)
	slices.SortFunc(ns.list, func(a, b cluster.Node) int { return cmp.Compare(a.ID, b.ID) })
	return added, nil
}

// remove takes a node out of the list. It runs on: the apps are told first.
func (ns *nodes) remove(id string) error {
	gone, _, err := ns.find(id)
	if err != nil {
		return err
	}
	if err := ns.spare(id, "removing it"); err != nil {
		return err
	}
	regular := 0
	for _, n := range ns.all() {
		if !n.Standby {
			regular++
		}
	}
	if !gone.Standby && regular <= 2 {
		return refuse("%s is one of the last two regular nodes, and two copies need two nodes. Add one first.", id)
	}
	ns.mu.Lock()
	defer ns.mu.Unlock()
	ns.list = slices.DeleteFunc(ns.list, func(n cluster.Node) bool { return n.ID == id })
	ns.removed = append(ns.removed, id)
	return nil
}

// stop ends a node that was removed.
func (ns *nodes) stop(id string) error {
	return try(ns.env.ByID(id).Kill)
}
