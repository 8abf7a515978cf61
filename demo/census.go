package main

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what is told of where the users' sessions lie.

// tellMoved tells where the second copies went, once every session of a user who works has been used.
func (w *watch) tellMoved(ctx context.Context) {
	w.mu.Lock()
	var done []string
	for id, since := range w.moving {
		if busy, _ := w.d.crowd.unused(since); busy == 0 {
			done = append(done, id)
			delete(w.moving, id)
		}
	}
	w.mu.Unlock()
	if len(done) == 0 {
		return
	}
	sort.Strings(done)
	all := w.census(ctx)
	w.count(all)
	for _, id := range done {
		if text := moved(id, all); text != "" {
			w.d.journal.add(note, "", "%s", text)
		}
	}
}

// moved says where the copies are that belong on the node with that id.
func moved(id string, all [][]cluster.Placement) string {
	on, sum := map[string]int{}, 0
	for _, places := range all {
		atHome := false
		for _, p := range places {
			atHome = atHome || p.Node.ID == id && (p.Role == cluster.RolePrimary || p.Role == cluster.RoleBackup)
		}
		for _, p := range places {
			if atHome && p.Held && (p.Role == cluster.RoleFallback || p.Role == cluster.RoleStandby) {
				on[p.Node.ID]++
				sum++
				break
			}
		}
	}
	if sum == 0 {
		return ""
	}
	var parts []string
	for node, n := range on {
		parts = append(parts, fmt.Sprintf("%d on %s", n, node))
	}
	sort.Strings(parts)
	have := "have"
	if sum == 1 {
		have = "has"
	}
	return fmt.Sprintf("%s that belonged on %s %s the second copy elsewhere now: %s.", countSessions(sum), id, have, strings.Join(parts, ", "))
}

// countSessions counts sessions in words.
func countSessions(n int) string {
	if n == 1 {
		return "1 session"
	}
	return fmt.Sprintf("%d sessions", n)
}

// census asks where each user's session lies. It changes nothing.
func (w *watch) census(ctx context.Context) [][]cluster.Placement {
	var all [][]cluster.Placement
	for _, u := range w.d.crowd.all() {
		if id, _ := u.lately(); id != "" && ctx.Err() == nil {
			if places := w.d.where(ctx, u.driver, id); places != nil {
				all = append(all, places)
			}
		}
	}
	return all
}

// where asks the running instances of the driver's app what the nodes hold, and
// returns what the one says that reaches most of them; nil where none can say.
func (d *demo) where(ctx context.Context, driver, id string) (best []cluster.Placement) {
	fewest := 0
	for _, in := range d.apps {
		if in.driver != driver {
			continue
		}
		places, err := in.where(ctx, id)
		if err != nil {
			continue
		}
		silent := 0
		for _, p := range places {
			if p.Err != nil {
				silent++
			}
		}
		if best == nil || silent < fewest {
			best, fewest = places, silent
		}
		if silent == 0 {
			break
		}
	}
	return best
}

// held is what a node has of the users' sessions.
type held struct {
	copies int // of any session
	atHome int // of sessions that belong on it
	belong int // sessions that belong on it
}

func (w *watch) count(all [][]cluster.Placement) {
	nodes := map[string]held{}
	for _, places := range all {
		for _, p := range places {
			h, has := nodes[p.Node.ID], p.Held && !p.Destroyed
			home := p.Role == cluster.RolePrimary || p.Role == cluster.RoleBackup
			if has {
				h.copies++
			}
			if home {
				h.belong++
			}
			if has && home {
				h.atHome++
			}
			nodes[p.Node.ID] = h
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held = nodes
}

// heldBy returns what the node had of the users' sessions lately.
func (w *watch) heldBy(id string) held {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held[id]
}
