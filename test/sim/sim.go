package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides what one run is: its nodes, instances, users, and its end.

// Class says which faults a run has.
type Class string

const (
	// Promised: one fault after another, and between any two a request to every
	// session. Nothing may be lost and no user may see an error.
	Promised Class = "promised"
	// Idle: one fault after another, and between any two every node becomes whole, most of the
	// time without a request. Nothing may be lost, and no user may see an error.
	Idle Class = "idle"
	// Beyond: faults overlap at will. What is lost is counted.
	Beyond Class = "beyond"
)

// Config is what a run follows from.
type Config struct {
	Seed  uint64
	Class Class
	// Rounds is the number of faults. If zero, 6 is used.
	Rounds int
	// Only, if not empty, has faults of this name only.
	Only string
	// Updates has users use Update and Lock as well.
	Updates bool
	// Heal is the HealPerSecond of every instance. If zero, the default is used.
	Heal int
}

// Result is what came of a run.
type Result struct {
	Config     Config
	History    *check.History
	Violations []check.Violation
	Excused    int // stale reads of sessions that had ended by some clocks
	Virtual    time.Duration
	Awake      time.Duration // of it, with users at work
	Faults     int
	Tally      Tally
	Stats      cluster.Stats // summed over all instances
	Chains     ChainCount
	chains     *chains

	skew, ahead, slack, final time.Duration
	outages                   []outage
}

// outage is a time in which no node can be reached, and the grace after it.
type outage struct{ from, to time.Duration }

const (
	timeout = cluster.DefaultTimeout
	settled = 4 * time.Second // by then every prober has found what is up
	// grace is for how long after an outage of all nodes instances may disagree on who
	// is up: a probe times out, the next comes a second later, and two must be answered.
	grace     = 2 * time.Second
	maxRecord = 64 << 10
	maxOps    = 60 // of one session, so that its history can be ordered
	grain     = 2 * time.Millisecond
)

// sim is one run under way. It lives in a bubble.
type sim struct {
	cfg    Config
	rng    *rand.Rand // of the director, who is one goroutine
	start  time.Time
	world  *world.World
	hist   *check.History
	insts  []*instance
	users  []*user
	list   []cluster.Node
	tally  *tallies
	chains *chains
	skew   time.Duration // between the clocks of any two instances, at most
	ahead  time.Duration // of the clock that is ahead of all
	slack  time.Duration // Config.RefreshSlack of every instance
	nodeNo int
	hidden map[string]bool // addresses of nodes that a fault takes away from all

	outages []outage
	faults  int           // so far
	awake   time.Duration // how long users were at work, until they were last let in
	opened  time.Duration // when that was
	final   time.Duration
	extra   []check.Violation
	old     sync.WaitGroup // clusters being closed
	working sync.WaitGroup // tabs
	stop    chan struct{}

	allSound atomic.Bool // no node has any trouble, nor has the way to it

	mu         sync.Mutex // guards below
	chainCount ChainCount
	gate       chan struct{}
	stats      cluster.Stats
	maligned   []check.Violation
}

// Run does one run. It must be called inside a synctest bubble; the verdict
// (Judge) comes outside, where time is real.
func Run(cfg Config) *Result {
	if cfg.Rounds == 0 {
		cfg.Rounds = 6
	}
	s := &sim{
		cfg: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 1)), start: time.Now(),
		world: world.New(cfg.Seed), hist: &check.History{}, hidden: map[string]bool{}, chains: &chains{links: map[string][]link{}},
		tally: newTallies(), stop: make(chan struct{}), gate: make(chan struct{}),
	}
	s.build()
	for _, u := range s.users {
		u.begin()
	}
	s.openGate()
	s.direct()
	close(s.stop)
	s.openGate()
	s.working.Wait()
	s.closeGate()
	s.finish()
	s.old.Wait()
	for _, in := range s.insts {
		c, _ := in.use()
		s.retire(c)
	}
	s.old.Wait()
	s.world.Close()
	return &Result{
		Config: cfg, Chains: s.chainCount, chains: s.chains, History: s.hist, Virtual: s.now(), Awake: s.awake, Faults: s.faults, Tally: s.tally.total(), Stats: s.stats,
		Violations: append(s.extra, s.maligned...), skew: s.skew, ahead: s.ahead, slack: s.slack, final: s.final, outages: s.outages,
	}
}

