package main

import (
	"context"
	"sync"
)

// This file decides how all users are made to do something, and to wait.

// visitor is somebody whom a system serves.
type visitor interface {
	run(ctx context.Context) // until ctx ends
	look()                   // reads what is there when a fault is over
	quit()                   // has everything judged that was not yet
	present() *session       // nil without one
}

// gate is passed by every visitor between two things that they do.
type gate struct {
	mu      sync.Mutex // guards below
	changed sync.Cond
	users   int
	held    bool
	round   int
	inside  int
	errand  func(v visitor)
}

func newGate(users int) *gate {
	g := &gate{users: users}
	g.changed.L = &g.mu
	return g
}

// pass returns at once, or after the errand and the release.
func (g *gate) pass(v visitor) {
	g.mu.Lock()
	if !g.held {
		g.mu.Unlock()
		return
	}
	round, errand := g.round, g.errand
	g.mu.Unlock()
	if errand != nil {
		errand(v)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside++
	g.changed.Broadcast()
	for g.held && g.round == round {
		g.changed.Wait()
	}
	g.inside--
	g.changed.Broadcast()
}

// hold sends every user on the errand, which may be nil, and returns when all of them
// are back and wait.
func (g *gate) hold(errand func(v visitor)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held, g.errand = true, errand
	for g.inside < g.users {
		g.changed.Wait()
	}
}

// release lets the users go on, and returns when all of them do.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held = false
	g.round++
	g.changed.Broadcast()
	for g.inside > 0 {
		g.changed.Wait()
	}
}
