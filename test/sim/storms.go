package sim

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides which faults are made of many small ones.

// storm is all kinds of trouble at once, around one node.
func (s *sim) storm() func() {
	n := s.anyNode()
	s.note("a storm around %s", n.ID)
	for range 4 + s.rng.IntN(12) {
		switch s.rng.IntN(6) {
		case 0:
			s.note("%s restarts empty", n.ID)
			n.Kill()
			time.Sleep(s.upTo(time.Second))
			n.Start()
		case 1:
			n.Pause()
			s.note("%s hangs", n.ID)
			time.Sleep(s.upTo(3 * time.Second))
			n.Resume()
			s.note("%s goes on", n.ID)
		case 2:
			f := s.linkTrouble()
			s.note("all to %s: %v", n.ID, f)
			n.Suffer(f)
		default:
			_, process := s.anyInstance().use()
			f := s.linkTrouble()
			s.note("%s to %s: %v", process, n.ID, f)
			s.world.Link(process, n).Suffer(f)
		}
		time.Sleep(s.upTo(2 * time.Second))
	}
	s.healLinks(n)
	return nil
}

// crossed gives each instance trouble with a node of its own choice, one at a time:
// any two instances still share a node of every session.
func (s *sim) crossed() func() {
	if s.regular() < 3 {
		return nil
	}
	var wg sync.WaitGroup
	for _, in := range s.insts {
		_, process := in.use()
		rng := rand.New(rand.NewPCG(s.rng.Uint64(), 1))
		upTo := func(most time.Duration) time.Duration { return 1 + time.Duration(rng.Int64N(int64(most))) }
		wg.Go(func() {
			time.Sleep(upTo(5 * time.Second))
			for range 1 + rng.IntN(3) {
				n := s.node(s.list[rng.IntN(len(s.list))])
				f := linkTrouble(rng)
				s.note("%s to %s: %v", process, n.ID, f)
				s.world.Link(process, n).Suffer(f)
				time.Sleep(upTo(10 * time.Second))
				s.world.Link(process, n).Suffer(world.Faults{})
				s.note("%s to %s: healed", process, n.ID)
				time.Sleep(settled + upTo(time.Second))
			}
		})
	}
	wg.Wait()
	return nil
}

// turns takes one node out after the other in quick succession, with one request to each
// session whenever something has happened: by then the instances do not agree on who
// is up.
func (s *sim) turns() func() {
	s.closeGate()
	time.Sleep(30 * time.Second) // what is under way ends
	held := heldBack{}
	var rise func()
	for range 4 + s.rng.IntN(10) {
		if rise != nil {
			rise()
			rise = nil
		} else {
			switch s.rng.IntN(3) {
			case 0:
				s.restart()
			case 1:
				rise = s.kill()
			default:
				rise = s.pause()
			}
		}
		time.Sleep(s.upTo(400 * time.Millisecond))
		s.requestAll(held)
	}
	if rise != nil {
		rise()
	}
	s.openGate()
	return nil
}

// heldBack are requests that have loaded their session, and will save it some turns later:
// what they know of the nodes is then of another life of these.
type heldBack map[string]func()

// requestAll has one request made to each session by any instance; of those that users
// are logged in to every other one changes something. Before it, now and then, comes the save
// of a request that began some turns ago.
func (s *sim) requestAll(held heldBack) {
	for _, u := range s.users {
		key, past := u.keys()
		for _, key := range past {
			s.look(u, s.anyInstance(), key)
		}
		if key == "" {
			continue
		}
		if save := held[key]; save != nil && s.rng.IntN(2) == 0 {
			save()
			delete(held, key)
		}
		if held[key] == nil && s.rng.IntN(3) == 0 {
			v := (&tab{user: u, sim: s, name: "slow", rng: s.rng}).visit(key)
			if rec := v.load(); rec != nil {
				held[key] = func() { v.save(rec, map[string]string{v.name: u.value(key, v.name, 0)}) }
			}
		}
		v := (&tab{user: u, sim: s, name: "turn", rng: s.rng}).visit(key)
		if rec := v.load(); rec != nil && s.rng.IntN(2) == 0 {
			v.save(rec, map[string]string{v.name: u.value(key, v.name, 0)})
		}
	}
}

func (s *sim) linkTrouble() world.Faults { return linkTrouble(s.rng) }

// linkTrouble is any trouble on a link, or none.
func linkTrouble(rng *rand.Rand) world.Faults {
	f := world.Faults{Share: 1 + rng.IntN(100)}
	switch rng.IntN(7) {
	case 0:
		f.Up = world.Lose
	case 1:
		f.Down = world.Lose
	case 2:
		f.Up, f.Down = world.Lose, world.Lose
	case 3:
		f.Late = 1 + time.Duration(rng.Int64N(int64(4*time.Second)))
	case 4:
		f.Slow = 1 + time.Duration(rng.Int64N(int64(200*time.Millisecond)))
	case 5:
		f.Refuse = true
	default:
		return world.Faults{}
	}
	return f
}

// healLinks ends all trouble around a node.
func (s *sim) healLinks(n *world.Node) {
	s.note("all to %s: healed", n.ID)
	n.Suffer(world.Faults{})
	for _, in := range s.insts {
		_, process := in.use()
		s.world.Link(process, n).Suffer(world.Faults{})
	}
}
