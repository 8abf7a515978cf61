package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// TestIdleUsersOutliveARollingRestart restarts every node, empty. Nobody uses the sessions of the
// idle users meanwhile: with one copy all of them are lost, with holdfast none.
func TestIdleUsersOutliveARollingRestart(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: nodes fill for seconds")
	}
	for name, opts := range map[string][]testenv.Option{"the nodes at hand": nil, "embedded nodes": {testenv.Embedded()}} {
		t.Run(name, func(t *testing.T) {
			d := begin(t, config{users: 12, nodes: opts})
			until(t, "twelve sessions", func() bool { return loggedIn(d) == 24 })
			before := map[string]time.Time{}
			for _, u := range d.crowd.all() {
				if u.idle {
					_, before[u.name] = u.lately()
				}
			}
			if status, said := press(t, d, "/rolling/start", nil); status != http.StatusOK {
				t.Fatalf("%d %s", status, said)
			}
			for _, path := range []string{"/rolling/start", "/nodes/n1/kill", "/nodes/n1/restart", "/nodes/n2/hang", "/nodes/n3/remove", "/nodes", "/faults?on=1", "/nodes/n1/cut?app=scs-1"} {
				if status, said := press(t, d, path, nil); status != http.StatusConflict || !strings.Contains(said, "rolling restart") {
					t.Errorf("%s during a rolling restart: %d %q", path, status, said)
				}
			}
			var looked map[string]time.Time
			until(t, "the last node restarted", func() bool {
				now, _ := d.rolling.state()
				if now == nil {
					t.Fatalf("it ended before: %+v", d.journal.latest(3))
				}
				if looked == nil && now.Node != "" {
					looked = map[string]time.Time{}
					for _, u := range d.crowd.all() {
						if u.idle {
							_, looked[u.name] = u.lately()
						}
					}
				}
				return len(now.Rest) == 0
			})
			for _, u := range d.crowd.all() {
				if _, used := u.lately(); u.idle && !used.Equal(looked[u.name]) {
					t.Errorf("%s is idle, and used the session between two restarts", u.name)
				}
			}
			var s state
			until(t, "the end", func() bool { s = now(t, d); return s.Rolling == nil })
			if s.Holdfast.Idle == nil || s.OneCopy.Idle == nil {
				t.Fatalf("the idle users were not looked at: %+v", s.Log)
			}
			if s.Broken != 3 || s.Idle != 4 || s.Exposed != 0 {
				t.Errorf("%d restarts, %d idle users, %d with one copy", s.Broken, s.Idle, s.Exposed)
			}
			if got, want := *s.OneCopy.Idle, (idleLook{Users: 4, Lost: 4}); got != want {
				t.Errorf("with one copy: %+v", got)
			}
			if got, want := *s.Holdfast.Idle, (idleLook{Users: 4}); got != want {
				if s.Holdfast.Losses > 0 && s.Holdfast.Losses == s.Holdfast.Excused {
					t.Skipf("this machine is too busy to tell: %+v", s.Log)
				}
				t.Errorf("with holdfast: %+v\n%+v", got, s.Log)
			}
			until(t, "cards that say so", func() bool {
				return !slices.ContainsFunc(now(t, d).Nodes, func(n nodeState) bool { return !n.Whole || n.AtHome != n.Belong })
			})
		})
	}
}

// TestAnAddedNodeFills adds one: sessions move there also where nobody uses them.
func TestAnAddedNodeFills(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: nodes fill for seconds")
	}
	d := begin(t, config{users: 12})
	until(t, "twelve sessions", func() bool { return loggedIn(d) == 24 })
	if status, said := press(t, d, "/nodes", nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	until(t, "four nodes that have all that belongs on them", func() bool {
		s := now(t, d)
		return len(s.Nodes) == 4 && s.Nodes[3].Belong > 0 &&
			!slices.ContainsFunc(s.Nodes, func(n nodeState) bool { return !n.Whole || n.AtHome != n.Belong })
	})
}

func loggedIn(d *demo) (n int) {
	d.crowd.mu.Lock()
	defer d.crowd.mu.Unlock()
	for _, u := range slices.Concat(d.crowd.users, d.crowd.twins) {
		if id, _ := u.lately(); id != "" {
			n++
		}
	}
	return n
}

// TestACancelledRollingRestartRestartsNoFurtherNode cancels one after its first node.
func TestACancelledRollingRestartRestartsNoFurtherNode(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: nodes fill for seconds")
	}
	d := begin(t, config{users: 3})
	if status, said := press(t, d, "/rolling/start", nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	until(t, "the first restart", func() bool { return now(t, d).Broken == 1 })
	if status, said := press(t, d, "/rolling/cancel", nil); status != http.StatusOK {
		t.Fatalf("%d %s", status, said)
	}
	var s state
	until(t, "the end", func() bool { s = now(t, d); return s.Rolling == nil })
	if s.Broken != 1 || s.Holdfast.Idle != nil || !strings.Contains(s.Log[0].Text, "was cancelled") {
		t.Errorf("%d restarts, %+v, %+v", s.Broken, s.Holdfast.Idle, s.Log[0])
	}
	if status, said := press(t, d, "/nodes/n1/hang", nil); status != http.StatusOK {
		t.Errorf("after it: %d %s", status, said)
	}
}

// TestAnIdleUserAsksForNothing lets one log in, and looks at the session when it is gone.
func TestAnIdleUserAsksForNothing(t *testing.T) {
	d := begin(t, config{users: idleShare})
	var idle *user
	for _, u := range d.crowd.all() {
		if u.idle {
			idle = u
		}
	}
	until(t, "three sessions", func() bool { return loggedIn(d) == 2*idleShare })
	_, used := idle.lately()
	until(t, "requests of the others", func() bool { return d.crowd.holdfast.figures(time.Now()).Requests > 8 })
	if _, again := idle.lately(); !again.Equal(used) {
		t.Error("an idle user asked for something")
	}
	for _, id := range d.nodes.ids() { // nobody is told of this: the sessions are gone
		d.nodes.env.ByID(id).Flush()
	}
	ours, other, err := d.crowd.lookAtIdle(context.Background())
	want := idleLook{Users: 1, Lost: 1}
	if ours != want || other != want || err != nil {
		t.Errorf("every copy is gone: %+v and %+v, %v", ours, other, err)
	}
	if f := d.crowd.holdfast.figures(time.Now()); f.SessionsLost == 0 {
		t.Errorf("the figures: %+v", f)
	}
}
