package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// This file decides what becomes of users who log in and then do nothing. No request of theirs
// makes up for a copy that a node has lost: only the nodes' own healing does.

// idleShare is how many users there are to one idle one.
const idleShare = 3

// lookTries is how often an idle user asks before there is no answer: an outage is no loss.
const lookTries = 10

// idleLook is what the idle users of one kind of store found when they were looked at.
type idleLook struct {
	Users  int `json:"users"`  // who were logged in
	Lost   int `json:"lost"`   // of them: whose session was gone
	Silent int `json:"silent"` // of them: who got no answer
}

// share says what was lost, where another store has so many users.
func (l idleLook) share(users int) string {
	if l.Users == users {
		return fmt.Sprint(l.Lost)
	}
	return fmt.Sprintf("%d of %d", l.Lost, l.Users)
}

// runIdle logs in, and asks for nothing but when it is looked at, until ctx ends.
func (u *user) runIdle(ctx context.Context) {
	for {
		think := time.After(thinking())
		if u.in {
			think = nil
		}
		select {
		case <-ctx.Done():
			return
		case <-think:
			u.step(ctx)
		case found := <-u.looks:
			found <- u.look(ctx)
		}
	}
}

// look has an idle user ask for the session.
func (u *user) look(ctx context.Context) (found idleLook) {
	if !u.in {
		return found
	}
	found = idleLook{Users: 1, Silent: 1}
	for range lookTries {
		if a, ok := u.ask(ctx, http.MethodGet, "/session", nil); ok {
			found.Silent = 0
			if u.check(a, 0, 0); !u.in {
				found.Lost = 1
			}
			return found
		}
		if !wait(ctx, thinking()/2) {
			return found
		}
	}
	return found
}

// lookAtIdle has every idle user ask once for the session, and adds up what they found, on holdfast
// and on the one-copy store.
func (c *crowd) lookAtIdle(ctx context.Context) (holdfast, oneCopy idleLook, err error) {
	c.mu.Lock()
	users, twins := append([]*user(nil), c.users...), append([]*user(nil), c.twins...)
	c.mu.Unlock()
	holdfast, oneCopy = lookAt(ctx, users), lookAt(ctx, twins)
	return holdfast, oneCopy, ctx.Err()
}

func lookAt(ctx context.Context, users []*user) (sum idleLook) {
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, u := range users {
		if !u.idle {
			continue
		}
		all.Go(func() {
			answer := make(chan idleLook, 1)
			select {
			case u.looks <- answer:
			case <-u.gone:
				return
			case <-ctx.Done():
				return
			}
			select {
			case found := <-answer:
				mu.Lock()
				defer mu.Unlock()
				sum.Users += found.Users
				sum.Lost += found.Lost
				sum.Silent += found.Silent
			case <-u.gone:
			case <-ctx.Done():
			}
		})
	}
	all.Wait()
	return sum
}
