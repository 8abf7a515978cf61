package main

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what a user of instances with local copies does, to which of them the balancer
// sends it, and what each answer must show. A value counts up, so that of two it is known which
// includes the other. After a save of unknown outcome, and after a loss that was told, the user goes
// on with another value: what was saved before may turn up later.

// balancers are how often, of a hundred requests, a user is sent to another instance than its own: one
// that sticks, one that flaps now and then, and one that does not stick.
var balancers = [3]int{0, 10, 50}

// client is somebody with a browser. All but request belongs to one goroutine.
type client struct {
	*user
	home   int // the instance that the balancer sends it to
	flaps  int
	local  cluster.Local
	live   *kept // nil when logged out
	former []*kept
}

func newClient(u *user, i int, local cluster.Local) *client {
	return &client{user: u, home: i % len(u.system.instances), flaps: balancers[i%3], local: local}
}

// present is nil: copies on nodes become equal when a session is read there.
func (c *client) present() *session { return nil }

func (c *client) run(ctx context.Context) {
	for ctx.Err() == nil {
		c.system.gate.pass(c)
		if c.live == nil {
			c.login()
			continue
		}
		c.act()
		time.Sleep(time.Duration(c.rand.ExpFloat64() * float64(pause)))
	}
}

// quit has nothing left to be judged: each answer is judged when it comes.
func (c *client) quit() { c.live, c.former = nil, nil }

// to is the instance that the balancer sends the next request to.
func (c *client) to() int {
	if c.rand.IntN(100) < c.flaps || c.system.instances[c.home].address() == "" {
		return c.anyone()
	}
	return c.home
}

func (c *client) login() {
	c.logins++
	s := &kept{
		session: &session{key: fmt.Sprintf("%s.%d", c.name, c.logins), most: 40 + c.rand.IntN(200)},
		cookies: map[string]string{}, seen: map[string]int{}, acked: map[string]int{}, stays: true,
	}
	value := s.mark("user")
	r := c.request(s, "/login", c.to(), "value", value)
	c.countSave(r)
	if r.status != http.StatusOK || r.cookie == "" {
		time.Sleep(sulk)
		return
	}
	c.live = s
}

// act is one thing that a user does.
func (c *client) act() {
	s := c.live
	switch dice := c.rand.IntN(100); {
	case s.asked > s.most:
		c.logout()
	case dice < 5 && len(c.former) > 0:
		f := c.former[c.rand.IntN(len(c.former))]
		c.steal(f, c.rand.IntN(len(c.system.instances)), false)
	case dice < 15:
		var both sync.WaitGroup
		for tab := range 2 {
			to := c.to()
			both.Go(func() { c.save(s, tab, to) })
		}
		both.Wait()
		s.raced = true
	case dice < 60:
		c.save(s, 0, c.to())
	default:
		c.read(s, c.to())
	}
}

