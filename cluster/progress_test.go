package cluster

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// One process heals a node. How far it is can be seen in that process and, by the node's marker, in
// another; and it is forgotten when the node is whole.
func TestHowFarAPassIsCanBeSeenByEveryProcess(t *testing.T) {
	story(t, 3, func(w *world) {
		healer := w.cluster(Config{HealPerSecond: 20})
		other := w.cluster(Config{HealPerSecond: -1})
		const sessions = 600
		for i := range sessions {
			w.create(healer, fmt.Sprintf("s%d", i), "a=1")
		}
		n := w.env.Node(1)
		n.Restart()
		w.load(healer, "s1")
		statusIn := func(c *Cluster) NodeStatus { return c.Nodes()[1] }
		for _, c := range []*Cluster{healer, other} {
			seen := map[int]bool{}
			for range 200 {
				time.Sleep(100 * time.Millisecond)
				s := statusIn(c)
				if s.ToRestore == 0 {
					continue
				}
				if s.Whole || s.Restored > s.ToRestore || s.ToRestore > sessions || s.ToRestore < sessions/3 {
					w.Fatalf("%+v", s)
				}
				if !strings.Contains(s.Reason, fmt.Sprint("of ", s.ToRestore)) && len(seen) > 3 {
					w.Errorf("the reason does not say so: %q", s.Reason)
				}
				seen[s.Restored] = true
				if len(seen) > 3 {
					break
				}
			}
			if len(seen) < 3 {
				w.Fatalf("nothing was seen of a pass: %+v", statusIn(c))
			}
		}
		if err := other.WaitWhole(w.Context()); err != nil {
			w.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		for _, c := range []*Cluster{healer, other} {
			if s := statusIn(c); s.ToRestore != 0 || s.Restored != 0 || !s.Whole {
				w.Errorf("afterwards: %+v", s)
			}
		}
	})
}
