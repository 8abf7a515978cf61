package main

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what happens to idle sessions: sessions that are saved and then requested by
// nobody while nodes fail one after another. Only the healers of the instances keep them.

const (
	idleSessions = 300 // of each system
	idleFew      = 100 // the same in a quick round
	idleTouched  = 4   // of them: changed during one fault; as many are logged out
	idleHands    = 8   // requests at once
)

// idleRule says how far the promise for idle sessions goes under a fault. Each of them is looked at
// once, at the end of the arena, or before the next fault that excuses their loss.
type idleRule int

const (
	// idleHold: none is lost, and a change or a logout made during the fault holds, though no
	// request follows it. The fault takes one node at a time, and the run waits until every node is
	// whole before the next fault begins.
	idleHold idleRule = iota
	// idleStay: none is lost, and none is changed or logged out during the fault. While the list is
	// being rolled out, an instance that has the old list does not write to a node that only the new
	// one has, and no request follows that would bring the change there. While all nodes hang, no
	// change can be acknowledged.
	idleStay
	// idleExcused: the fault may take both copies of a session before the first node is whole again,
	// or is not promised to do no harm. Idle sessions are looked at before it, and new ones are
	// saved after it.
	idleExcused
)

// idler is the user of one system whose sessions are idle. Its methods are not called at once.
type idler struct {
	user   *user
	all    []*session
	next   int      // all[:next] were changed or logged out
	faults []string // since the sessions were saved
}

func newIdler(name string, sys *system, seed uint64) *idler {
	return &idler{user: &user{name: name + "-idle", system: sys, rand: rand.New(rand.NewPCG(seed, 1<<32))}}
}

// together makes n requests, some at a time, each to an instance that lives.
func (i *idler) together(n int, ask func(k, instance int)) {
	var all sync.WaitGroup
	hands := make(chan bool, idleHands)
	for k := range n {
		to := i.user.anyone()
		hands <- true
		all.Go(func() {
			ask(k, to)
			<-hands
		})
	}
	all.Wait()
}

// save logs n sessions in.
func (i *idler) save(n int) {
	u, made := i.user, make([]*session, n)
	for k := range made {
		u.logins++
		made[k] = &session{key: fmt.Sprintf("%s.%d", u.name, u.logins), history: &check.History{}}
	}
	i.together(n, func(k, instance int) {
		s := made[k]
		value := s.mark("user")
		r := i.ask(s, "/login", instance, "value", value)
		i.wrote(s, r, check.Save, map[string]string{"user": value})
		s.cookie, s.id = r.cookie, r.answer.ID
		if r.status != http.StatusOK {
			s.cookie = ""
		}
	})
	i.all, i.next, i.faults = nil, 0, nil
	for _, s := range made {
		if s.cookie != "" {
			i.all = append(i.all, s)
		}
	}
}

// touch changes some sessions once, and logs some out. None of them is touched again.
func (i *idler) touch() {
	chosen := i.all[i.next:min(i.next+2*idleTouched, len(i.all))]
	i.next += len(chosen)
	i.together(len(chosen), func(k, instance int) {
		s := chosen[k]
		if k%2 == 0 {
			value := s.mark("user")
			r := i.ask(s, "/set", instance, "name", "user", "value", value)
			i.saw(s, r)
			if i.wrote(s, r, check.Save, map[string]string{"user": value}) {
				i.count(func(c *idleCounts) { c.changed++ })
			}
			return
		}
		r := i.ask(s, "/logout", instance)
		i.saw(s, r)
		if i.wrote(s, r, check.Delete, nil) {
			i.count(func(c *idleCounts) { c.ended++ })
		}
	})
}

// look reads every session once, counts what is not as it must be, and forgets them.
func (i *idler) look() {
	t := i.user.system.tally
	i.together(len(i.all), func(k, instance int) {
		s := i.all[k]
		answered := eventually(time.Now().Add(patience), func() bool {
			r := i.ask(s, "/read", instance)
			i.saw(s, r)
			return r.status == http.StatusOK || r.status == http.StatusUnauthorized
		})
		i.count(func(c *idleCounts) {
			c.sessions++
			if !answered {
				c.mute++
			}
		})
		t.judgeIdle(i.user.system.kind, s.history, strings.Join(i.faults, ", "))
	})
	i.all, i.next, i.faults = nil, 0, nil
}

func (i *idler) count(f func(c *idleCounts)) { i.user.system.tally.countIdle(i.user.system.kind, f) }

// ask sends a request that belongs to no fault.
func (i *idler) ask(s *session, path string, instance int, form ...string) result {
	r := i.user.try(s, path, instance, form...)
	i.count(func(c *idleCounts) {
		c.requests++
		switch r.status {
		case 0:
			c.cut++
		case http.StatusServiceUnavailable, http.StatusInternalServerError:
			c.shown++
		}
	})
	return r
}

