package cluster

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// This story tells what a node costs over minutes that says its version to whoever asks, and to
// everything else nothing: it looks well to each probe, and each command to it costs a Timeout.

// crowd are users who come all at once, again and again, and what they paid.
type crowd struct {
	*world
	c *Cluster

	mu     sync.Mutex // guards below
	waits  map[string][]time.Duration
	asked  map[string]int
	failed []error
}

// pays notes what a request of that kind took.
func (u *crowd) pays(kind string, do func() error) {
	began := time.Now()
	err := do()
	took := time.Since(began)
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.asked[kind]++; took > 0 {
		u.waits[kind] = append(u.waits[kind], took)
	}
	if err != nil {
		u.failed = append(u.failed, fmt.Errorf("%s: %w", kind, err))
	}
}

// visit is one user: the turn-th who has a session, one who logs in and out, and one with an id
// that is nobody's.
func (u *crowd) visit(turn, member int) {
	ctx := context.Background()
	id := fmt.Sprint("user", member)
	var r *Record
	u.pays("load", func() (err error) {
		r, err = u.c.Load(ctx, id)
		return err
	})
	if r == nil {
		return
	}
	r.Attrs["a"] = fmt.Append(nil, turn)
	u.pays("save", func() error { return u.c.Save(ctx, r) })
	if turn%10 == 0 {
		in := newcomer(fmt.Sprint("in", turn, "of", member))
		u.pays("login", func() error { return u.c.Save(ctx, in) })
		u.pays("logout", func() error { return u.c.Delete(ctx, in.Key()) })
		u.pays("invented", func() error {
			if _, err := u.c.Load(ctx, fmt.Sprint("invented", turn, "of", member)); !isErr(err, ErrNotFound) {
				return fmt.Errorf("%w, and not: no session", err)
			}
			return nil
		})
	}
}

// most fails where more requests of the kinds waited, or one for longer.
func (u *crowd) most(waits int, long time.Duration, kinds ...string) {
	u.Helper()
	all, n, longest := 0, 0, time.Duration(0)
	for _, kind := range kinds {
		all += u.asked[kind]
		for _, took := range u.waits[kind] {
			n, longest = n+1, max(longest, took)
		}
	}
	if n > waits || longest > long {
		u.Errorf("%d of %d requests (%v) waited, want at most %d, and the longest took %v, want at most %v", n, all, kinds, waits, longest, long)
	}
}

// besideHanging has such a crowd come for some minutes while a node hangs on what the policy says.
// It returns the changes of the node's state.
func besideHanging(w *world, place, size int, p policy, check func(u *crowd, h *hostileNode, n NodeStatus, states func() string)) {
	w.Helper()
	h := &hostileNode{policy: truthfully(p)}
	var mu sync.Mutex
	var states []string
	id := w.preference("s")[place].ID()
	c := w.cluster(Config{DialContext: w.takeOver(place, "s", h), UnknownPerSecond: -1, OnNodeState: func(s NodeStatus) {
		mu.Lock()
		defer mu.Unlock()
		if s.ID == id {
			states = append(states, s.State.String())
		}
	}})
	u := &crowd{world: w, c: c, waits: map[string][]time.Duration{}, asked: map[string]int{}}
	for i := range members {
		w.create(c, fmt.Sprint("user", i), "a=0")
	}
	h.turned.Store(true)
	h.asked.Store(0)
	for turn, began := 0, time.Now(); time.Since(began) < minutes*time.Minute; turn++ {
		var wait sync.WaitGroup
		for i := range size {
			wait.Go(func() { u.visit(turn, (turn*size+i)%members) })
		}
		wait.Wait()
		time.Sleep(300 * time.Millisecond)
	}
	for _, err := range u.failed {
		w.Error(err)
	}
	for _, s := range c.Nodes() {
		if s.ID == id {
			check(u, h, s, func() string {
				mu.Lock()
				defer mu.Unlock()
				return strings.Join(states, " ")
			})
		} else if s.State != StateUp {
			w.Errorf("%s is %v", s.ID, s.State)
		}
	}
}

const (
	members = 60 // who have a session
	minutes = 1
)

