package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/placement"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

func zoned(zones string) (nodes []Node) {
	seen := map[rune]int{}
	for _, z := range zones {
		seen[z]++
		id := fmt.Sprintf("%c%d", z, seen[z])
		nodes = append(nodes, Node{ID: id, Addr: id + ":1", Zone: string(z)})
	}
	return nodes
}

// Whatever one node or one zone is down, the targets lie in as many zones as are left, and among the
// first 2 × Replicas nodes of the preference list, where every read looks.
func TestTargetsLieInZones(t *testing.T) {
	const replicas = 2
	for _, zones := range []string{"aabb", "aaaab", "aabbcc", "aaabc", "abc", "aab"} {
		nodes := zoned(zones)
		p := placement.New(placed(nodes))
		all := make([]*node, len(nodes))
		for i, n := range nodes {
			all[i] = &node{Node: n}
		}
		for k := range 500 {
			key := record.KeyOf(fmt.Sprint(k))
			order := p.Preference(key, len(nodes), nil)
			for _, down := range append(strings.Split(zones, ""), idsOf(nodes)...) {
				var list []candidate
				left := map[string]bool{}
				for _, i := range order {
					c := candidate{node: all[i], zone: nodes[i].Zone}
					if nodes[i].ID == down || nodes[i].Zone == down {
						c.state = StateDown
					} else {
						left[nodes[i].Zone] = true
					}
					list = append(list, c)
				}
				ts := targets(list, replicas, nil)
				got := map[string]bool{}
				for _, n := range ts {
					got[n.Zone] = true
				}
				if len(got) != min(replicas, len(left)) {
					t.Fatalf("%s, %s is down: targets %v of %v", zones, down, ts, list)
				}
				if near := targets(list[:min(2*replicas, len(list))], replicas, nil); !slices.Equal(near, ts) {
					t.Fatalf("%s, %s is down: %v lie further than %v", zones, down, ts, near)
				}
			}
		}
	}
}

func idsOf(nodes []Node) (ids []string) {
	for _, n := range nodes {
		ids = append(ids, n.ID)
	}
	return ids
}

// Homes that are up are the targets, whatever zones there are: a standby node in a zone of its own
// is neither, and a load of a session that lies where it belongs is not wide.
func TestHomesThatAreUpAreTheTargets(t *testing.T) {
	const replicas = 2
	for _, zones := range []string{"aaB", "aa-", "aaBB", "aAB", "aAAB", "aabB", "AB", "aaabBC"} {
		var nodes []Node
		for i, z := range zones {
			nodes = append(nodes, Node{ID: fmt.Sprint("n", i), Zone: strings.ToLower(strings.Trim(string(z), "-")), Standby: z < 'a'})
		}
		p := placement.New(placed(nodes))
		all := make([]*node, len(nodes))
		for i, n := range nodes {
			all[i] = &node{Node: n}
		}
		for k := range 200 {
			var list []candidate
			for _, i := range p.Preference(record.KeyOf(fmt.Sprint(k)), len(nodes), nil) {
				list = append(list, candidate{node: all[i], zone: nodes[i].Zone})
			}
			ts := targets(list, replicas, nil)
			if len(ts) != replicas || ts[0] != list[0].node || ts[1] != list[1].node {
				t.Fatalf("%s: targets %v of %v", zones, ts, list)
			}
			if zones[0] == 'a' && zones[1] == 'A' && ts[1].Zone != "b" {
				t.Fatalf("%s: both copies lie in one zone: %v", zones, ts)
			}
		}
	}
}

// Zones come to a list that has none. The servers stay the same, and sessions move so that their copies
// lie in two zones.
func TestServersGetZones(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		for i := range 50 {
			w.create(c, fmt.Sprint("s", i), "a=1")
		}
		nodes := w.nodesOf(0, 1, 2, 3)
		for i := range nodes {
			nodes[i].Zone = string(rune('a' + i%2))
		}
		if err := c.SetNodes(nodes); err != nil {
			w.Fatal(err)
		}
		if s := c.Nodes(); len(s) != 4 || s[1].Zone != "b" {
			w.Errorf("%+v", s)
		}
		for i := range 50 {
			w.change(c, fmt.Sprint("s", i), "b", "1")
		}
		w.settles(c)
		w.env.Node(0).Kill()
		w.env.Node(2).Kill()
		for i := range 50 {
			w.sees(c, fmt.Sprint("s", i), "a=1 b=1")
		}
	})
}

