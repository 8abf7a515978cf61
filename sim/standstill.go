package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/sim/check"
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
		crowd := s.crowd(in)
		time.Sleep(s.upTo(time.Millisecond))
		s.pauseProcess(process, d)
		crowd.Wait()
		time.Sleep(s.upTo(2 * time.Second))
	}
	return nil
}

// crowd has three requests made to each session at about the same time, by that instance.
func (s *sim) crowd(in *instance) *sync.WaitGroup {
	var all sync.WaitGroup
	c, process := in.use()
	for _, u := range s.users {
		for i := range 3 {
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

// starve gives an instance, or all of them, little time to run: the process runs for a moment
// and then waits for its next share, as under a quota; at times its goroutines wait besides.
// Timers of a process go on in here while it stands still, and it cannot see that it did but by
// what it notices late: so the waits are far enough apart for an exchange to meet one of them.
// Those that follow one another at once belong to package chaos, whose processes really stop.
func (s *sim) starve() func() {
	defer s.sound()()
	insts := s.insts
	if s.rng.IntN(2) == 0 {
		insts = []*instance{s.anyInstance()}
	}
	var most time.Duration
	if s.rng.IntN(2) == 0 {
		most = s.upTo(5 * time.Millisecond)
	}
	var processes []string
	for _, in := range insts {
		_, process := in.use()
		processes = append(processes, process)
		s.note("%s is short of processors: %v more for each wake-up", process, most)
		s.world.Starve(process, most)
	}
	crowd := s.crowd(insts[0])
	for range 10 + s.rng.IntN(20) {
		s.pauseProcess(processes[s.rng.IntN(len(processes))], s.upTo(200*time.Millisecond))
		time.Sleep(3*timeout + s.upTo(200*time.Millisecond))
	}
	crowd.Wait()
	for _, process := range processes {
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
	if s.cfg.Class != Promised {
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
		if n.State != cluster.Down || !s.allSound.Load() {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.maligned = append(s.maligned, check.Violation{
			Rule: check.Maligned, At: s.now(), Text: process + " takes " + n.ID + " for down, which answers: " + n.LastError,
		})
	}
}
