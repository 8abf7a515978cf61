package explore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what happens in one schedule.

// run is one schedule under way.
type run struct {
	scope   Scope
	setting *setting
	path    []branch
	known   seen

	servers  [3]*testenv.Server
	order    [3]int             // place in the preference list to server: order[0] is the primary's
	clusters []*cluster.Cluster // one for each actor, then those made later
	hist     *check.History
	ending   chan struct{} // closed when the session ends by itself
	log      []string
	complete bool
	final    time.Duration
	broken   []check.Violation

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
	stored  [3]held
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
		if !strings.HasPrefix(script, "load") {
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

// clusterOf makes the actor's instance, or takes that of the first one.
func (r *run) clusterOf(i int) *cluster.Cluster {
	if i > 0 && i < r.scope.Together {
		r.clusters = append(r.clusters, r.clusters[0])
		return r.clusters[0]
	}
	return r.instance(fmt.Sprint("actor", i), time.Duration(i)*r.scope.Ahead)
}

// close ends everything, commands under way included.
func (r *run) close() {
	r.mu.Lock()
	r.auto = true
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

// instance makes a Cluster whose clock stands still.
func (r *run) instance(name string, ahead time.Duration) *cluster.Cluster {
	nodes := make([]cluster.Node, 3)
	for i := range nodes {
		nodes[i] = cluster.Node{ID: fmt.Sprintf("n%d", i+1), Addr: fmt.Sprintf("192.0.2.%d:11211", i+1)}
	}
	c, err := cluster.New(cluster.Config{
		Nodes: nodes, DialContext: r.dialer(name), Now: func() time.Time { return r.today().Add(ahead) },
		Rand:   func() uint64 { return hashOf(name) >> 12 << 12 >> 53 << 1 },
		Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		panic(err)
	}
	r.clusters = append(r.clusters, c)
	return c
}

// today is the time at which all clocks stand still, or differ by what the scope says.
func (r *run) today() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return base.Add(lifetime + time.Hour)
	}
	return base
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

// act is one actor's life.
func (r *run) act(i int, script string, rec *cluster.Record) {
	name, c := fmt.Sprint("actor", i), r.clusters[i]
	for n, step := range strings.Split(script, ",") {
		verb, attr, _ := strings.Cut(strings.TrimSpace(step), " ")
		switch {
		case verb == "load":
			rec = r.load(c, name)
		case verb == "delete":
			r.delete(c, name)
		case verb == "end":
			r.mu.Lock()
			r.waiting++
			r.mu.Unlock()
			<-r.ending
		case rec == nil:
		case verb == "save":
			r.save(c, name, rec, map[string]string{attr: fmt.Sprintf("%s.%s.%d", attr, name, n)})
		case verb == "remove":
			r.save(c, name, rec, map[string]string{attr: ""})
		}
	}
	// Of an actor that has ended only its answers matter.
	r.mu.Lock()
	defer r.mu.Unlock()
	r.working--
	if i >= r.scope.Together {
		delete(r.told, name)
	} else if r.sharing++; r.sharing == r.scope.Together { // an instance has ended with its last actor
		delete(r.told, "actor0")
	}
	r.calls["end of "+name] = strings.Join(r.ended[name], " ")
}

// tick is the time of the history: the number of things that have happened.
func (r *run) tick() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	return time.Duration(r.clock)
}

func (r *run) begin(name string, kind check.Kind) check.Op {
	op := check.Op{Client: name, Key: key, Kind: kind, Call: r.tick()}
	r.mu.Lock()
	if kind == check.Load {
		r.loaded[name] = op.Call
	}
	op.Begun = r.loaded[name]
	if kind == check.Delete || op.Begun == 0 {
		op.Begun = op.Call
	}
	r.calls[fmt.Sprint(name, len(r.ended[name]))] = fmt.Sprint(r.ended) // maps print sorted
	r.running[name] = op.Call
	r.mu.Unlock()
	return op
}

func (r *run) end(op check.Op, err error) {
	op.Return = r.tick()
	switch {
	case err == nil:
		op.Outcome = check.OK
	case errors.Is(err, cluster.ErrNotFound):
		op.Outcome = check.NotFound
	case errors.Is(err, cluster.ErrDestroyed):
		op.Outcome = check.Destroyed
	default:
		op.Outcome, op.Err = check.Unknown, err.Error()
	}
	r.mu.Lock()
	r.ended[op.Client] = append(r.ended[op.Client], fmt.Sprint(op.Kind, op.Outcome, op.Read))
	delete(r.running, op.Client)
	if err == nil && op.Call > r.since {
		r.asked = true
	} else if err == nil {
		r.since, r.asked = op.Return, false
	}
	over := r.over && op.Call > r.since
	r.mu.Unlock()
	switch {
	case !over:
		r.hist.Add(op)
	case err == nil && op.Kind != check.Delete:
		r.broken = append(r.broken, check.Violation{Rule: check.Resurrected, Key: key, At: op.Call, Text: fmt.Sprintf("%s: %v after the end of the session: %v", op.Client, op.Kind, op.Outcome)})
	}
}

func (r *run) load(c *cluster.Cluster, name string) *cluster.Record {
	op := r.begin(name, check.Load)
	rec, err := c.Load(context.Background(), key)
	if err == nil {
		op.Read = map[string]string{}
		for attr, b := range rec.Attrs {
			op.Read[attr] = string(b)
		}
	}
	r.end(op, err)
	return rec
}

func (r *run) save(c *cluster.Cluster, name string, rec *cluster.Record, changes map[string]string) {
	op := r.begin(name, check.Save)
	op.Write = changes
	for attr, v := range changes {
		if v == "" {
			delete(rec.Attrs, attr)
		} else {
			rec.Attrs[attr] = []byte(v)
		}
	}
	if rec.Deadline.IsZero() {
		rec.Deadline = base.Add(lifetime)
	}
	r.end(op, c.Save(context.Background(), rec))
}

func (r *run) delete(c *cluster.Cluster, name string) {
	op := r.begin(name, check.Delete)
	r.end(op, c.Delete(context.Background(), key))
}
