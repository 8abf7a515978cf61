package main

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what is counted.

// counts is what one way to keep sessions went through in all rounds of one fault.
type counts struct {
	requests  int // sent
	saves     int // attempted: logins, changes, removals and logouts
	acked     int // of them: answered with success
	unknown   int // of them: failed, and may have happened all the same
	refused   int // of them: too large, and known not to have happened
	shown     int // error pages, those for too large a session aside
	cut       int // requests whose instance died under them
	parallel  int // acknowledged changes of a session that were made three at a time
	shapeless int // of them: of values whose bytes say nothing
	overtook  int // acknowledged logouts that began and ended while a slow request of the session ran
	lost      int // acknowledged changes that were gone after healing
	stale     int // acknowledged changes that a read missed while the fault lasted
	revived   int // sessions that lived on after an acknowledged logout
	absent    int // "nobody is logged in" to somebody who is
	foreign   int // values that nobody wrote there
	diverged  int // sessions whose copies were not equal in the end
	doubted   int // nodes that an instance took for down
	commands  uint64
	merged    uint64
	latencies []time.Duration // of requests begun during the fault
	first     time.Duration   // the longest that one user waited for a first success
	equal     time.Duration   // from healing to equal copies on all nodes, at most
	whole     time.Duration   // from healing until every node was whole, at most
	rounds    int
	raising   // with -updates
	price     // with -sticky
}

// broken is how many promises were broken.
func (c *counts) broken() int {
	return c.lost + c.stale + c.revived + c.absent + c.foreign + c.diverged
}

// undone is how many of 100 acknowledged saves were lost or missed.
func (c *counts) undone() float64 { return 100 * float64(c.lost+c.stale) / float64(max(c.acked, 1)) }

// add sums two counts up.
func (c *counts) add(o *counts) {
	c.requests += o.requests
	c.saves += o.saves
	c.acked += o.acked
	c.unknown += o.unknown
	c.refused += o.refused
	c.shown += o.shown
	c.cut += o.cut
	c.parallel += o.parallel
	c.shapeless += o.shapeless
	c.overtook += o.overtook
	c.lost += o.lost
	c.stale += o.stale
	c.revived += o.revived
	c.absent += o.absent
	c.foreign += o.foreign
	c.diverged += o.diverged
	c.doubted += o.doubted
	c.commands += o.commands
	c.merged += o.merged
	c.latencies = append(c.latencies, o.latencies...)
	c.first = max(c.first, o.first)
	c.equal = max(c.equal, o.equal)
	c.whole = max(c.whole, o.whole)
	c.rounds = max(c.rounds, o.rounds)
	c.raising.add(&o.raising)
	c.price.add(&o.price)
}

// percentile returns the latency below which that share of the requests stayed.
func (c *counts) percentile(share float64) time.Duration {
	if len(c.latencies) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(c.latencies))
	return sorted[min(len(sorted)-1, int(share*float64(len(sorted))))]
}

// phase is one fault and what follows until the next.
type phase struct {
	*fault
	begin  time.Duration
	struck time.Duration // when an outage was there, with -sticky; Never until then
	healed time.Duration // Never until then
	reads  time.Duration // when the full check began; Never until then
}

// tally is the count of a run. Its methods may be called by several goroutines.
type tally struct {
	start time.Time

	mu       sync.Mutex // guards below
	phases   []*phase
	faults   map[string]map[kind]*counts
	broken   []string       // the first few broken promises, for people
	pages    map[string]int // error pages, by what they said
	thrown   int            // evictions by nodes under pressure
	torn     int            // sessions that were found half written when an instance had died
	stalls   time.Duration  // the longest time for which an instance did not run
	logged   map[kind]int   // errors that the HTTP servers of instances logged
	ordered  int            // sessions of which an order of their requests was searched
	tooLong  int            // sessions that were too long for that
	idle     map[kind]*idleCounts
	refusals []string // why nodes were not whole in time, or not drained
}

func newTally() *tally {
	return &tally{start: time.Now(), faults: map[string]map[kind]*counts{}, pages: map[string]int{}, logged: map[kind]int{}, idle: map[kind]*idleCounts{}}
}

// now is the time since the start of the run, which all histories count in.
func (t *tally) now() time.Duration { return time.Since(t.start) }

// begin starts the next phase.
func (t *tally) begin(f *fault) *phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := &phase{fault: f, begin: t.now(), struck: check.Never, healed: check.Never, reads: check.Never}
	t.phases = append(t.phases, p)
	return p
}

// strike notes that an outage is there: what was asked before may have met it half way.
func (t *tally) strike(p *phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.struck = t.now()
}

func (t *tally) heal(p *phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.healed = t.now()
}

func (t *tally) check(p *phase) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p.reads = t.now()
}

// whole notes that every node was seen to be whole; while a fault lasts that does not count.
func (t *tally) whole(p *phase, k kind) {
	now := t.now()
	t.count(p.begin, k, func(c *counts, _ *phase) {
		if p.healed < now {
			c.whole = max(c.whole, now-p.healed)
		}
	})
}

// phaseAt returns the phase of that moment.
func (t *tally) phaseAt(at time.Duration) *phase {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.atLocked(at)
}

// atLocked returns the phase of that moment.
func (t *tally) atLocked(at time.Duration) *phase {
	for _, p := range slices.Backward(t.phases) {
		if p.begin <= at {
			return p
		}
	}
	return t.phases[0]
}

func (t *tally) countsLocked(fault string, k kind) *counts {
	if t.faults[fault] == nil {
		t.faults[fault] = map[kind]*counts{}
	}
	c := t.faults[fault][k]
	if c == nil {
		c = &counts{}
		t.faults[fault][k] = c
	}
	return c
}

// count lets f count what belongs to that moment.
func (t *tally) count(at time.Duration, k kind, f func(c *counts, p *phase)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.atLocked(at)
	f(t.countsLocked(p.name, k), p)
}

// tell keeps a broken promise, for people.
func (t *tally) tell(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.broken) < 10 {
		t.broken = append(t.broken, text)
	}
}

// evict counts what nodes threw out.
func (t *tally) evict(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.thrown += n
}

// tear counts sessions that were found half written.
func (t *tally) tear(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.torn += n
}

// stall notes for how long an instance did not run.
func (t *tally) stall(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stalls = max(t.stalls, d)
}

// log counts errors that the HTTP servers of instances logged.
func (t *tally) log(k kind, n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.logged[k] += n
}

// said counts an error page that this library was the reason of.
func (t *tally) said(at time.Duration, k kind, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if k.promising() && len(t.pages) < 100 {
		t.pages[t.atLocked(at).name+": "+text]++
	}
}

// total sums the faults up that pass the filter.
func (t *tally) total(k kind, pass func(f *fault) bool) *counts {
	t.mu.Lock()
	defer t.mu.Unlock()
	sum := &counts{}
	for _, f := range everyFault {
		if c := t.faults[f.name][k]; c != nil && pass(f) {
			sum.add(c)
		}
	}
	return sum
}
