package sim

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file retells what the simulation found once, in as few steps as it takes.

// stage is a world with a few nodes, and one session on it.
type stage struct {
	*testing.T
	world *world.World
	list  []cluster.Node
	apps  []*cluster.Cluster
}

func onStage(t *testing.T, nodes int, story func(s *stage)) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{T: t, world: world.New(1)}
		for i := range nodes {
			n := s.world.Add(string(rune('a'+i)), 0)
			s.list = append(s.list, cluster.Node{ID: n.ID, Addr: n.Addr})
		}
		defer s.world.Close()
		defer func() {
			for _, c := range s.apps {
				_ = c.Close()
			}
		}()
		story(s)
	})
}

func (s *stage) instance(name string, list []cluster.Node) *cluster.Cluster {
	c, err := cluster.New(cluster.Config{
		Nodes: list, DialContext: s.world.Dialer(name), Rand: s.world.Dice(name), Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		s.Fatal(err)
	}
	s.apps = append(s.apps, c)
	return c
}

// preferred returns the nodes of the session's preference list, in its order.
func (s *stage) preferred(c *cluster.Cluster) (nodes []*world.Node) {
	places, err := c.Where(context.Background(), "session")
	if err != nil {
		s.Fatal(err)
	}
	for _, p := range places {
		for _, n := range s.world.Nodes() {
			if n.Addr == p.Node.Addr {
				nodes = append(nodes, n)
			}
		}
	}
	return nodes
}

func (s *stage) begin(c *cluster.Cluster) {
	rec := cluster.NewRecord("session")
	rec.Attrs["cart"] = []byte("1")
	if err := c.Save(context.Background(), rec); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) load(c *cluster.Cluster) *cluster.Record {
	s.Helper()
	rec, err := c.Load(context.Background(), "session")
	if err != nil {
		s.Fatalf("load: %v", err)
	}
	return rec
}

var away = world.Faults{Up: world.Lose, Down: world.Lose}

// A fallback's copy was left to expire when the session had moved on; then the
// fallback was needed again, and its copy, equal to the byte, was taken for a full one.
func TestAnExpiringOrphanThatIsNeededAgainIsKept(t *testing.T) {
	onStage(t, 3, func(s *stage) {
		c := s.instance("new list", s.list)
		list := s.preferred(c)
		var without []cluster.Node
		for _, n := range s.list {
			if n.Addr != list[0].Addr {
				without = append(without, n)
			}
		}
		before := s.instance("old list", without)
		s.begin(before)
		s.load(c) // moves the session to its new primary, and has the third copy expire
		list[1].Suffer(away)
		s.load(c) // the request in between
		time.Sleep(2 * time.Minute)
		list[0].Kill()
		list[0].Start()
		s.load(c)
	})
}

// A copy that was left to expire is old. With both home nodes out of reach it was the only
// one to answer, and was served.
func TestAnExpiringOrphanAloneIsNoSession(t *testing.T) {
	onStage(t, 3, func(s *stage) {
		c := s.instance("new list", s.list)
		list := s.preferred(c)
		var without []cluster.Node
		for _, n := range s.list {
			if n.Addr != list[0].Addr {
				without = append(without, n)
			}
		}
		s.begin(s.instance("old list", without))
		rec := s.load(c)
		rec.Attrs["cart"] = []byte("2")
		if err := c.Save(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
		list[0].Suffer(away)
		list[1].Suffer(away)
		if rec, err := c.Load(context.Background(), "session"); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("loaded %v, %v with both home nodes out of reach, want ErrUnavailable", rec, err)
		}
	})
}

// With both home nodes out of reach, fallbacks that know nothing of the session have
// acknowledged a save and a logout that nobody saw again.
func TestFallbacksWithoutACopyAcknowledgeNothing(t *testing.T) {
	onStage(t, 4, func(s *stage) {
		ctx := context.Background()
		c := s.instance("app", s.list)
		s.begin(c)
		rec := s.load(c)
		homes := s.preferred(c)[:2]
		reach := func(f world.Faults) {
			for _, n := range homes {
				n.Suffer(f)
			}
			time.Sleep(settled)
		}
		reach(away)
		rec.Attrs["cart"] = []byte("2")
		if err := c.Save(ctx, rec); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("save without home nodes: %v, want ErrUnavailable", err)
		}
		if err := c.Delete(ctx, "session"); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("delete without home nodes: %v, want ErrUnavailable", err)
		}
		if _, err := c.Load(ctx, "session"); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("load without home nodes: %v, want ErrUnavailable", err)
		}
		reach(world.Faults{})
		s.load(c)
	})
}