// everyPlace runs a story on two and on three nodes, for each place of the node that hangs, with a
// user at a time and with so many at once.
func everyPlace(t *testing.T, many int, test func(w *world, place, size int)) {
	for _, nodes := range []int{2, 3} {
		for place := range nodes {
			if place != nodes-2 && !*long { // a primary, and a backup before a fallback
				continue
			}
			for _, size := range []int{1, many} {
				if size == 1 || !testing.Short() {
					t.Run(fmt.Sprintf("place %d of %d, %d at once", place+1, nodes, size), func(t *testing.T) {
						story(t, nodes, func(w *world) { test(w, place, size) })
					})
				}
			}
		}
	}
}

func TestANodeThatSaysOnlyItsVersionCostsFewRequestsAWait(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: minutes of virtual time under a crowd, in every place")
	}
	everyPlace(t, 20, func(w *world, place, size int) {
		silent := always(lie{then: fallsSilent})
		besideHanging(w, place, size, policy{reads: silent, writes: silent, deletes: silent}, func(u *crowd, h *hostileNode, n NodeStatus, states func() string) {
			// Whoever comes while the node is found out, twice, waits for a Timeout. A session of
			// which a copy lies there is asked for once more, for a quarter of one.
			u.most(4*size+members, aWait(size), "load", "save", "login", "logout")
			u.most(4*size, aWait(size), longer(u, DefaultTimeout/4, "load", "save", "login", "logout", "invented"))
			// So is an id of nobody, since somebody else may know the node to be up.
			u.most(u.asked["invented"], aWait(size), "invented")
			if n.State != StateDown || len(strings.Fields(states())) > 6 {
				w.Errorf("it is %v, its states were %s", n.State, states())
			}
			// Three lines say of each node that it becomes whole, at the start.
			if lines := strings.Count(w.logs.String(), "\n"); lines > 3*w.env.Len()+6 || len(linesIn(w.logs, "node is down")) == 0 {
				w.Errorf("in %d minutes it logged %s", minutes, w.logs)
			}
			// Two commands a probe, at most five probes a second at first, one a second later.
			if most := 2*2*minutes*60 + 2*u.asked["invented"] + members + 8*size; int(h.asked.Load()) > most {
				w.Errorf("it was asked %d times, want at most %d", h.asked.Load(), most)
			}
			// It serves again: it is up by itself, and what was saved meanwhile is there.
			h.turned.Store(false)
			time.Sleep(5 * time.Second)
			if got := states(); !strings.HasSuffix(got, "down up") {
				w.Errorf("now that it serves, its states were %s", got)
			}
			for i := range members {
				u.visit(1, i)
			}
			if len(u.failed) > 0 {
				w.Errorf("now that it serves: %v", u.failed)
			}
		})
	})
}

// aWait is the longest that one request may wait: where others stand in line at the node, as long
// again.
func aWait(size int) time.Duration {
	if size > 1 {
		return 2*DefaultTimeout + betweenRounds
	}
	return DefaultTimeout + betweenRounds
}

// longer collects the waits of all these kinds that were longer than that, as a kind of its own.
func longer(u *crowd, than time.Duration, kinds ...string) string {
	const all = "longer"
	for _, kind := range kinds {
		for _, took := range u.waits[kind] {
			if took > than {
				u.waits[all] = append(u.waits[all], took)
			}
		}
		u.asked[all] += u.asked[kind]
	}
	return all
}

// What hangs on some commands and not on others is no node that is down, and nothing tells the
// one who does so on purpose: by the key that probes ask for, by the kind of command. Each request
// may cost a Timeout, and now and then two, for as long as it goes on; it succeeds, and the node's Timeouts tell which it is.
func TestANodeThatHangsOnSomeCommandsCostsEachRequestATimeoutOrTwo(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: minutes of virtual time under a crowd, in every place")
	}
	silent := always(lie{then: fallsSilent})
	for name, p := range map[string]policy{
		"serves probes": {reads: silent, writes: silent, deletes: silent, probes: always(truth)},
		"serves reads":  {writes: silent, deletes: silent},
		"serves writes": {reads: silent, probes: always(truth)},
	} {
		t.Run(name, func(t *testing.T) {
			everyPlace(t, 5, func(w *world, place, size int) {
				besideHanging(w, place, size, p, func(u *crowd, _ *hostileNode, n NodeStatus, _ func() string) {
					for kind, asked := range u.asked {
						u.most(asked, 2*aWait(size), kind)
					}
					if n.Timeouts < minutes*60/10 {
						w.Errorf("nobody is told: %+v", n)
					}
					if lines := strings.Count(w.logs.String(), "\n"); lines > 2*minutes*60 {
						w.Errorf("in %d minutes it logged %d lines", minutes, lines)
					}
				})
			})
		})
	}
}
