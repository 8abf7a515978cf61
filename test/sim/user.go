package sim

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
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

// keys are the key of the present session, "" if there is none, and those of all before.
func (u *user) keys() (present string, past []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.key, slices.Clone(u.past)
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
	if t.sim.cfg.Updates {
		switch n := t.rng.IntN(100); {
		case n < 40:
			v.update()
			return
		case n < 46:
			v.guarded()
			return
		}
	}
	switch n := t.rng.IntN(1000); {
	case n < 20:
		t.revisit()
	case n < 40:
		v.delete()
		t.user.leave(key)
	case n < 60:
		v.idle(30 * time.Second)
	case n < 66:
		t.sim.working.Go(v.late)
	case n < 76:
		v.shorten()
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
