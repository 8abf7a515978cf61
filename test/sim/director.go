package sim

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides when faults happen, and what has to be seen at the end.

func (s *sim) direct() {
	time.Sleep(s.upTo(5 * time.Second))
	if s.cfg.Class == Beyond {
		s.overlap()
		return
	}
	if s.cfg.Class == Idle {
		s.oneByOne()
		return
	}
	var open []func() // ends of faults that go on beside the next
	for range s.cfg.Rounds {
		f := s.pick()
		for len(open) > 0 && !f.hides && f.name != "restart" && f.name != "evict" {
			f = faults[s.rng.IntN(len(faults))]
		}
		s.tally.under(f.name)
		s.faults++
		heal := f.begin(s)
		switch {
		case heal == nil:
		case f.hides && s.regular()-len(s.hidden) >= 2 && s.rng.IntN(3) == 0:
			s.last(min(f.most, 10*time.Second))
			open = append(open, heal)
		default:
			s.last(f.most)
			heal()
		}
		s.recover()
		for len(open) > 0 && (s.regular()-len(s.hidden) < 3 || s.rng.IntN(2) == 0) {
			s.tally.under("return")
			open[0]()
			open = open[1:]
			s.recover()
		}
	}
	for _, heal := range open {
		heal()
		s.recover()
	}
}

// oneByOne has one fault at a time, and has every node become whole before the next.
func (s *sim) oneByOne() {
	for range s.cfg.Rounds {
		f := s.pick()
		for f.requests {
			f = s.pick()
		}
		s.tally.under(f.name)
		s.faults++
		idle := s.rng.IntN(2) == 0
		if idle {
			s.closeGate()
			time.Sleep(s.upTo(30 * time.Second)) // what is under way may end before, or not
		}
		if heal := f.begin(s); heal != nil {
			if idle {
				time.Sleep(s.upTo(f.most))
			} else {
				s.last(f.most)
			}
			heal()
		}
		s.tally.under("calm")
		s.becomeWhole()
		s.openGate()
		time.Sleep(s.upTo(8 * time.Second))
	}
}

// becomeWhole waits until every node is whole, as an operator would before the next step.
func (s *sim) becomeWhole() {
	in := s.anyInstance()
	c, process := in.use()
	s.note("%s waits until all is whole", process)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := c.WaitWhole(ctx); err != nil {
		s.extra = append(s.extra, check.Violation{Rule: check.UserError, At: s.now(), Text: "not whole within ten minutes: " + err.Error()})
	}
	s.note("all is whole")
}

// recover waits until every process knows which nodes are up, and gives each session
// the request that has to come before the next fault.
func (s *sim) recover() {
	time.Sleep(settled + s.upTo(2*time.Second))
	s.tally.under("calm")
	s.touchAll()
	s.gap()
}

func (s *sim) pick() fault {
	all := faults
	if s.cfg.Class == Idle {
		all = append(slices.Clone(faults), idleFaults...)
	}
	for {
		f := all[s.rng.IntN(len(all))]
		if s.cfg.Only == "" || s.cfg.Only == f.name {
			return f
		}
	}
}

// last lets a fault last: long ones pass mostly without traffic.
func (s *sim) last(most time.Duration) {
	d := s.upTo(most)
	if d <= time.Minute {
		time.Sleep(d)
		return
	}
	time.Sleep(s.upTo(10 * time.Second))
	s.closeGate()
	time.Sleep(d)
	s.openGate()
	time.Sleep(s.upTo(10 * time.Second))
}

// gap is a time without traffic, at times longer than anything is remembered.
func (s *sim) gap() {
	s.closeGate()
	time.Sleep(30 * time.Second) // what is under way ends
	switch s.rng.IntN(4) {
	case 0:
		time.Sleep(s.upTo(2 * time.Hour))
	case 1:
		time.Sleep(s.upTo(10 * time.Minute))
	}
	s.openGate()
	time.Sleep(s.upTo(8 * time.Second))
}

// overlap has several faults at once, each with its own beginning and end.
func (s *sim) overlap() {
	type open struct {
		until time.Time
		heal  func()
	}
	s.tally.under("overlap")
	var running []open
	for range 2 * s.cfg.Rounds {
		f := s.pick()
		s.faults++
		if heal := f.begin(s); heal != nil {
			running = append(running, open{time.Now().Add(s.upTo(min(f.most, time.Minute))), heal})
		}
		time.Sleep(s.upTo(10 * time.Second))
		for i := 0; i < len(running); i++ {
			if len(running) > 3 || time.Now().After(running[i].until) {
				running[i].heal()
				running = append(running[:i], running[i+1:]...)
				i--
			}
		}
	}
	for _, o := range running {
		o.heal()
	}
	time.Sleep(settled)
}

// keys are all keys of sessions, those that users have left included.
func (s *sim) keys() []string {
	var keys []string
	for _, u := range s.users {
		key, past := u.keys()
		if keys = append(keys, past...); key != "" {
			keys = append(keys, key)
		}
	}
	return keys
}

// touchAll has each session asked for once, by any instance.
func (s *sim) touchAll() {
	for _, u := range s.users {
		key, past := u.keys()
		if key != "" {
			s.look(u, s.anyInstance(), key)
		}
		for _, key := range past {
			s.look(u, s.anyInstance(), key)
		}
	}
}

func (s *sim) look(u *user, in *instance, key string) error {
	c, process := in.use()
	v := &visit{tab: &tab{user: u, sim: s}, in: in, c: c, process: process, key: key}
	time.Sleep(s.upTo(time.Millisecond))
	op := check.Op{Client: process, Key: key, Kind: check.Load, Call: s.now()}
	op.Begun = op.Call
	rec, err := c.Load(context.Background(), key)
	op.Return = s.now()
	if err == nil {
		op.Read = map[string]string{}
		for name, b := range rec.Attrs {
			op.Read[name] = string(b)
		}
	}
	v.record(&op, err)
	return err
}

// finish heals what is left and asks every instance for every session.
func (s *sim) finish() {
	s.note("all faults are healed")
	for _, e := range s.list {
		n := s.node(e)
		n.Resume()
		n.Start()
		n.Suffer(world.Faults{})
	}
	time.Sleep(30 * time.Second)
	s.final = s.now()
	s.tally.under("final")
	for _, u := range s.users {
		key, past := u.keys()
		for _, key := range append(past, key) {
			if key == "" {
				continue
			}
			live := false
			for _, in := range s.insts {
				err := s.look(u, in, key)
				if err != nil && !errors.Is(err, cluster.ErrNotFound) {
					s.extra = append(s.extra, check.Violation{Rule: check.UserError, Key: key, At: s.now(), Text: "after all faults: " + err.Error()})
				}
				live = err == nil
			}
			if live {
				s.compare(key)
			}
		}
	}
}

// compare demands that the home nodes hold the same bytes.
func (s *sim) compare(key string) {
	c, _ := s.insts[0].use()
	places, err := c.Where(context.Background(), key)
	if err != nil {
		panic(err)
	}
	var first string
	for i := range min(2, len(places)) {
		held, ok := s.node(cluster.Node{Addr: places[i].Node.Addr}).Held(world.StoredKey(key))
		if i == 0 {
			first = held
		}
		if !ok || !bytes.Equal([]byte(first), []byte(held)) {
			s.extra = append(s.extra, check.Violation{Rule: check.Diverged, Key: key, At: s.now(), Text: "home nodes differ: " + places[0].Node.ID + " and " + places[i].Node.ID})
			return
		}
	}
}
