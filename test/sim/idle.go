package sim

import (
	"context"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides which faults only class idle has: those that no request may notice.

// markerKey is where a node's marker lies (docs/protocol.md).
const markerKey = "holdfast.node"

var idleFaults = []fault{
	{name: "flush", begin: (*sim).flush},
	{name: "no marker", begin: (*sim).loseMarker},
	{name: "again", begin: (*sim).again},
	{name: "healer dies", begin: (*sim).healerDies},
	{name: "lists", begin: (*sim).changeLists},
	{name: "drain", begin: (*sim).drain},
	{name: "zone", begin: (*sim).loseZone},
	{name: "dumps", begin: (*sim).dumpsFail},
	{name: "two healers", begin: (*sim).twoHealers},
}

// drain drains a node, stops it, and takes another one away at once. Where the list is too short for that,
// a node is flushed instead.
func (s *sim) drain() func() {
	if s.regular() < 3 {
		return s.flush()
	}
	n, other := s.anyEntry(), s.anyEntry()
	for other == n {
		other = s.anyEntry()
	}
	c, process := s.anyInstance().use()
	s.note("%s drains %s", process, n.ID)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	if err := c.Drain(ctx, n.ID); err != nil {
		s.extra = append(s.extra, check.Violation{Rule: check.UserError, At: s.now(), Text: "drain: " + err.Error()})
		return nil
	}
	s.note("%s and %s are killed", n.ID, other.ID)
	s.node(n).Kill()
	s.node(other).Kill()
	time.Sleep(s.upTo(20 * time.Second))
	s.node(n).Start()
	s.node(other).Start()
	s.note("both start empty")
	return nil
}

// loseZone takes all nodes of a zone away at once. Where nodes have no zones it restarts one.
func (s *sim) loseZone() func() {
	lost, left := []cluster.Node(nil), 0
	for _, e := range s.list {
		if e.Zone == "a" {
			lost = append(lost, e)
		} else if !e.Standby {
			left++
		}
	}
	if len(lost) == 0 || left == 0 {
		return s.restart()
	}
	s.note("zone a is lost: %v", lost)
	for _, e := range lost {
		s.node(e).Kill()
	}
	time.Sleep(s.upTo(20 * time.Second))
	for _, e := range lost {
		s.node(e).Start()
	}
	s.note("zone a starts empty")
	return nil
}

// changeLists gives running instances another list of nodes, one or two times in a row, with some
// seconds between one instance and the next. Nodes that have left are killed when nobody lists them
// any more.
func (s *sim) changeLists() func() {
	time.Sleep(20 * time.Second) // no former list is in force any more
	before := s.list
	for range 1 + s.rng.IntN(2) {
		list := s.otherList()
		s.note("the list becomes %v", list)
		s.list = list
		for _, i := range s.rng.Perm(len(s.insts)) {
			c, process := s.insts[i].use()
			if err := c.SetNodes(list); err != nil {
				s.extra = append(s.extra, check.Violation{Rule: check.UserError, At: s.now(), Text: process + ": " + err.Error()})
			}
			s.note("%s has it", process)
			time.Sleep(s.upTo(5 * time.Second))
		}
		time.Sleep(s.upTo(20 * time.Second))
	}
	s.becomeWhole()
	for _, in := range s.insts {
		c, _ := in.use()
		for end := s.now() + 20*time.Minute; s.now() < end && slices.ContainsFunc(c.Nodes(), func(n cluster.NodeStatus) bool { return n.Leaving }); {
			time.Sleep(time.Second)
		}
	}
	for _, e := range before {
		if !slices.Contains(s.list, e) {
			s.note("%s is killed", e.ID)
			s.node(e).Kill()
		}
	}
	return nil
}

// otherList is the present list with nodes added, removed and replaced.
func (s *sim) otherList() []cluster.Node {
	list := slices.Clone(s.list)
	for range 1 + s.rng.IntN(3) {
		switch i := s.rng.IntN(len(list)); {
		case s.rng.IntN(3) == 0:
			list[i].Addr = s.world.Add(list[i].ID, 0).Addr // under the same ID
		case s.rng.IntN(2) == 0 && s.regular() > 2 && len(list) > 2 && !list[i].Standby:
			list = slices.Delete(list, i, i+1)
		case len(list) < 7:
			list = append(list, s.addNode(false))
		}
	}
	regular := 0
	for _, n := range list {
		if !n.Standby {
			regular++
		}
	}
	if regular < 2 {
		list = append(list, s.addNode(false))
	}
	if s.rng.IntN(6) == 0 { // all at once
		list = nil
		for range 2 + s.rng.IntN(2) {
			list = append(list, s.addNode(false))
		}
	}
	return list
}

// flush empties one node and breaks no connection, as flush_all does.
func (s *sim) flush() func() {
	n := s.anyNode()
	s.note("%s is flushed", n.ID)
	for _, key := range s.keys() {
		n.Evict(world.StoredKey(key))
	}
	n.Evict(markerKey)
	return nil
}

// loseMarker makes a node forget its marker alone, as for want of memory.
func (s *sim) loseMarker() func() {
	n := s.anyNode()
	s.note("%s loses its marker", n.ID)
	n.Evict(markerKey)
	return nil
}

// again has trouble with one node while it fills.
func (s *sim) again() func() {
	n := s.anyNode()
	for range 2 + s.rng.IntN(3) {
		s.note("%s restarts empty", n.ID)
		n.Kill()
		time.Sleep(s.upTo(time.Second))
		n.Start()
		time.Sleep(s.upTo(2 * time.Second))
		if s.rng.IntN(2) == 0 {
			s.note("%s hangs", n.ID)
			n.Pause()
			time.Sleep(s.upTo(20 * time.Second))
			n.Resume()
			s.note("%s goes on", n.ID)
			time.Sleep(s.upTo(2 * time.Second))
		}
	}
	return nil
}

// healerDies kills instances while a node fills: any of them may be its healer.
func (s *sim) healerDies() func() {
	end := s.restart
	if s.rng.IntN(2) == 0 {
		end = s.pause
	}
	if heal := end(); heal != nil {
		time.Sleep(s.upTo(10 * time.Second))
		heal()
	}
	for range 1 + s.rng.IntN(3) {
		time.Sleep(s.upTo(time.Second))
		s.crash()
	}
	return nil
}