// Right after an outage one instance still thought both home nodes down, asked them all
// the same, and copied what they said to fallbacks: its save was acknowledged there, and
// nobody else looked.
func TestASaveRightAfterAnOutageIsSeenByAll(t *testing.T) {
	onStage(t, 4, func(s *stage) {
		late := s.instance("late", s.list)
		other := s.instance("other", s.list)
		s.begin(late)
		homes := s.preferred(late)[:2]
		reach := func(f world.Faults) {
			for _, n := range homes {
				s.world.Link("late", n).Suffer(f)
			}
		}
		reach(away)
		for range 3 { // its requests find out
			if _, err := late.Load(context.Background(), "session"); !errors.Is(err, cluster.ErrUnavailable) {
				t.Fatalf("load without home nodes: %v, want ErrUnavailable", err)
			}
		}
		time.Sleep(settled)
		reach(world.Faults{})
		rec := s.load(late)
		rec.Attrs["cart"] = []byte("2")
		if err := late.Save(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
		if got := string(s.load(other).Attrs["cart"]); got != "2" {
			t.Errorf("another instance reads %q after the save of 2", got)
		}
	})
}

// The same of a save whose load was before the outage: it finds out by itself that the
// home nodes answer again, and must not leave the change on the fallbacks that it had
// turned to first.
func TestASaveThatFindsTheOutageOverIsSeenByAll(t *testing.T) {
	onStage(t, 4, func(s *stage) {
		late := s.instance("late", s.list)
		other := s.instance("other", s.list)
		s.begin(late)
		rec := s.load(late)
		reach := func(f world.Faults) {
			for _, n := range s.preferred(other)[:2] {
				s.world.Link("late", n).Suffer(f)
			}
		}
		reach(away)
		for range 3 { // its requests find out
			if _, err := late.Load(context.Background(), "session"); !errors.Is(err, cluster.ErrUnavailable) {
				t.Fatalf("load without home nodes: %v, want ErrUnavailable", err)
			}
		}
		time.Sleep(settled)
		reach(world.Faults{})
		rec.Attrs["cart"] = []byte("2")
		if err := late.Save(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
		if got := string(s.load(other).Attrs["cart"]); got != "2" {
			t.Errorf("another instance reads %q after the save of 2", got)
		}
	})
}

// A node hung for a moment and a fallback has kept a copy; then the app gives the session
// an end that comes sooner. When the home nodes had dropped it, that copy was found, as
// the session was before, and lived on.
func TestASessionThatIsToEndSoonerDoesNotComeBack(t *testing.T) {
	onStage(t, 3, func(s *stage) {
		c := s.instance("app", s.list)
		s.begin(c)
		primary := s.preferred(c)[0]
		primary.Suffer(away)
		s.load(c)
		primary.Suffer(world.Faults{})
		time.Sleep(settled)
		rec := s.load(c)
		rec.Attrs["cart"], rec.Deadline = []byte("2"), time.Now().Add(2*time.Minute)
		if err := c.Save(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if got := string(s.load(c).Attrs["cart"]); got != "2" {
			t.Errorf("read %q before the new end", got)
		}
		time.Sleep(2 * time.Minute)
		if rec, err := c.Load(context.Background(), "session"); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("loaded %v, %v after the new end, want ErrNotFound", rec, err)
		}
	})
}

// The same by clocks nine minutes apart: the last save, by a clock that is behind, gave the
// session an earlier end than the copy that a fallback had kept.
func TestSessionsEndWhereClocksDiffer(t *testing.T) {
	r := run(t, Config{Seed: 20355, Class: Promised})
	if len(r.Violations) > 0 {
		report(t, r)
	}
	if r.Excused > 0 {
		t.Errorf("%d reads had to be forgiven", r.Excused)
	}
}
