package sim

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

var updateSeedsFlag = flag.Int("update-seeds", 4, "run this many seeds of classes promised and idle with users of Update and Lock")

// No change by Update, or with a lock, is lost: what was acknowledged is there, once, whatever fails.
func TestSimulationOfUpdates(t *testing.T) {
	var mu sync.Mutex
	var total ChainCount
	broken := map[check.Rule]int{}
	t.Run("seeds", func(t *testing.T) {
		for _, class := range []Class{Promised, Idle} {
			if *classFlag != "" && Class(*classFlag) != class {
				continue
			}
			first, n := *firstFlag, *updateSeedsFlag
			if *seedFlag != 0 {
				first, n = *seedFlag, 1
			}
			for i := range n {
				t.Run(fmt.Sprintf("%s/%d", class, first+uint64(i)), func(t *testing.T) {
					t.Parallel()
					r := run(t, Config{Seed: first + uint64(i), Class: class, Only: *onlyFlag, Updates: true})
					mu.Lock()
					total.Add(r.Chains)
					for _, v := range r.Violations {
						broken[v.Rule]++
					}
					mu.Unlock()
					if len(r.Violations) > 0 {
						report(t, r)
						t.Log(r.chains.print(r.Violations[0].Key))
					}
				})
			}
		}
	})
	t.Logf("%+v, broken: %v", total, broken)
}

// What the check of chains finds.
func TestChainsThatLackALink(t *testing.T) {
	add := func(name string, o check.Outcome) link {
		return link{attr: "chain", name: name, outcome: o, call: 1, ret: 2}
	}
	read := func(names ...string) link { return link{attr: "chain", call: 3, ret: 4, seen: names} }
	for _, c := range []struct {
		what   string
		links  []link
		broken bool
	}{
		{"all are there", []link{add("a", check.OK), add("b", check.Unknown), read("b", "a")}, false},
		{"what is not known is not there", []link{add("a", check.OK), add("b", check.Unknown), read("a")}, false},
		{"one is lost", []link{add("a", check.OK), add("b", check.OK), read("a")}, true},
		{"one is there twice", []link{add("a", check.OK), read("a", "a")}, true},
		{"one is there that was refused", []link{add("a", check.Refused), read("a")}, true},
		{"one was added after the read began", []link{{attr: "chain", name: "a", call: 3, ret: 5}, read()}, false},
	} {
		if _, broken := verifyChain("k", "chain", c.links); broken != c.broken {
			t.Errorf("%s: %v", c.what, broken)
		}
	}
}

// A run in which a change was lost says so: the chain that a load has shown is taken out of what it
// read, and what it lacks is named, with its session and its chain.
func TestARunThatLacksALinkNamesIt(t *testing.T) {
	cs := &chains{links: map[string][]link{}}
	for _, key := range []string{"k1", "k2"} {
		for _, attr := range chainAttrs {
			cs.add(key, link{attr: attr, name: "a", outcome: check.OK, call: 1, ret: 2, process: "i1"})
			cs.add(key, link{attr: attr, name: "b", outcome: check.OK, call: 3, ret: 4, process: "i2"})
		}
	}
	load := func(key, chain, guarded string, o check.Outcome, ret int) {
		op := &check.Op{Client: "i3", Key: key, Kind: check.Load, Outcome: o, Call: 10, Return: check.Never, Read: map[string]string{"own": "1"}}
		if ret > 0 {
			op.Return = 11
		}
		if chain != "" {
			op.Read["chain"] = chain
		}
		if guarded != "" {
			op.Read["guarded"] = guarded
		}
		cs.take(op)
		if len(op.Read) != 1 || op.Read["own"] != "1" {
			t.Errorf("left of what was read: %v", op.Read)
		}
	}
	load("k1", "a,b", "a,b", check.OK, 1)
	load("k2", "a,b", "b,a", check.OK, 1)
	load("k1", "a", "", check.Unknown, 1) // what failed, or was heard by nobody, proves nothing
	load("k1", "", "", check.NotFound, 1)
	load("k1", "a", "a", check.OK, 0)
	if bad := cs.verify(); len(bad) != 0 {
		t.Fatalf("nothing is lost, yet: %v", bad)
	}
	load("k1", "a,b", "a", check.OK, 1)
	load("k2", "", "a,b", check.OK, 1)
	r := &Result{chains: cs, History: &check.History{}}
	r.History.Add(check.Op{Client: "i1", Key: "k3", Kind: check.Save, Call: 1, Return: 2, Write: map[string]string{"own": "k3~own~1~"}})
	r.History.Add(check.Op{Client: "i1", Key: "k3", Kind: check.Save, Call: 3, Return: 4, Write: map[string]string{"own": "k3~own~2~"}})
	r.History.Add(check.Op{Client: "i1", Key: "k3", Kind: check.Load, Call: 5, Return: 6, Read: map[string]string{"own": "k3~own~1~"}})
	r.Judge()
	var got []string
	for _, v := range r.Violations {
		got = append(got, fmt.Sprint(v.Rule, " ", v.Key, " ", v.Attr))
	}
	want := []string{"lost update k1 guarded", "lost update k2 chain", "stale k3 own"}
	if !slices.Equal(got, want) || r.Chains.Lost != 2 {
		t.Errorf("named: %q and %d lost, want %q", got, r.Chains.Lost, want)
	}
}
