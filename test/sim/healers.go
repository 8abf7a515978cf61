package sim

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides which faults only a healer notices: lists of keys that fail or are not whole, and healers that
// get in each other's way.

// crawler is one way in which a node fails to list its keys.
func (s *sim) crawler() testenv.Crawler {
	bytes := 1 + s.rng.IntN(3000)
	switch s.rng.IntN(9) {
	case 0:
		return testenv.Crawler{Busy: 1 + s.rng.IntN(60)}
	case 1:
		return testenv.Crawler{Busy: -1}
	case 2:
		return testenv.Crawler{CutAfter: bytes}
	case 3:
		return testenv.Crawler{SilentAfter: bytes}
	case 4:
		return testenv.Crawler{Garbage: "key=nonsense"}
	case 5:
		return testenv.Crawler{Garbage: "END"}
	case 6: // items in use are left out, and listed by the next list
		return testenv.Crawler{Version: "1.6.17", Misses: true}
	case 7: // the same ones are left out some times in a row
		return testenv.Crawler{Version: "1.6.17", Short: 1 + s.rng.IntN(6)}
	}
	return testenv.Crawler{Refusal: testenv.RefusedByOption}
}

// dumpsFail has some nodes, or all, fail to list their keys while one is to be filled, or has missed writes.
func (s *sim) dumpsFail() func() {
	for i, e := range s.list {
		if c := s.crawler(); i == 0 || s.rng.IntN(2) == 0 {
			s.note("%s lists its keys so: %+v", e.ID, c)
			s.node(e).SetCrawler(c)
		}
	}
	begin := []func(*sim) func(){(*sim).restart, (*sim).flush, (*sim).pause, (*sim).healerDies, (*sim).again}[s.rng.IntN(5)]
	if heal := begin(s); heal != nil {
		time.Sleep(s.upTo(20 * time.Second))
		heal()
	}
	time.Sleep(s.upTo(time.Minute))
	for _, e := range s.list {
		s.node(e).SetCrawler(testenv.Crawler{})
	}
	s.note("all list their keys")
	s.listAgain()
	return nil
}

// listAgain waits for a pass that was put off while keys were not listed.
func (s *sim) listAgain() {
	c, _ := s.anyInstance().use()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	for ctx.Err() == nil {
		err := c.WaitWhole(ctx)
		if err == nil {
			return
		}
		if !errors.Is(err, cluster.ErrKeysNotListed) {
			s.extra = append(s.extra, check.Violation{Rule: check.UserError, At: s.now(), Text: "keys are listed again: " + err.Error()})
			return
		}
		time.Sleep(5 * time.Second)
	}
}

// twoHealers has two instances heal one node at the same time, of which one stands still in the middle, until
// its lease has long run out. The node may be emptied once more meanwhile.
func (s *sim) twoHealers() func() {
	s.closeGate()
	time.Sleep(30 * time.Second) // what users began has ended: the instance stands still for longer than any request
	e := s.anyEntry()
	n := s.node(e)
	s.note("%s restarts empty, and two heal it", n.ID)
	n.Kill()
	n.Start()
	first, second := s.rng.IntN(len(s.insts)), s.rng.IntN(len(s.insts)-1)
	if second >= first {
		second++
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	var healing sync.WaitGroup
	for _, i := range []int{first, second} {
		c, _ := s.insts[i].use()
		wait := s.upTo(20 * time.Millisecond)
		healing.Go(func() {
			time.Sleep(wait)
			_, _ = c.Heal(ctx, e.ID) // another one may take over
		})
	}
	time.Sleep(s.upTo(40 * time.Millisecond))
	_, process := s.insts[first].use()
	s.note("%s stands still", process)
	s.world.Still(process)
	time.Sleep(s.upTo(40 * time.Second))
	if s.rng.IntN(2) == 0 {
		s.note("%s restarts empty", n.ID)
		n.Kill()
		n.Start()
		time.Sleep(s.upTo(time.Second))
	}
	s.world.GoOn(process)
	s.note("%s goes on", process)
	healing.Wait()
	return nil
}
