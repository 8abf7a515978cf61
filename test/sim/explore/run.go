package explore

import (
	"fmt"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what happens in one schedule, from the first load to the end of the last actor.

// run is one schedule under way.
type run struct {
	scope   Scope
	setting *setting
	path    []branch
	known   seen

	servers  [mostNodes]*testenv.Server
	order    [mostNodes]int     // place in the preference list to server: order[0] is the primary's
	clusters []*cluster.Cluster // one for each actor, then those made later
	hist     *check.History
	ending   chan struct{} // closed when the session ends by itself
	log      []string
	complete bool
	final    time.Duration
	broken   []check.Violation
	browser  browser
	atStart  map[string]chan bool // by actor: its next request has not begun
	put      map[string]int       // what its saves that were acknowledged have put
	links    []link               // that were acknowledged
	chains   []chainRead          // that were read
	deleted  time.Duration        // when the first delete was acknowledged
	holder   string               // who had the lock last
	locked   time.Duration        // since when

	at       int // the next choice
	losses   int
	restarts int
	moments  int

	mu      sync.Mutex // guards below
	auto    bool       // commands pass by themselves
	pending []*command
	late    []*command
	counts  map[string]int
	told    map[string][]string // what each actor was told, in this order
	stored  [mostNodes]held
	calls   map[string]string        // by operation: what had ended when it was called
	ended   map[string][]string      // answers by actor
	loaded  map[string]time.Duration // when each actor last called for a load
	clock   int64
	working int // actors that have not ended
	waiting int // of them, those that wait for the end of the session
	sharing int // actors that share an instance and have ended
	over    bool
	since   time.Duration            // the latest restart, or the end of what was under way then
	asked   bool                     // the session has been asked for since
	running map[string]time.Duration // when each actor called for what it does now
}

// knownAfter is when the markers of all nodes tell of a list.
const knownAfter = 10 * time.Second

const (
	key      = "session"
	lifetime = 24 * time.Hour
)

var base = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// do runs the schedule, in its bubble.
func (r *run) do() {
	r.auto, r.hist = true, &check.History{}
	r.reset()
	r.setting.begin(r)
	records := make([]*cluster.Record, len(r.scope.Actors))
	for i, script := range r.scope.Actors {
		c := r.clusterOf(i)
		if i < r.scope.Moved {
			r.learn(c)
			time.Sleep(knownAfter)
		}
		if r.scope.Local != (cluster.Local{}) {
			r.visit(fmt.Sprint("actor", i), fmt.Sprint("@", i), 0)
		} else if !strings.HasPrefix(script, "load") && !strings.HasPrefix(script, "heal") {
			records[i] = r.load(c, fmt.Sprint("actor", i))
		}
	}
	r.auto = false
	r.working = len(r.scope.Actors)
	for i, script := range r.scope.Actors {
		go r.act(i, script, records[i])
		if i+1 < r.scope.Together {
			synctest.Wait()
		}
	}
	if r.complete = r.schedule(); r.complete {
		r.finish()
	}
	r.close()
}

// close ends everything, commands under way included.
func (r *run) close() {
	r.mu.Lock()
	r.auto = true
	for _, at := range r.atStart {
		close(at)
	}
	held := r.pending
	r.pending = nil
	if !r.over { // somebody may wait for it
		close(r.ending)
	}
	r.mu.Unlock()
	for _, s := range r.servers {
		s.Close()
	}
	for _, cmd := range held {
		cmd.reply <- nil
	}
	for _, c := range r.clusters {
		_ = c.Close()
	}
}

// finishSession has the session end by itself: its deadline passes, and the nodes drop it.
func (r *run) finishSession() {
	r.mu.Lock()
	r.over, r.waiting = true, 0
	r.mu.Unlock()
	time.Sleep(lifetime + time.Hour)
	r.since = r.tick()
	r.log = append(r.log, "the session ends")
	close(r.ending)
}