// Four nodes in two zones, and both nodes of one are killed at once.
func TestAZoneIsLost(t *testing.T) {
	for lost := range 2 {
		story(t, 4, func(w *world) {
			nodes := w.nodesOf(0, 1, 2, 3)
			for i := range nodes {
				nodes[i].Zone = string(rune('a' + i%2))
			}
			c := w.cluster(Config{Nodes: nodes})
			for i := range 50 {
				w.create(c, fmt.Sprint("s", i), "a=1")
			}
			w.env.Node(lost).Kill()
			w.env.Node(lost + 2).Kill()
			for i := range 50 {
				w.sees(c, fmt.Sprint("s", i), "a=1")
				w.change(c, fmt.Sprint("s", i), "a", "2")
			}
		})
	}
}

// The list follows what Discover says, with prudence.
func TestTheListFollowsDiscover(t *testing.T) {
	story(t, 4, func(w *world) {
		var source atomic.Pointer[func() ([]Node, error)]
		say := func(f func() ([]Node, error)) { source.Store(&f) }
		say(func() ([]Node, error) { return w.nodesOf(0, 1, 2), nil })
		c := w.cluster(Config{Discover: func(context.Context) ([]Node, error) { return (*source.Load())() }})
		if len(c.Nodes()) != 4 { // world.cluster has set all nodes
			w.Fatal(c.Nodes())
		}
		w.create(c, "s", "a=1")
		has := func(id string) bool {
			return slices.ContainsFunc(c.Nodes(), func(s NodeStatus) bool { return s.ID == id && !s.Leaving })
		}
		gone := w.nodesOf(3)[0].ID
		time.Sleep(2 * DefaultDiscoverEvery)
		if !has(gone) {
			w.Error("a node is dropped that was absent twice")
		}
		time.Sleep(2 * DefaultDiscoverEvery)
		if has(gone) {
			w.Error("a node is kept that was absent four times")
		}
		for _, bad := range []func() ([]Node, error){
			func() ([]Node, error) { return nil, nil },
			func() ([]Node, error) { return nil, errors.New("no answer") },
			func() ([]Node, error) { panic("boom") },
		} {
			before := fmt.Sprint(idsOf(w.nodesOf(0, 1, 2)))
			say(bad)
			time.Sleep(5 * time.Minute)
			for _, id := range idsOf(w.nodesOf(0, 1, 2)) {
				if !has(id) {
					w.Errorf("%s is gone of %s", id, before)
				}
			}
		}
		w.sees(c, "s", "a=1")
	})
}

func TestDiscoverIsAskedWhenThereIsNoList(t *testing.T) {
	_, err := New(Config{Discover: func(context.Context) ([]Node, error) { return nil, errors.New("the source is gone") }})
	if err == nil || !strings.Contains(err.Error(), "the source is gone") {
		t.Error(err)
	}
	_, err = New(Config{Nodes: manyNodes(2), DiscoverEvery: time.Hour, Discover: func(context.Context) ([]Node, error) { return nil, nil }})
	if err == nil || !strings.Contains(err.Error(), "TransitionFor") {
		t.Error(err)
	}
	for text, want := range map[string]string{"srv": "want", "nonsense:x": "want", "file:": "want"} {
		_, err := ConfigFromEnv(func(name string) string {
			return map[string]string{"MEMCACHED_DISCOVERY": text}[name]
		})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "MEMCACHED_DISCOVERY") {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"srv:_memcached._tcp.example.org", "elasticache:c.example.org:11211", "file:/nodes"} {
		cfg, err := ConfigFromEnv(func(name string) string {
			return map[string]string{"MEMCACHED_DISCOVERY": text}[name]
		})
		if err != nil || cfg.Discover == nil {
			t.Errorf("%s: %v", text, err)
		}
	}
}
