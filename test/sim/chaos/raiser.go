package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// This file decides who raises the same numbers at once, by Update and with a lock, and what must be
// true of these numbers (flag -updates).

const (
	raisers      = 8 // goroutines of a system, on both instances
	counterCount = 3 // sessions of a system that all of them raise
	guardedOf    = 6 // every so-manieth number is raised with the lock, the others by Update
)

// The numbers in the session of a counter.
const (
	raisedName  = "raised"  // by Update
	guardedName = "guarded" // by a load and a save with the lock
)

// The lease of a lock, and how long a request waits for it: so short that a lock which was had has
// most of its lease before it.
const (
	lease    = time.Second
	lockWait = 300 * time.Millisecond
)

// raiser raises the counters of its system.
type raiser struct{ *user }

// raise adds those who raise numbers to the visitors of the system.
func (sys *system) raise(place string, seed uint64) {
	for range counterCount {
		sys.counters = append(sys.counters, &counter{})
	}
	for i := range raisers {
		name := fmt.Sprintf("%s-r%d-%d", place, len(sys.kind), i)
		sys.visitors = append(sys.visitors, &raiser{&user{name: name, system: sys, rand: rand.New(rand.NewPCG(seed, 1<<33+uint64(i)))}})
	}
}

func (r *raiser) run(ctx context.Context) {
	for ctx.Err() == nil {
		r.system.gate.pass(r)
		c := r.system.counters[r.rand.IntN(counterCount)]
		switch s := c.logIn(r.user); {
		case s == nil:
			time.Sleep(sulk)
		case r.rand.IntN(guardedOf) == 0:
			r.raise(c, s, "/guarded", guardedName)
		default:
			r.raise(c, s, "/raise", raisedName)
		}
		time.Sleep(time.Duration(r.rand.ExpFloat64() * float64(pause)))
	}
}

// look makes a request to each session, which restores the second copy of it.
func (r *raiser) look() {
	for _, c := range r.system.counters {
		if s := c.logIn(r.user); s != nil {
			r.try(s, "/read", r.anyone())
		}
	}
}

// quit has the counters begin anew.
func (r *raiser) quit() {
	for _, c := range r.system.counters {
		c.forget()
	}
}

// present is nil: a session of a counter has many visitors.
func (r *raiser) present() *session { return nil }

// raise raises a number by one request, now and then for longer than its lease.
func (r *raiser) raise(c *counter, s *session, path, name string) {
	var form []string
	if name == guardedName && r.rand.IntN(40) == 0 {
		form = []string{"for", (lease + lease/4).String()}
	}
	before := c.highest(name)
	res := r.try(s, path, r.anyone(), form...)
	repeated := false
	switch res.status {
	case http.StatusOK:
		repeated = c.acknowledged(s, name, res.answer.Number, before)
		if name == guardedName {
			c.was(s, section{res.answer.Entered, min(res.answer.Left, res.answer.Asked+int64(lease))})
		}
	case http.StatusUnauthorized:
		c.end(s)
	case http.StatusConflict, http.StatusLocked: // it is known not to be stored
	default:
		c.doubtful(s, name)
	}
	r.system.tally.count(res.call, r.system.kind, func(all *counts, _ *phase) {
		switch {
		case res.status == http.StatusOK && name == guardedName:
			all.guarded++
		case res.status == http.StatusOK:
			all.raised++
		case res.status == http.StatusUnauthorized:
			all.ended++
		case res.status == http.StatusConflict:
			all.unraised++
		case res.status == http.StatusLocked:
			all.waited++
		default:
			all.maybe++
		}
		if repeated {
			all.uncounted++
		}
	})
}

// raising are what those who raise numbers went through.
type raising struct {
	raised    int // acknowledged Updates
	guarded   int // acknowledged saves with the lock
	unraised  int // both: refused, and known not to be stored
	waited    int // locks that were not had in time
	maybe     int // both: failed, and stored or not
	uncounted int // acknowledged and not in the number, or in it twice
	surplus   int // in the number, though nobody was told so, nor left in doubt
	overlaps  int // pairs that had the lock at once, while neither's lease was over
	ended     int // sessions of counters that were gone
}

func (r *raising) add(o *raising) {
	r.raised += o.raised
	r.guarded += o.guarded
	r.unraised += o.unraised
	r.waited += o.waited
	r.maybe += o.maybe
	r.uncounted += o.uncounted
	r.surplus += o.surplus
	r.overlaps += o.overlaps
	r.ended += o.ended
}

