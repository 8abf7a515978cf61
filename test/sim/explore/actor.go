package explore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what one actor does, and what the history tells of it.

// act is one actor's life.
func (r *run) act(i int, script string, rec *cluster.Record) {
	name, c := fmt.Sprint("actor", i), r.clusters[i]
	held, unlock := context.Background(), func() {}
	for n, step := range strings.Split(script, ",") {
		verb, attr, _ := strings.Cut(strings.TrimSpace(step), " ")
		switch {
		case verb == "load":
			rec = r.load(c, name)
		case verb == "delete":
			r.delete(c, name)
		case verb == "heal":
			r.heal(c, name)
		case verb == "raise":
			r.raise(c, name, n)
		case verb == "lock":
			held, unlock = r.lock(c, name)
		case verb == "guard":
			r.guard(held, c, name, n)
		case verb == "unlock":
			unlock()
		case verb == "show" || verb == "put":
			r.visit(name, attr, n)
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
	if r.scope.Local != (cluster.Local{}) { // its instance goes on for other actors
	} else if i >= r.scope.Together {
		delete(r.told, name)
	} else if r.sharing++; r.sharing == r.scope.Together { // an instance has ended with its last actor
		delete(r.told, "actor0")
	}
	r.calls["end of "+name] = strings.Join(r.ended[name], " ")
}

func (r *run) load(c *cluster.Cluster, name string) *cluster.Record {
	op := r.begin(name, check.Load)
	rec, err := c.Load(context.Background(), key)
	if err == nil {
		op.Read = map[string]string{}
		for attr, b := range rec.Attrs {
			op.Read[attr] = string(b)
		}
		r.checkChains(op)
		r.checkNumbers(op)
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
	err := c.Delete(context.Background(), key)
	r.end(op, err)
	if now := r.tick(); err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.deleted = cmp.Or(r.deleted, now)
	}
}

// heal makes a pass for a node. It may fail: the node restarts, or the session changes too often. A node that
// is whole since its restart is as good as a request for the session.
func (r *run) heal(c *cluster.Cluster, name string) {
	call := r.tick()
	r.mu.Lock()
	r.running[name] = call
	r.mu.Unlock()
	_, err := c.Heal(context.Background(), fmt.Sprintf("n%d", r.order[max(r.scope.Faulty, 0)]+1))
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.running, name)
	r.asked = r.asked || err == nil && call > r.since
}

// begin notes that an actor calls, with all that had ended before.
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

// end notes what the actor was told.
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

// tick is the time of the history: the number of things that have happened.
func (r *run) tick() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.clock++
	return time.Duration(r.clock)
}
