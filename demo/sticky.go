package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what sticky mode is here, and what is told of where a session came from: the
// memory of its instance, or the nodes.

// localCopies are what an instance keeps in sticky mode. Users who do nothing are kept for as long as may be.
var localCopies = cluster.Local{Bytes: 64 << 20, Outage: 30 * time.Minute}

// source says where the session of one request came from.
type source struct{ from atomic.Value }

// The sources, as an answer tells them.
const (
	fromHere  = "here"
	fromNodes = "nodes"
)

type sourceKey struct{}

// sourced has the app's answers tell where their sessions came from.
func sourced(app http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		app.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), sourceKey{}, &source{})))
	})
}

// sourceOf returns where the session of the request came from; "": it has none, or that is not known.
func sourceOf(ctx context.Context) string {
	s, _ := ctx.Value(sourceKey{}).(*source)
	if s == nil {
		return ""
	}
	from, _ := s.from.Load().(string)
	return from
}

// noteSource is the Trace of an instance.
var noteSource = &cluster.Trace{OperationDone: func(ctx context.Context, d cluster.OperationDone) {
	s, _ := ctx.Value(sourceKey{}).(*source)
	switch {
	case s == nil || d.Operation != cluster.OperationLoad || d.Outcome != cluster.OutcomeOK:
	case d.Found == 0: // no node had it, or none was asked
		s.from.Store(fromHere)
	default:
		s.from.Store(fromNodes)
	}
}}

// localState is what an instance tells of its local copies.
type localState struct {
	FromHere  uint64 `json:"fromHere"`  // loads that asked no node, or found none
	FromNodes uint64 `json:"fromNodes"` // loads that asked the nodes
	Copies    int    `json:"copies"`
	Unwritten int    `json:"unwritten"` // of them: with something that the nodes may lack
}

func localOf(s cluster.Stats) localState {
	return localState{s.LocalHits, s.Loads - s.LocalHits, s.LocalCopies, s.Unwritten}
}

// Share is how many of a hundred loads asked no node.
func (l localState) Share() int {
	if l.FromHere+l.FromNodes == 0 {
		return 0
	}
	return int(100 * l.FromHere / (l.FromHere + l.FromNodes))
}

// switchSticky has the proxy keep each user on one instance, and the instances keep copies; or neither.
func (d *demo) switchSticky(on bool) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if !d.ownApps() {
		return refuse("The app instances run elsewhere: start them, and this page, with -sticky, or without.")
	}
	if err := d.inTheWay(); err != nil {
		return err
	}
	if d.outage() {
		return refuse("No node is up, and each instance would begin anew, without what only it has. Bring the nodes back first.")
	}
	if d.sticky.Swap(on) == on {
		return nil
	}
	var errs []error
	for _, in := range d.apps {
		errs = append(errs, in.reconfigure(d.clusterConfig()))
	}
	if on {
		d.journal.add(note, "", "Sticky mode: the proxy keeps each user on one instance, which keeps copies of its users' sessions, and shows them where the user has seen no more.")
	} else {
		d.journal.add(note, "", "No sticky mode: the instances take turns, and ask the nodes for every session.")
	}
	return errors.Join(errs...)
}

// outage reports whether no node is up, as far as is known.
func (d *demo) outage() bool {
	for _, n := range d.nodes.all() {
		if d.nodeState(n).State == stateNames[testenv.Up] {
			return false
		}
	}
	return true
}

// serveSticky switches, and has the visitor's instances load the visitor's sessions, and those of users who do
// nothing: a copy begins with a load.
func (d *demo) serveSticky(w http.ResponseWriter, r *http.Request) {
	d.button(func(r *http.Request) error {
		if err := d.switchSticky(r.FormValue("on") == "1"); err != nil {
			return err
		}
		for driver := range drivers {
			if id, left := shownID(r, driver); id != "" && !left {
				d.ask(w, r, driver, http.MethodGet, "/session", "")
			}
		}
		if d.sticky.Load() {
			_, _, _ = d.crowd.lookAtIdle(r.Context()) // what they have lost is counted there
		}
		return nil
	})(w, r)
}
