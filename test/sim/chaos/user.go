package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what a user does: log in, change things, one at a time and in
// parallel, log out, and try the cookie of yesterday.

const (
	patience = 10 * time.Second      // for one request, and for whatever else is waited for
	pause    = 2 * time.Millisecond  // between requests, on average
	sulk     = 30 * time.Millisecond // after an error page
	grudge   = 3                     // logged-out sessions whose cookies are tried again
)

// user is somebody with a browser. All but ask belongs to one goroutine.
type user struct {
	name   string
	system *system
	rand   *rand.Rand
	logins int
	live   *session // nil when logged out
	dead   []*session

	mu      sync.Mutex // guards below
	firstOf *phase     // the phase of the latest success
}

// run does what users do until ctx ends. Whenever the system holds its users, they
// gather at its gate.
func (u *user) run(ctx context.Context) {
	for ctx.Err() == nil {
		u.system.gate.pass(u)
		if u.live == nil {
			u.login()
			continue
		}
		u.act()
		time.Sleep(time.Duration(u.rand.ExpFloat64() * float64(pause)))
	}
	u.quit()
}

// quit has everything judged that was not yet.
func (u *user) quit() {
	if u.live != nil {
		u.dead = append(u.dead, u.live)
		u.live = nil
	}
	for _, s := range u.dead {
		u.system.tally.judge(u.system.kind, s.history)
	}
	u.dead = nil
}

func (u *user) login() {
	u.logins++
	s := &session{
		key: fmt.Sprintf("%s.%d", u.name, u.logins), history: &check.History{},
		most: 40 + u.rand.IntN(200), read: map[string]string{},
	}
	value := s.mark("user")
	r := u.ask(s, "/login", u.anyone(), "value", value)
	u.wrote(s, r, map[string]string{"user": value})
	if r.status != http.StatusOK || r.cookie == "" {
		u.system.tally.judge(u.system.kind, s.history)
		time.Sleep(sulk)
		return
	}
	s.cookie, s.id = r.cookie, r.answer.ID
	u.live = s
}

// act is one thing that a user does.
func (u *user) act() {
	s := u.live
	if s.asked > s.most {
		u.logout()
		return
	}
	if u.system.large.Load() && u.rand.IntN(8) == 0 {
		r := u.ask(s, "/large", u.anyone())
		u.saw(s, r)
		u.wrote(s, r, map[string]string{"large": tooLarge})
		return
	}
	switch dice := u.rand.IntN(100); {
	case dice < 30:
		u.set(s, "own")
	case dice < 45:
		u.set(s, "count")
	case dice < 65:
		var both sync.WaitGroup
		results := make([]func(), 3)
		names := []string{"part0", "part1", "part2"}
		if u.rand.IntN(2) == 0 && u.system.instances[newer].address() != "" {
			names = []string{"part0", bagName, profileName}
		}
		for i, name := range names {
			value, to := s.mark("part"), u.anyone()
			if name == profileName {
				to = newer // the older version leaves profiles alone
			}
			both.Go(func() {
				r := u.ask(s, "/slow", to, "name", name, "value", value, "also", "shared")
				results[i] = func() {
					u.saw(s, r)
					u.wrote(s, r, map[string]string{name: value, "shared": value})
					if r.status == http.StatusOK {
						u.count(r, func(c *counts) {
							c.parallel++
							if name == bagName || name == profileName {
								c.shapeless++
							}
						})
					}
				}
			})
		}
		both.Wait()
		for _, tell := range results {
			tell()
		}
	case dice < 72:
		name := fmt.Sprintf("part%d", u.rand.IntN(3))
		r := u.ask(s, "/remove", u.anyone(), "name", name)
		u.saw(s, r)
		u.wrote(s, r, map[string]string{name: ""})
	default:
		u.saw(s, u.ask(s, "/read", u.anyone()))
	}
}

// set changes one value. The counter is what the user last saw, and one more.
func (u *user) set(s *session, name string) {
	value := s.mark(name)
	if name == "count" {
		n := 0
		_, seen, _ := strings.Cut(s.read[name], "=")
		_, _ = fmt.Sscan(seen, &n) // nothing there yet: 0
		value += fmt.Sprintf("=%d", n+1)
	}
	r := u.ask(s, "/set", u.anyone(), "name", name, "value", value)
	u.saw(s, r)
	u.wrote(s, r, map[string]string{name: value})
}

