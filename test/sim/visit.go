package sim

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what a request does, and what is noted of it.

// visit is a request on its way: the process that serves it and its session.
type visit struct {
	*tab
	in      *instance
	c       *cluster.Cluster
	process string
	key     string
	begun   time.Duration
}

func (t *tab) visit(key string) *visit {
	in := t.sim.insts[t.rng.IntN(len(t.sim.insts))]
	c, process := in.use()
	return &visit{tab: t, in: in, c: c, process: process, key: key, begun: t.sim.now()}
}

// idle loads and saves much later.
func (v *visit) idle(most time.Duration) {
	if rec := v.load(); rec != nil {
		v.think(most / 3)
		v.save(rec, map[string]string{v.name: v.user.value(v.key, v.name, 0)})
	}
}

// late loads, and saves minutes or hours later: the session may have ended, and nodes may have
// been restarted since. Its tab does not wait for it.
func (v *visit) late() {
	own := *v.tab // the tab goes on with its own dice
	own.name, own.rng = "late", rand.New(rand.NewPCG(v.sim.cfg.Seed, uint64(v.sim.now())))
	v.tab = &own
	rec := v.load()
	if rec == nil {
		return
	}
	hold := time.Duration(v.rng.Int64N(int64(2 * time.Hour)))
	switch v.rng.IntN(4) {
	case 0:
		hold /= 100
	case 1:
		hold /= 10
	}
	select {
	case <-time.After(hold):
	case <-v.sim.stop:
	}
	if !v.sim.admitted() {
		return
	}
	v.think(30 * time.Millisecond)
	if _, now := v.in.use(); now == v.process { // else the request has died with its process
		v.save(rec, map[string]string{v.name: v.user.value(v.key, v.name, 0)})
	}
}

// shorten gives the session an end within minutes. Mostly nobody uses it from then on.
func (v *visit) shorten() {
	rec := v.load()
	if rec == nil {
		return
	}
	v.saveFor(rec, map[string]string{v.name: v.user.value(v.key, v.name, 0)}, time.Second+time.Duration(v.rng.Int64N(int64(5*time.Minute))))
	if v.rng.IntN(4) > 0 {
		v.user.leave(v.key)
	}
}

// serve is one ordinary request.
func (v *visit) serve(n int) {
	rec := v.load()
	if rec == nil {
		return
	}
	if n < 360 {
		return
	}
	if v.rng.IntN(3) > 0 {
		v.think(30 * time.Millisecond)
	}
	attr := v.name
	if n%4 == 0 {
		attr = "cart"
	}
	switch {
	case n < 420:
		v.save(rec, map[string]string{}) // the deadline alone
	case n < 500:
		if _, there := rec.Attrs[attr]; there {
			v.save(rec, map[string]string{attr: ""})
		}
	case n < 505:
		v.save(rec, map[string]string{attr: v.user.value(v.key, attr, maxRecord)})
	default:
		ok := v.save(rec, map[string]string{attr: v.user.value(v.key, attr, v.rng.IntN(100))})
		if ok && n > 960 {
			v.save(rec, map[string]string{attr: v.user.value(v.key, attr, 0)})
		}
	}
}

func (v *visit) load() *cluster.Record {
	op := check.Op{Client: v.process, Key: v.key, Kind: check.Load, Call: v.sim.now()}
	op.Begun = op.Call
	v.begun = op.Call
	v.wait()
	rec, err := v.c.Load(context.Background(), v.key)
	v.wait()
	op.Return = v.sim.now()
	if err == nil {
		op.Read = make(map[string]string, len(rec.Attrs))
		for name, b := range rec.Attrs {
			op.Read[name] = string(b)
		}
	} else if errors.Is(err, cluster.ErrNotFound) {
		defer v.user.leave(v.key)
	}
	v.record(&op, err)
	return rec
}

// save applies the changes and reports whether it was acknowledged.
func (v *visit) save(rec *cluster.Record, changes map[string]string) bool {
	return v.saveFor(rec, changes, v.user.lifetime)
}

// saveFor is save with an end so far from now.
func (v *visit) saveFor(rec *cluster.Record, changes map[string]string, life time.Duration) bool {
	op := check.Op{Client: v.process, Key: v.key, Kind: check.Save, Begun: v.begun, Call: v.sim.now(), Write: changes}
	for name, value := range changes {
		if value == "" {
			delete(rec.Attrs, name)
		} else {
			rec.Attrs[name] = []byte(value)
		}
	}
	v.wait()
	rec.Deadline = v.in.clock().Add(life)
	op.Deadline = v.sim.now() + v.in.ahead + life
	err := v.c.Save(context.Background(), rec)
	v.wait()
	op.Return = v.sim.now()
	v.record(&op, err)
	if errors.Is(err, cluster.ErrDestroyed) {
		v.user.leave(v.key)
	}
	return err == nil
}

func (v *visit) delete() {
	op := check.Op{Client: v.process, Key: v.key, Kind: check.Delete, Begun: v.begun, Call: v.sim.now()}
	v.wait()
	err := v.c.Delete(context.Background(), v.key)
	v.wait()
	op.Return = v.sim.now()
	v.record(&op, err)
}

// wait returns when the process runs, and it is this visit's turn in it: no two of them go on at
// the same instant, or what comes next would be up to the scheduler.
func (v *visit) wait() {
	for late := true; late; late = v.sim.world.Wait(v.process) {
		time.Sleep(time.Duration(1 + v.rng.IntN(10_000)))
	}
}

// record completes the operation with its outcome. The answers of a process that
// was killed meanwhile reached nobody.
func (v *visit) record(op *check.Op, err error) {
	op.Ahead = v.in.ahead
	switch {
	case err == nil:
		op.Outcome = check.OK
	case errors.Is(err, cluster.ErrNotFound):
		op.Outcome = check.NotFound
	case errors.Is(err, cluster.ErrDestroyed):
		op.Outcome = check.Destroyed
	case errors.Is(err, cluster.ErrTooLarge):
		op.Outcome = check.Refused
	default:
		op.Outcome = check.Unknown
	}
	if err != nil && op.Outcome != check.NotFound {
		op.Err = err.Error()
	}
	if v.in.killed(v.process) {
		op.Outcome, op.Return, op.Read = check.Unknown, check.Never, nil
	}
	if op.Outcome == check.Refused {
		v.expectTooLarge(op)
		return
	}
	v.sim.chains.take(op)
	v.sim.tally.add(op)
	v.sim.hist.Add(*op)
}

// expectTooLarge: the users write such values on purpose, and nothing may change.
func (v *visit) expectTooLarge(op *check.Op) {
	for _, value := range op.Write {
		if len(value) >= maxRecord {
			return
		}
	}
	v.sim.hist.Add(*op)
}
