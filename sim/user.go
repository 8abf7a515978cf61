package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/sim/check"
)

// This file decides what users do: each has one session at a time and several tabs
// that use it at once, through any instance.

type user struct {
	sim      *sim
	no       int
	tabs     int
	lifetime time.Duration

	mu     sync.Mutex // guards below
	key    string
	serial int      // of sessions
	values int      // written under key
	ops    int      // on key
	past   []string // keys of sessions that were left
}

func newUser(s *sim, no int) *user {
	u := &user{sim: s, no: no, tabs: 1 + s.rng.IntN(3), lifetime: 24 * time.Hour}
	if s.rng.IntN(4) == 0 {
		u.lifetime = 3*s.skew + 5*time.Minute
	}
	return u
}

func (u *user) begin() {
	for i := range u.tabs {
		t := &tab{user: u, sim: u.sim, name: fmt.Sprintf("t%d", i), rng: rand.New(rand.NewPCG(u.sim.cfg.Seed, uint64(1000+u.no*10+i)))}
		u.sim.working.Go(t.live)
	}
}

// tab is one browser tab: it does one thing after another.
type tab struct {
	user *user
	sim  *sim
	name string
	rng  *rand.Rand
}

func (t *tab) live() {
	for t.sim.admitted() {
		t.think(t.pace())
		if t.sim.isOpen() {
			t.request()
		}
	}
}

func (t *tab) think(most time.Duration) {
	time.Sleep(1 + time.Duration(t.rng.Int64N(int64(most))))
}

// pace is how long the tab waits at most: mostly for people, at times for scripts.
func (t *tab) pace() time.Duration {
	if t.rng.IntN(4) == 0 {
		return 30 * time.Millisecond
	}
	return 3 * time.Second
}

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

// session returns the user's present key, or a new one that this tab must create.
func (u *user) session() (key string, create bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.ops += 2
	if u.key == "" || u.ops > maxOps {
		u.renewLocked()
		return u.key, true
	}
	return u.key, false
}

func (u *user) renewLocked() {
	if u.key != "" {
		u.past = append(u.past, u.key)
	}
	u.serial++
	u.key, u.ops = fmt.Sprintf("u%d.s%d", u.no, u.serial), 0
}

// leave ends the use of a session.
func (u *user) leave(key string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.key == key {
		u.past = append(u.past, u.key)
		u.key = ""
	}
}

// value makes a value that nobody else has written or will.
func (u *user) value(key, attr string, size int) string {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.values++
	return fmt.Sprintf("%s~%s~%d~%s", key, attr, u.values, strings.Repeat("x", size))
}

// genuine reports whether a value was made for that attribute of that key.
func genuine(key, attr, value string) bool {
	parts := strings.Split(value, "~")
	if len(parts) != 4 || parts[0] != key || parts[1] != attr {
		return false
	}
	_, err := strconv.Atoi(parts[2])
	return err == nil && strings.Trim(parts[3], "x") == ""
}

func (t *tab) request() {
	key, create := t.user.session()
	if create {
		t.login(key)
		return
	}
	v := t.visit(key)
	switch n := t.rng.IntN(1000); {
	case n < 20:
		t.revisit()
	case n < 40:
		v.delete()
		t.user.leave(key)
	case n < 60:
		v.idle(30 * time.Second)
	default:
		v.serve(n)
	}
}

// login creates the session, at times after its id was asked for in vain.
func (t *tab) login(key string) {
	v := t.visit(key)
	if t.rng.IntN(8) == 0 {
		for range 3 {
			v.load()
		}
	}
	rec := cluster.NewRecord(key)
	v.save(rec, map[string]string{t.name: t.user.value(key, t.name, 0), "user": t.user.value(key, "user", t.rng.IntN(40))})
	if t.rng.IntN(2) == 0 {
		v.load()
	}
}

// revisit presents the id of a session that the user has left.
func (t *tab) revisit() {
	t.user.mu.Lock()
	key := ""
	if n := len(t.user.past); n > 0 {
		key = t.user.past[t.rng.IntN(n)]
	}
	t.user.mu.Unlock()
	if key != "" {
		t.visit(key).load()
	}
}

// idle loads and saves much later.
func (v *visit) idle(most time.Duration) {
	if rec := v.load(); rec != nil {
		v.think(most / 3)
		v.save(rec, map[string]string{v.name: v.user.value(v.key, v.name, 0)})
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
	rec, err := v.c.Load(context.Background(), v.key)
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
	op := check.Op{Client: v.process, Key: v.key, Kind: check.Save, Begun: v.begun, Call: v.sim.now(), Write: changes}
	for name, value := range changes {
		if value == "" {
			delete(rec.Attrs, name)
		} else {
			rec.Attrs[name] = []byte(value)
		}
	}
	rec.Deadline = v.in.clock().Add(v.user.lifetime)
	op.Deadline = op.Call + v.in.ahead + v.user.lifetime
	err := v.c.Save(context.Background(), rec)
	op.Return = v.sim.now()
	v.record(&op, err)
	if errors.Is(err, cluster.ErrDestroyed) {
		v.user.leave(v.key)
	}
	return err == nil
}

func (v *visit) delete() {
	op := check.Op{Client: v.process, Key: v.key, Kind: check.Delete, Begun: v.begun, Call: v.sim.now()}
	err := v.c.Delete(context.Background(), v.key)
	op.Return = v.sim.now()
	v.record(&op, err)
}

// record completes the operation with its outcome. The answers of a process that
// was killed meanwhile reached nobody.
func (v *visit) record(op *check.Op, err error) {
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