// logout ends the session, at times while another request of it is still running,
// and then tries whether its cookie still opens anything.
func (u *user) logout() {
	s := u.live
	u.live = nil
	var other sync.WaitGroup
	var slow result
	if u.rand.IntN(3) == 0 {
		value, to := s.mark("late"), u.anyone()
		other.Go(func() {
			slow = u.ask(s, "/slow", to, "name", "late", "value", value)
			u.saw(s, slow)
			u.wrote(s, slow, map[string]string{"late": value})
		})
		time.Sleep(thinking / 2)
	}
	r := u.ask(s, "/logout", u.anyone())
	other.Wait()
	u.saw(s, r)
	op := check.Op{Client: u.name, Key: s.key, Kind: check.Delete, Begun: r.call, Call: r.call, Return: r.end, Outcome: check.Unknown}
	if r.status == http.StatusOK {
		op.Outcome = check.OK
	}
	if r.overtook(slow) {
		u.count(r, func(c *counts) { c.overtook++ })
	}
	if r.status != http.StatusUnauthorized {
		s.history.Add(op)
		u.countSave(r)
	}
	u.dead = append(u.dead, s)
	u.saw(s, u.ask(s, "/read", u.anyone()))
}

// present is the session of somebody who is logged in.
func (u *user) present() *session { return u.live }

// look is what a user does at the full check: read the session on every instance,
// and try the cookies of the sessions that are over.
func (u *user) look() {
	end := time.Now().Add(patience)
	if s := u.live; s != nil {
		for i := range u.system.instances {
			u.insist(s, i, end)
		}
	}
	for _, s := range u.dead {
		u.insist(s, u.anyone(), end)
	}
	for len(u.dead) > grudge {
		u.system.tally.judge(u.system.kind, u.dead[0].history)
		u.dead = u.dead[1:]
	}
}

// insist reads until there is an answer, or until the end: nobody would wait any longer.
func (u *user) insist(s *session, instance int, end time.Time) {
	for {
		r := u.ask(s, "/read", instance)
		u.saw(s, r)
		if r.status == http.StatusOK || r.status == http.StatusUnauthorized || time.Now().After(end) {
			return
		}
		time.Sleep(sulk)
	}
}

// saw remembers what a request read.
func (u *user) saw(s *session, r result) {
	s.asked++
	op := check.Op{Client: u.name, Key: s.key, Kind: check.Load, Begun: r.call, Call: r.call, Return: r.end}
	switch r.status {
	case http.StatusOK:
		op.Read, s.read = r.answer.Read, r.answer.Read
	case http.StatusUnauthorized:
		op.Outcome = check.NotFound
		if u.live == s {
			u.live = nil // as a person would, the user logs in again
			u.dead = append(u.dead, s)
		}
	default:
		op.Outcome, op.Err = check.Unknown, fmt.Sprint("status ", r.status)
		time.Sleep(sulk)
	}
	s.history.Add(op)
}

// wrote remembers what a request changed. What the load of it found missing was
// never written.
func (u *user) wrote(s *session, r result, changes map[string]string) {
	if r.status == http.StatusUnauthorized {
		return
	}
	op := check.Op{Client: u.name, Key: s.key, Kind: check.Save, Begun: r.call, Call: r.call, Return: r.end, Write: changes}
	switch r.status {
	case http.StatusOK:
	case http.StatusRequestEntityTooLarge:
		op.Outcome = check.Refused
	default:
		op.Outcome = check.Unknown
	}
	s.history.Add(op)
	u.countSave(r)
}

// count lets f count what belongs to a request.
func (u *user) count(r result, f func(c *counts)) {
	u.system.tally.count(r.call, u.system.kind, func(c *counts, _ *phase) { f(c) })
}

func (u *user) countSave(r result) {
	u.count(r, func(c *counts) {
		c.saves++
		switch r.status {
		case http.StatusOK:
			c.acked++
		case http.StatusRequestEntityTooLarge:
			c.refused++
		default:
			c.unknown++
		}
	})
}
