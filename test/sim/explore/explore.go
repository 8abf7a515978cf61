package explore

import (
	"fmt"
	"hash/fnv"
	"sort"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides which schedules are run.

// Scope is what is explored.
type Scope struct {
	Name string
	// Actors are parallel requests, each over an instance of its own: a list of
	// "load", "save x" (attribute x), "remove x", "delete" and "end", separated by commas; or "heal": a pass
	// over all keys for the faulty node, or else the primary. "raise" is an update; "guard" the same by a load and
	// a save with the lock, which "lock" takes and "unlock" gives back. "show @0" and "put x@0" are requests of
	// the client to the instance of the first actor, by its local copy. At
	// "end" the actor waits until the session has ended by itself, which it does when all wait.
	// Every actor has loaded the session before, unless it loads by itself.
	Actors []string
	// Together is how many of the first actors share one instance. They begin one after the
	// other, when all wait.
	Together int
	// From and To are two lists of nodes, as places in the preference list of all four: a change from one
	// to the other is under way. The instances of the first Moved actors have both lists in force, those of
	// the others have not heard of it. Without them all have one list.
	From, To []int
	Moved    int
	// Faulty is the node whose commands may go wrong: 0 primary, 1 backup, -1 none.
	Faulty int
	// Losses is how many commands may go wrong: they time out, and arrive at any
	// later moment or never.
	Losses int
	// Restarts is how often the faulty node may lose its memory and its connections.
	Restarts int
	// Rolling has the first of these restarts hit the faulty node, the next one the other home
	// node, and so on, each after a whole operation since the one before: the session has been
	// asked for in between, by somebody who began after the restart and after what was under way
	// then was acknowledged.
	Rolling bool
	// Ordered tells states apart by the order in which an actor has heard its answers.
	// Without it what was heard counts, which makes a tenth of the states: parallel
	// commands are taken to be looked at when all of them are answered.
	Ordered bool
	// Local gives the instances local copies. All actors are tabs of one browser then, which brings the
	// version that the latest answer has carried. Each instance has shown it the session before.
	Local cluster.Local
	// Moments is how often two thirds of a Timeout may pass, whatever is under way.
	// Otherwise no time does, unless all wait for it.
	Moments int
	// Ahead is by how much each actor's clock is ahead of that of the one before it.
	Ahead time.Duration
	// Most bounds the schedules. If zero there is no bound.
	Most int
	// Progress, if not nil, is called now and then in long explorations.
	Progress func(soFar *Result)

	plodding bool // runs also what differs only in the order of events that commute
}

// Result is what an exploration found.
type Result struct {
	Scope     Scope
	Schedules int // that were run, those included that met a known state
	Complete  int // that were run to the end
	States    int
	Deepest   int  // choices in one schedule
	Cut       bool // Scope.Most was reached
	// Failed is the first schedule that broke a promise, nil if none did.
	Failed     []string
	Violations []check.Violation
	History    *check.History
}

func (r *Result) String() string {
	s := r.Scope
	fault := "no fault"
	if s.Faulty >= 0 && s.Losses+s.Restarts > 0 {
		fault = fmt.Sprintf("%d lost or late and %d restarts at the %s", s.Losses, s.Restarts, [...]string{"primary", "backup", "fallback"}[s.Faulty])
	}
	if s.Rolling {
		fault += ", and then at the other home"
	}
	if s.To != nil {
		fault += fmt.Sprintf(", the list changes from %v to %v, which %d know", s.From, s.To, s.Moved)
	}
	if s.Local != (cluster.Local{}) {
		fault += ", local copies"
	}
	if s.Local.WriteBehind {
		fault += " written behind"
	}
	if s.Moments > 0 {
		fault += fmt.Sprintf(", %d moments that pass", s.Moments)
	}
	if s.Ordered {
		fault += ", answers in every order"
	}
	end := "all"
	if r.Cut {
		end = "NOT all"
	}
	return fmt.Sprintf("%-28s [%s] %s: %d schedules (%d to the end), %d states, up to %d choices, %s of them",
		s.Name, strings.Join(s.Actors, " | "), fault, r.Schedules, r.Complete, r.States, r.Deepest, end)
}

// Explore runs all schedules of the scope. Bubble runs f in a synctest bubble.
func Explore(s Scope, bubble func(f func())) *Result {
	r := &Result{Scope: s}
	var set *setting
	bubble(func() { set = prepare(s) })
	known := seen{}
	var path []branch
	for {
		run := &run{scope: s, setting: set, path: path, known: known}
		bubble(run.do)
		r.Schedules++
		if run.complete {
			r.Complete++
			if v := run.judge(); len(v) > 0 {
				r.Failed, r.Violations, r.History = run.log, v, run.hist
				break
			}
		}
		path = run.path
		r.Deepest = max(r.Deepest, len(path))
		if path = next(path); path == nil {
			break
		}
		if r.States = len(known); s.Progress != nil && r.Schedules%50_000 == 0 {
			s.Progress(r)
		}
		if s.Most > 0 && r.Schedules >= s.Most {
			r.Cut = true
			break
		}
	}
	r.States = len(known)
	return r
}

// judge looks at a complete run. Where commands may go wrong and clocks differ, a save
// counts as begun with the actor's load; otherwise the later save has to win.
func (r *run) judge() []check.Violation {
	skew := time.Duration(0)
	if r.scope.Losses+r.scope.Restarts > 0 {
		skew = 1
	}
	return append(r.broken, r.hist.Verify(check.Options{Skew: skew, Final: r.final, Linear: 10 * time.Second})...)
}

func hashOf(parts ...any) uint64 {
	h := fnv.New64a()
	for _, p := range parts {
		fmt.Fprintf(h, "%v\x00", p)
	}
	return h.Sum64()
}

func sorted(m map[string]string) string {
	lines := make([]string, 0, len(m))
	for k, v := range m {
		lines = append(lines, k+"="+v)
	}
	sort.Strings(lines)
	return strings.Join(lines, "\n")
}
