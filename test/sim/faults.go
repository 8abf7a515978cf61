package sim

import (
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides which faults there are.

// fault begins, and returns how it ends (nil: it has ended).
type fault struct {
	name  string
	begin func(s *sim) (heal func())
	// most is how long it lasts at most.
	most time.Duration
	// hides is true when it takes one whole node away. Such a fault may go on while
	// the next begins, as long as each session gets a request in between.
	hides bool
	// requests is true where sessions need a request afterwards: what is missing is not seen in
	// the markers of nodes.
	requests bool
}

var faults = []fault{
	{name: "restart", begin: (*sim).restart},
	{name: "kill", begin: (*sim).kill, most: 20 * time.Second, hides: true},
	{name: "pause", begin: (*sim).pause, most: 30 * time.Second, hides: true},
	{name: "hiccup", begin: (*sim).pause, most: 500 * time.Millisecond},
	{name: "isolate", begin: (*sim).isolate, most: 30 * time.Second, hides: true},
	{name: "long isolation", begin: (*sim).isolate, most: 3 * time.Hour, hides: true},
	{name: "cut", begin: (*sim).cut, most: 30 * time.Second},
	{name: "late", begin: (*sim).late, most: 20 * time.Second},
	{name: "late for one", begin: (*sim).lateForOne, most: 20 * time.Second},
	{name: "flaky", begin: (*sim).flaky, most: 20 * time.Second},
	{name: "deaf", begin: (*sim).deaf, most: 20 * time.Second},
	{name: "slow", begin: (*sim).slow, most: 20 * time.Second},
	{name: "refuse", begin: (*sim).refuse, most: 20 * time.Second},
	{name: "evict", begin: (*sim).evict, requests: true},
	{name: "add", begin: (*sim).grow, requests: true},
	{name: "remove", begin: (*sim).shrink, requests: true},
	{name: "replace", begin: (*sim).replace, requests: true},
	{name: "crash", begin: (*sim).crash},
	{name: "storm", begin: (*sim).storm},
	{name: "crossed", begin: (*sim).crossed},
	{name: "turns", begin: (*sim).turns, requests: true},
	{name: "outage", begin: (*sim).outage},
	{name: "still", begin: (*sim).still},
	{name: "starved", begin: (*sim).starve},
	{name: "very late", begin: (*sim).lateLong, most: time.Minute},
}

// FaultNames are the names that Config.Only takes.
func FaultNames() []string {
	var names []string
	for _, f := range faults {
		names = append(names, f.name)
	}
	return names
}

// anyEntry is any node that no fault hides; any at all where all are hidden.
func (s *sim) anyEntry() cluster.Node {
	var seen []cluster.Node
	for _, e := range s.list {
		if !s.hidden[e.Addr] {
			seen = append(seen, e)
		}
	}
	if len(seen) == 0 {
		seen = s.list
	}
	return seen[s.rng.IntN(len(seen))]
}

func (s *sim) anyNode() *world.Node   { return s.node(s.anyEntry()) }
func (s *sim) anyInstance() *instance { return s.insts[s.rng.IntN(len(s.insts))] }
func (s *sim) upTo(most time.Duration) time.Duration {
	if most <= 0 {
		return 1
	}
	return 1 + time.Duration(s.rng.Int64N(int64(most)))
}

func (s *sim) restart() func() {
	n := s.anyNode()
	s.note("%s restarts empty", n.ID)
	n.Kill()
	n.Start()
	return nil
}

func (s *sim) kill() func() {
	n := s.anyNode()
	s.note("%s is killed", n.ID)
	s.hidden[n.Addr] = true
	n.Kill()
	return func() { s.note("%s starts empty", n.ID); n.Start(); delete(s.hidden, n.Addr) }
}

func (s *sim) pause() func() {
	n := s.anyNode()
	s.note("%s hangs", n.ID)
	s.hidden[n.Addr] = true
	n.Pause()
	return func() { s.note("%s goes on", n.ID); n.Resume(); delete(s.hidden, n.Addr) }
}

// suffer is weather over one node, for all.
func (s *sim) suffer(f world.Faults) func() {
	n := s.anyNode()
	s.note("all to %s: %v", n.ID, f)
	s.hidden[n.Addr] = true
	n.Suffer(f)
	return func() { s.note("all to %s: healed", n.ID); n.Suffer(world.Faults{}); delete(s.hidden, n.Addr) }
}

// sufferOne is weather between one instance and one node.
func (s *sim) sufferOne(f world.Faults) func() {
	n := s.anyNode()
	_, process := s.anyInstance().use()
	l := s.world.Link(process, n)
	s.note("%s to %s: %v", process, n.ID, f)
	l.Suffer(f)
	return func() { s.note("%s to %s: healed", process, n.ID); l.Suffer(world.Faults{}) }
}

// lost loses requests, replies or both.
func (s *sim) lost() world.Faults {
	switch s.rng.IntN(3) {
	case 0:
		return world.Faults{Up: world.Lose}
	case 1:
		return world.Faults{Down: world.Lose}
	}
	return world.Faults{Up: world.Lose, Down: world.Lose}
}

func (s *sim) isolate() func() { return s.suffer(world.Faults{Up: world.Lose, Down: world.Lose}) }
func (s *sim) cut() func()     { return s.sufferOne(s.lost()) }
func (s *sim) refuse() func()  { return s.sufferOne(world.Faults{Refuse: true}) }
func (s *sim) deaf() func()    { return s.suffer(world.Faults{Down: world.Lose}) }

func (s *sim) late() func() {
	return s.suffer(world.Faults{Late: s.upTo(4 * time.Second), Share: 1 + s.rng.IntN(100)})
}

func (s *sim) lateForOne() func() {
	return s.sufferOne(world.Faults{Late: s.upTo(4 * time.Second), Share: 1 + s.rng.IntN(100)})
}

func (s *sim) flaky() func() {
	f := s.lost()
	f.Share = 1 + s.rng.IntN(60)
	if s.rng.IntN(2) == 0 {
		return s.suffer(f)
	}
	return s.sufferOne(f)
}

func (s *sim) slow() func() {
	f := world.Faults{Slow: s.upTo(200 * time.Millisecond)}
	if s.rng.IntN(3) == 0 {
		f.Drip = s.upTo(2 * time.Millisecond)
	}
	return s.suffer(f)
}

// evict makes one node forget a share of all sessions, as memory pressure does.
func (s *sim) evict() func() {
	n := s.anyNode()
	share := 1 + s.rng.IntN(100)
	s.note("%s forgets %d%% of all sessions", n.ID, share)
	for _, key := range s.keys() {
		if s.rng.IntN(100) < share {
			n.Evict(world.StoredKey(key))
		}
	}
	return nil
}

// roll gives the instances a new list, one after the other.
func (s *sim) roll(list []cluster.Node, what string) {
	s.note("the list becomes: %s", what)
	s.list = list
	for _, i := range s.rng.Perm(len(s.insts)) {
		in := s.insts[i]
		s.retire(in.deploy(list))
		s.note("%s has the new list", in.name)
		time.Sleep(s.upTo(3 * time.Second))
	}
	time.Sleep(20 * time.Second) // the last requests over the old list end
}

func (s *sim) grow() func() {
	if len(s.list) > 6 {
		return s.shrink()
	}
	e := s.addNode(false)
	s.roll(append(append([]cluster.Node(nil), s.list...), e), "with "+e.ID)
	return nil
}

func (s *sim) shrink() func() {
	if s.regular() < 4 {
		return s.grow()
	}
	i := s.rng.IntN(len(s.list))
	gone := s.list[i]
	list := append(append([]cluster.Node(nil), s.list[:i]...), s.list[i+1:]...)
	s.roll(list, "without "+gone.ID)
	s.node(gone).Kill()
	return nil
}

func (s *sim) replace() func() {
	i := s.rng.IntN(len(s.list))
	list := append([]cluster.Node(nil), s.list...)
	gone := list[i]
	list[i].Addr = s.world.Add(gone.ID, 0).Addr
	s.roll(list, fmt.Sprintf("%s at %s", gone.ID, list[i].Addr))
	s.node(gone).Kill()
	return nil
}

func (s *sim) regular() int {
	n := 0
	for _, e := range s.list {
		if !e.Standby {
			n++
		}
	}
	return n
}

// crash kills one instance, in the middle of whatever it does, and starts another.
func (s *sim) crash() func() {
	in := s.anyInstance()
	c, process := in.use()
	s.note("%s is killed", process)
	in.mu.Lock()
	if in.dead == nil {
		in.dead = map[string]bool{}
	}
	in.dead[process] = true
	in.mu.Unlock()
	s.world.Sever(process)
	in.deploy(s.list)
	s.retire(c)
	return nil
}

// outage takes all nodes away at once, with their memory kept. Users see errors, and
// for the grace after it instances may disagree; after that nothing may be missing.
func (s *sim) outage() func() {
	from := s.now()
	hang := s.rng.IntN(2) == 0
	s.note("no node can be reached")
	for _, e := range s.list {
		if n := s.node(e); hang {
			n.Pause()
		} else {
			n.Suffer(world.Faults{Up: world.Lose, Down: world.Lose})
		}
	}
	time.Sleep(s.upTo(20 * time.Second))
	for _, e := range s.list {
		n := s.node(e)
		n.Resume()
		n.Suffer(world.Faults{})
	}
	s.note("all nodes can be reached")
	s.outages = append(s.outages, outage{from, s.now() + grace})
	return nil
}

// lateLong holds some requests back for so long that they arrive after the fault, and
// after what came next.
func (s *sim) lateLong() func() {
	return s.suffer(world.Faults{Late: s.upTo(2 * time.Minute), Share: 1 + s.rng.IntN(40)})
}