// broken is how many promises were broken.
func (r *raising) broken() int { return r.uncounted + r.surplus + r.overlaps + r.ended }

// counter is the numbers in one session, which all raise.
type counter struct {
	mu       sync.Mutex // guards below
	session  *session   // nil before the first login, and when it has ended
	numbers  map[string]*number
	sections []section // of those who had the lock
}

// number is what was told of one number.
type number struct {
	acked, doubtful int
	made            map[int]bool // what acknowledged requests have made of it
	highest         int
}

// section is when somebody had the lock, in nanoseconds, and its lease was not over. All processes
// have the same clock.
type section struct{ from, to int64 }

// logIn returns the session, and begins it where there is none.
func (c *counter) logIn(u *user) *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		u.logins++
		s := &session{key: fmt.Sprintf("%s.%d", u.name, u.logins)}
		r := u.try(s, "/login", u.anyone(), "value", s.mark("user"))
		if r.status != http.StatusOK || r.cookie == "" {
			return nil
		}
		s.cookie, s.id = r.cookie, r.answer.ID
		c.session, c.sections = s, nil
		c.numbers = map[string]*number{}
		for _, name := range []string{raisedName, guardedName} {
			c.numbers[name] = &number{made: map[int]bool{}}
		}
	}
	return c.session
}

// end notes that the session is gone.
func (c *counter) end(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.session = nil
	}
}

func (c *counter) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session = nil
}

// highest is the highest number that was acknowledged so far.
func (c *counter) highest(name string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.numbers[name].highest
}

// acknowledged notes what a request has made of the number, and reports whether another one was told
// the same, or a higher one before this began.
func (c *counter) acknowledged(s *session, name string, n, before int) (repeated bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session != s {
		return false
	}
	known := c.numbers[name]
	repeated = known.made[n] || n <= before
	known.made[n] = true
	known.acked++
	known.highest = max(known.highest, n)
	return repeated
}

func (c *counter) doubtful(s *session, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.numbers[name].doubtful++
	}
}

func (c *counter) was(s *session, had section) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == s {
		c.sections = append(c.sections, had)
	}
}

// overlaps counts the pairs that had the lock at once, and forgets all of them.
func (c *counter) overlaps() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = overlapsOf(c.sections)
	c.sections = nil
	return n
}

// overlapsOf counts the sections that began before an earlier one had ended.
func overlapsOf(all []section) (n int) {
	slices.SortFunc(all, func(a, b section) int { return int(a.from - b.from) })
	end := int64(0)
	for _, s := range all {
		if s.to > s.from && s.from < end {
			n++
		}
		end = max(end, s.to)
	}
	return n
}

// sum compares a number that was read with what was told of it: how many acknowledged ones are
// missing, and how many there are beyond those of unknown outcome.
func (n *number) sum(read int) (uncounted, surplus int) {
	return max(0, n.acked-read), max(0, read-n.acked-n.doubtful)
}

// sums reads all numbers on all instances, and compares them with what was acknowledged. The
// visitors are held.
func (sys *system) sums(p *phase) {
	for _, c := range sys.counters {
		if c.session == nil {
			continue
		}
		found := raising{overlaps: c.overlaps()}
		for i := range sys.instances {
			u := &user{system: sys}
			var r result
			eventually(time.Now().Add(patience), func() bool {
				r = u.try(c.session, "/read", i)
				return r.status == http.StatusOK || r.status == http.StatusUnauthorized
			})
			if r.status != http.StatusOK {
				found.ended++
				continue
			}
			for name, n := range c.numbers {
				uncounted, surplus := n.sum(numberIn(r.answer.Read[name]))
				found.uncounted, found.surplus = max(found.uncounted, uncounted), max(found.surplus, surplus)
			}
		}
		if found.broken() > 0 {
			if p.promised && sys.kind.promising() {
				sys.tally.tell(fmt.Sprintf("%s, %s: the numbers of session %s: %+v", p.name, sys.kind, c.session.key, found))
			}
			c.forget() // what is wrong is counted once
		}
		sys.tally.count(p.begin, sys.kind, func(all *counts, _ *phase) { all.raising.add(&found) })
	}
}

// numberIn is the number that a value says: 0 where there is none.
func numberIn(value string) int {
	n, _ := strconv.Atoi(value)
	return n
}
