package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides which faults are the app's own: its process stands still, or its machine
// is short of processors. All nodes answer at once meanwhile, so nobody may take one for down.

// still has one instance after the other stand still in the middle of its requests, for 50 ms
// to 5 s.
func (s *sim) still() func() {
	defer s.sound()()
	for range 1 + s.rng.IntN(4) {
		in := s.anyInstance()
		_, process := in.use()
		d := 50*time.Millisecond + s.upTo(5*time.Second)
		if s.rng.IntN(2) == 0 {
			d = 50*time.Millisecond + s.upTo(500*time.Millisecond)
		}
		s.note("%s stands still for %v", process, d)
		crowd := s.crowd(in, 3)
		time.Sleep(s.upTo(time.Millisecond))
		s.pauseProcess(process, d)
		crowd.Wait()
		time.Sleep(s.upTo(2 * time.Second))
	}
	return nil
}

// crowd has so many requests made to each session at about the same time, by that instance.
func (s *sim) crowd(in *instance, each int) *sync.WaitGroup {
	var all sync.WaitGroup
	c, process := in.use()
	for _, u := range s.users {
		for i := range each {
			key, create := u.session()
			if create {
				u.leave(key) // nobody is logged in
				break
			}
			rng := rand.New(rand.NewPCG(s.rng.Uint64(), 1))
			v := &visit{tab: &tab{user: u, sim: s, name: fmt.Sprint("crowd", i), rng: rng}, in: in, c: c, process: process, key: key}
			all.Go(func() {
				v.think(time.Millisecond)
				if rec := v.load(); rec != nil && rng.IntN(2) == 0 {
					v.save(rec, map[string]string{v.name: u.value(key, v.name, 0)})
				}
			})
		}
	}
	return &all
}

// starve gives an instance, or all of them, little time to run: under a quota the process runs for
// a moment and then waits for its next share, with requests under way each time; or each of its
// goroutines waits for a processor, and the process for shorter shares besides.
//
// In here a process cannot see that it did not run but by what it notices late, since its timers
// go on meanwhile: of a wait that meets a request on its way to the socket, all but what is kept
// for a last look is gone. So long waits do not come together with late goroutines, for which
// that last look would be too short, and they are far enough apart for an exchange to meet one of
// them. Those that do belong to package chaos, whose processes really stop.
func (s *sim) starve() func() {
	defer s.sound()()
	insts := s.insts
	if s.rng.IntN(2) == 0 {
		insts = []*instance{s.anyInstance()}
	}
	late, share := time.Duration(0), 200*time.Millisecond
	if s.rng.IntN(2) == 0 {
		late, share = s.upTo(5*time.Millisecond), timeout/3
	}
	for _, in := range insts {
		_, process := in.use()
		s.note("%s is short of processors: %v more for each wake-up, and waits of up to %v", process, late, share)
		s.world.Starve(process, late)
	}
	for range 10 + s.rng.IntN(20) {
		in := insts[s.rng.IntN(len(insts))]
		_, process := in.use()
		crowd := s.crowd(in, 1)
		time.Sleep(s.upTo(time.Millisecond))
		s.pauseProcess(process, s.upTo(share))
		crowd.Wait()
		time.Sleep(3*timeout + s.upTo(200*time.Millisecond))
	}
	for _, in := range insts {
		_, process := in.use()
		s.world.Starve(process, 0)
	}
	return nil
}

func (s *sim) pauseProcess(process string, d time.Duration) {
	s.world.Still(process)
	time.Sleep(d)
	s.world.GoOn(process)
}

// sound begins a time in which every node answers at once; the function that it returns ends it,
// when those who woke late have had the time to think ill of a node.
func (s *sim) sound() (end func()) {
	if s.cfg.Class == Beyond {
		return func() {}
	}
	s.allSound.Store(true)
	return func() {
		time.Sleep(4 * timeout)
		s.allSound.Store(false)
	}
}

// doubts notes that a process has taken a node for down. While all nodes are sound, it must not.
func (s *sim) doubts(process string) func(cluster.NodeStatus) {
	return func(n cluster.NodeStatus) {
		if n.State != cluster.StateDown || !s.allSound.Load() || s.world.Severed(process) {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.maligned = append(s.maligned, check.Violation{
			Rule: check.Maligned, At: s.now(), Text: process + " takes " + n.ID + " for down, which answers: " + n.LastError,
		})
	}
}