// Judge completes the result's violations. It belongs outside of the bubble.
func (r *Result) Judge() {
	opts := check.Options{Skew: r.skew, Ahead: r.ahead, Slack: r.slack, Grain: grain, Final: r.final, Genuine: genuine, Errors: r.Config.Class == Beyond, Losses: r.Config.Class == Beyond}
	opts.Outage = func(op *check.Op) (time.Duration, bool) {
		for _, o := range r.outages {
			if op.Call < o.to && op.Return > o.from {
				return o.to, true
			}
		}
		return 0, false
	}
	if r.Config.Class != Beyond {
		opts.Linear = 20 * time.Second
	}
	opts.Excused = func(check.Violation) { r.Excused++ }
	lost := r.chains.verify()
	r.Chains.Lost = len(lost)
	r.Violations = append(append(r.Violations, lost...), r.History.Verify(opts)...)
}

// intolerable reports whether a promise was broken that holds under any faults.
func (r *Result) intolerable() bool {
	for _, v := range r.Violations {
		switch v.Rule {
		case check.Foreign, check.Diverged, check.Overdue, check.UserError:
			return true
		}
	}
	return false
}

func (s *sim) now() time.Duration { return time.Since(s.start) }

func (s *sim) note(format string, args ...any) { s.hist.Note(s.now(), format, args...) }

// build makes nodes, instances and users as the seed wants them.
func (s *sim) build() {
	least := 3
	if s.cfg.Class == Idle {
		least = 2 // the hardest case: there is no node behind the homes
	}
	for range least + s.rng.IntN(3) {
		s.list = append(s.list, s.addNode(false))
	}
	if s.rng.IntN(4) == 0 {
		s.list = append(s.list, s.addNode(true))
	}
	if s.cfg.Seed%3 == 0 {
		s.slack = time.Minute
	}
	skewed := s.rng.IntN(2) == 0
	var slowest, fastest time.Duration
	for i := range 3 + s.rng.IntN(2) {
		in := &instance{sim: s, name: fmt.Sprintf("i%d", i+1)}
		if skewed {
			in.ahead = time.Duration(s.rng.Int64N(int64(10*time.Minute))) - 5*time.Minute
		}
		slowest, fastest = min(slowest, in.ahead), max(fastest, in.ahead)
		s.insts = append(s.insts, in)
		in.deploy(s.list)
	}
	s.skew, s.ahead = fastest-slowest, fastest
	for i := range 6 + s.rng.IntN(6) {
		s.users = append(s.users, newUser(s, i))
	}
	s.note("%d nodes, %d instances, %d users, clocks differ by %v, refresh slack %v", len(s.list), len(s.insts), len(s.users), s.skew, s.slack)
}

// addNode starts a node under a fresh id.
func (s *sim) addNode(standby bool) cluster.Node {
	s.nodeNo++
	id := fmt.Sprintf("n%d", s.nodeNo)
	n := s.world.Add(id, 0)
	e := cluster.Node{ID: id, Addr: n.Addr, Standby: standby}
	if s.cfg.Class == Idle && s.cfg.Seed%2 == 0 && !standby {
		e.Zone = string(rune('a' + s.nodeNo%2))
	}
	return e
}

// node returns what runs behind an entry of the list.
func (s *sim) node(e cluster.Node) *world.Node {
	for _, n := range s.world.Nodes() {
		if n.Addr == e.Addr {
			return n
		}
	}
	panic("sim: no node at " + e.Addr)
}

func (s *sim) openGate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.gate:
	default:
		s.opened = s.now()
		close(s.gate)
	}
}

func (s *sim) closeGate() {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.gate:
		s.awake += s.now() - s.opened
		s.gate = make(chan struct{})
	default:
	}
}

// admitted waits until users may act, and reports false at the end.
func (s *sim) admitted() bool {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	<-gate
	select {
	case <-s.stop:
		return false
	default:
		return true
	}
}

func (s *sim) isOpen() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.gate:
		return true
	default:
		return false
	}
}