// saw remembers what a request read.
func (i *idler) saw(s *session, r result) {
	op := check.Op{Client: i.user.name, Key: s.key, Kind: check.Load, Begun: r.call, Call: r.call, Return: r.end}
	switch r.status {
	case http.StatusOK:
		op.Read = r.answer.Read
	case http.StatusUnauthorized:
		op.Outcome = check.NotFound
	default:
		op.Outcome, op.Err = check.Unknown, fmt.Sprint("status ", r.status)
	}
	s.history.Add(op)
}

// wrote remembers what a request changed, and reports whether that was acknowledged.
func (i *idler) wrote(s *session, r result, did check.Kind, changes map[string]string) bool {
	if r.status == http.StatusUnauthorized {
		return false
	}
	op := check.Op{Client: i.user.name, Key: s.key, Kind: did, Begun: r.call, Call: r.call, Return: r.end, Write: changes}
	acked := r.status == http.StatusOK
	if !acked {
		op.Outcome = check.Unknown
	}
	s.history.Add(op)
	i.count(func(c *idleCounts) {
		c.saves++
		if acked {
			c.acked++
		} else {
			c.unknown++
		}
	})
	return acked
}

// idleCounts are what idle sessions of one kind went through.
type idleCounts struct {
	counts       // lost: sessions that were gone; stale: changes that were
	sessions int // looked at in the end
	changed  int // acknowledged changes during a fault
	ended    int // acknowledged logouts during a fault
	mute     int // sessions that gave only errors in the end
}

// complaints are what must not be said of idle sessions.
func (c *idleCounts) complaints() []string {
	var all []string
	for _, bad := range []struct {
		n    int
		text string
	}{
		{c.lost, "lost"},
		{c.stale, "without an acknowledged change"},
		{c.revived, "that came back after their logout"},
		{c.foreign, "with values of somebody else"},
		{c.mute, "that could not be read when all nodes were well"},
	} {
		if bad.n > 0 {
			all = append(all, fmt.Sprintf("%d of %d idle sessions %s", bad.n, c.sessions, bad.text))
		}
	}
	if c.sessions == 0 {
		all = append(all, "no idle session was looked at, so nothing was tested")
	}
	return all
}

// countIdle lets f count what belongs to idle sessions.
func (t *tally) countIdle(k kind, f func(c *idleCounts)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t.idleLocked(k))
}

// idleTotal returns a copy of what idle sessions of that kind went through.
func (t *tally) idleTotal(k kind) idleCounts {
	t.mu.Lock()
	defer t.mu.Unlock()
	return *t.idleLocked(k)
}

// oursIdle sums both drivers up.
func (t *tally) oursIdle() idleCounts {
	sum := t.idleTotal(onSCS)
	o := t.idleTotal(onGorilla)
	sum.add(&o.counts)
	sum.sessions += o.sessions
	sum.changed += o.changed
	sum.ended += o.ended
	sum.mute += o.mute
	return sum
}

func (t *tally) idleLocked(k kind) *idleCounts {
	if t.idle[k] == nil {
		t.idle[k] = &idleCounts{}
	}
	return t.idle[k]
}

// judgeIdle counts the broken promises of one idle session, each rule once. The faults are those
// since it was saved.
func (t *tally) judgeIdle(k kind, h *check.History, faults string) {
	seen := map[check.Rule]bool{}
	for _, v := range h.Verify(check.Options{Errors: true, Genuine: genuine}) {
		if seen[v.Rule] {
			continue
		}
		seen[v.Rule] = true
		t.mu.Lock()
		c := t.idleLocked(k)
		switch v.Rule {
		case check.Resurrected:
			c.revived++
		case check.FalseAbsent:
			c.lost++
		case check.Foreign:
			c.foreign++
		default:
			c.stale++
		}
		t.tellLocked("idle session, after "+faults, k, v, h)
		t.mu.Unlock()
	}
}

// idleAgain looks at the idle sessions where the next fault excuses their loss or there is none, and
// else has new ones where there are none. All nodes are whole.
func (a *arena) idleAgain(next *fault) {
	a.allSystems(func(sys *system) {
		i := sys.idler
		switch {
		case next == nil || next.idle == idleExcused:
			i.look()
		case len(i.all) == 0:
			i.save(a.idle)
		}
		if next != nil {
			i.faults = append(i.faults, next.name)
		}
		sys.spent = sys.sum() // what idle sessions cost is not the users'
	})
}

// touchIdle changes and logs out some idle sessions, once in each fault that allows it.
func (a *arena) touchIdle() {
	a.once.Do(func() {
		for _, sys := range a.systems {
			a.touching.Go(sys.idler.touch)
		}
	})
}