// save counts a value up, through one instance.
func (c *client) save(s *kept, tab, instance int) {
	s.mu.Lock()
	name := fmt.Sprintf("t%d.%d", tab, s.turn)
	s.counts[tab]++
	value := s.counts[tab]
	s.mu.Unlock()
	r := c.request(s, "/set", instance, "name", name, "value", strconv.Itoa(value))
	if r.status == http.StatusUnauthorized {
		return
	}
	c.countSave(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch r.status {
	case http.StatusOK:
		s.acked[name] = max(s.acked[name], value)
	default:
		s.turn++
	}
}

func (c *client) read(s *kept, instance int) result { return c.request(s, "/read", instance) }

// logout ends the session. Somebody keeps what the browser had.
func (c *client) logout() {
	s := c.live
	c.live = nil
	r := c.request(s, "/logout", c.to())
	if r.status == http.StatusUnauthorized {
		return
	}
	c.countSave(r)
	if r.status == http.StatusOK {
		s.ended, s.phase = r.end, c.system.tally.phaseAt(r.call)
		c.former = append(c.former, s)
	}
}

// request asks an instance with the cookies of the browser, judges what it shows, and takes its cookies.
func (c *client) request(s *kept, path string, instance int, form ...string) result {
	s.mu.Lock()
	brought, seen := s.header(), s.seen
	at := c.system.instances[instance].address()
	s.mu.Unlock()
	r := c.try(&session{cookie: brought}, path, instance, form...)
	s.mu.Lock()
	s.stays, s.at = s.stays && (s.at == "" || s.at == at), at
	s.asked++
	s.note(r, path, instance, form)
	if path != "/logout" {
		c.judge(s, r, seen)
	}
	if r.status == http.StatusOK && path != "/logout" { // somebody keeps what the browser had
		s.take(r, form)
	}
	c.judgeErrorPage(s, r)
	s.mu.Unlock()
	c.system.tally.count(r.call, c.system.kind, func(all *counts, p *phase) { c.countRequest(all, p, r) })
	if r.status != http.StatusOK {
		time.Sleep(sulk)
	}
	return r
}

// lastWords is how many of its latest requests are told of a session that broke a promise.
const lastWords = 12

// judgeErrorPage counts an error page that an outage does not excuse: of a user who has stayed on the instance. The
// session's lock is held.
func (c *client) judgeErrorPage(s *kept, r result) {
	if r.status >= http.StatusInternalServerError && c.system.tally.phaseAt(r.call).outage && s.stays && c.local.Outage > 0 {
		c.breaks(s, r, "an error page in an outage, though the user stayed", func(all *counts) { all.unserved++ })
	}
}

// judge counts what an answer must not be. Seen is what the client had seen, by the version that it
// brought. The session's lock is held.
func (c *client) judge(s *kept, r result, seen map[string]int) {
	if r.status != http.StatusOK && r.status != http.StatusUnauthorized || len(s.cookies) == 0 {
		return
	}
	shown, less := shownIn(r), false
	for name, value := range seen {
		less = less || shown[name] < value
	}
	gone := r.status == http.StatusUnauthorized
	if gone && c.live == s {
		c.live = nil
	}
	if r.behind {
		s.acked = shown
		s.turn++
	}
	p := c.system.tally.phaseAt(r.call)
	switch {
	case !gone && !less:
	case r.behind:
		c.note(r, func(all *counts) { all.told++ })
	case p.emptied && !(s.stays && c.local.Outage > 0):
		c.note(r, func(all *counts) { all.wiped++ })
	case gone:
		c.breaks(s, r, "no session", func(all *counts) { all.absent++ })
	default:
		c.breaks(s, r, fmt.Sprintf("shown %v after %v, and not told", shown, seen), func(all *counts) { all.stale++ })
	}
}

// steal tries the cookies of a session that was logged out. Settled is true when all is healed and
// written, and no copy is fresh any more.
func (c *client) steal(f *kept, instance int, settled bool) {
	r := c.try(&session{cookie: f.header()}, "/read", instance)
	if r.status != http.StatusOK {
		return
	}
	p := c.system.tally.phaseAt(r.call)
	switch {
	case !settled && (r.call-f.ended < fresh || p.outage):
		c.note(r, func(all *counts) { all.late++ })
	case f.phase.outage && (p.dies || p.emptied): // the logout was lost with its instance, or with the nodes
		c.note(r, func(all *counts) { all.unmade++ })
	case p.emptied && p.outage && c.local.Outage > 0: // another instance has shown the session since
		c.note(r, func(all *counts) { all.unmade++ })
	default:
		c.breaks(f, r, "shown though it was logged out", func(all *counts) { all.revived++ })
	}
}

// look reads the session on every instance, and tries the cookies of those that are over. All is
// written, and no copy is fresh that was confirmed before.
func (c *client) look() {
	for i := range c.system.instances {
		if s := c.live; s != nil {
			acked := s.acked
			r := c.request(s, "/read", i)
			p, shown := c.system.tally.phaseAt(r.call), shownIn(r)
			for name, value := range acked {
				if r.status != http.StatusOK || shown[name] >= value || r.behind {
					continue
				}
				switch {
				case p.emptied && !(s.stays && c.local.Outage > 0):
					c.note(r, func(all *counts) { all.wiped++ })
				case p.dies && s.raced:
					c.note(r, func(all *counts) { all.raced++ })
				default:
					c.breaks(s, r, fmt.Sprintf("%s=%d is lost, shown %v", name, value, shown), func(all *counts) { all.lost++ })
				}
				s.acked = shown
			}
			if r.status == http.StatusOK {
				s.acked = shown
			}
		}
	}
	for _, f := range c.former {
		for i := range c.system.instances {
			c.steal(f, i, true)
		}
	}
	c.former = nil
	if c.live != nil {
		c.live.raced, c.live.stays, c.live.at = false, true, ""
	}
}

// note counts what is not promised, and what was told.
func (c *client) note(r result, f func(all *counts)) { c.count(r, f) }

// breaks counts a broken promise, and keeps the first few for people.
func (c *client) breaks(s *kept, r result, text string, f func(all *counts)) {
	c.count(r, f)
	p := c.system.tally.phaseAt(r.call)
	c.system.tally.tell(fmt.Sprintf("%s, %s: session %s of a user that is sent to another instance %d times of 100, at %.3fs: %s\n%s", p.name, c.system.kind, s.key, c.flaps, r.call.Seconds(), text, strings.Join(s.story, "\n")))
}
