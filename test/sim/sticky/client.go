package sticky

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what a client does, and what it demands of each answer. Each of its two tabs counts
// up an attribute of its own, so that of two states it is known which one includes the other. After
// a save of unknown outcome, and after a loss, it goes on with another attribute: what was saved
// before may turn up later, with a later timestamp.

// client has one session at a time, and one cookie that its tabs share.
type client struct {
	run  *run
	no   int
	home int // the instance that a sticky balancer sends it to

	mu     sync.Mutex // guards below
	serial int        // of sessions
	jar    jar
	acked  state // of the present session: the highest values that were acknowledged
	behind bool  // it was told of a loss in this session
	counts [2]int
	turn   int // part of the attributes' names
	former []leftJar
	ending string // the session that a tab is destroying
}

// state is an attribute's counter, by name.
type state map[string]int

// jar is what the browser holds: the version, and what the answer that carried it has shown.
type jar struct {
	key, version string
	seen         state
}

// leftJar is what a thief has of a session that its user has left.
type leftJar struct {
	jar
	at time.Time
}

func newClient(r *run, no int) *client { return &client{run: r, no: no, home: no % len(r.instances)} }

func (c *client) live(tab int) {
	rng := rand.New(rand.NewPCG(c.run.seed, uint64(100*c.no+tab)))
	for !c.run.stop.Load() {
		time.Sleep(1 + time.Duration(rng.Int64N(int64(2*time.Second))))
		in := c.run.instances[c.home]
		if rng.IntN(10) < c.run.balancer {
			in = c.run.instances[rng.IntN(len(c.run.instances))]
		}
		c.request(in, tab, rng)
	}
}

// request is one request, through one process of the app.
func (c *client) request(in *instance, tab int, rng *rand.Rand) {
	app := in.use()
	j, create := c.present()
	var rec *cluster.Record
	var err error
	if create {
		rec = cluster.NewRecord(j.key)
	} else {
		told := app.Stats().Behind
		rec, err = app.LoadVersion(background, j.key, j.version)
		if !c.judgeLoad(app, j, rec, err, app.Stats().Behind > told) {
			return
		}
	}
	if !create && rng.IntN(100) < 3 {
		c.mu.Lock()
		c.ending = j.key
		c.mu.Unlock()
		if err := app.Delete(background, j.key); err == nil && in.use() == app {
			c.leave(j, true)
		} else {
			c.leave(j, false)
		}
		return
	}
	if create || rng.IntN(3) > 0 {
		time.Sleep(1 + time.Duration(rng.Int64N(int64(20*time.Millisecond))))
		c.mu.Lock()
		name := c.name(tab)
		c.counts[tab]++
		value := c.counts[tab]
		c.mu.Unlock()
		rec.Attrs[name] = []byte(strconv.Itoa(value))
		err = app.Save(background, rec)
		switch {
		case gone(err):
			c.leave(j, false)
			return
		case err != nil:
			c.another()
			c.run.note(func(res *Result) { res.Errors++ })
			if create {
				c.leave(j, false)
			}
			return
		}
	}
	if in.use() == app { // else the answer died with its process
		c.answer(j, rec, err == nil)
	}
}

// present returns what the browser brings. A session that must be made has the client to itself.
func (c *client) present() (j jar, create bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jar.key == "" {
		c.serial++
		return jar{key: fmt.Sprintf("c%d.%d", c.no, c.serial), seen: state{}}, true
	}
	return c.jar, false
}

// judgeLoad demands of an answer what the version has promised, and reports whether there is a session.
// Told is true where it was counted that something is behind: also a session that has begun in an
// outage, on an instance that has not written it yet.
func (c *client) judgeLoad(app *cluster.Cluster, j jar, rec *cluster.Record, err error, told bool) bool {
	switch {
	case errors.Is(err, cluster.ErrNotFound):
		c.mu.Lock()
		present := c.jar.key == j.key && c.ending != j.key
		c.mu.Unlock()
		if present && !told && !c.run.lossy.Load() {
			c.run.fail("%s: %s says that there is no session", j.key, app)
		}
		c.leave(j, false)
		return false
	case err != nil:
		c.run.note(func(res *Result) { res.Errors++ })
		return false
	}
	if rec.Behind() {
		c.another()
	}
	c.run.note(func(res *Result) {
		if res.Loads++; rec.Behind() {
			res.Behind++
		}
	})
	shown := shownBy(rec)
	if rec.Behind() {
		if !c.run.lossy.Load() && c.run.local.Outage == 0 && !c.run.local.WriteBehind {
			c.run.fail("%s: behind, though nothing was ever pending", j.key)
		}
		c.mu.Lock()
		if c.jar.key == j.key {
			c.behind = true
		}
		c.mu.Unlock()
		return true
	}
	for name, value := range j.seen {
		if shown[name] < value && !c.run.emptied.Load() {
			c.run.fail("%s: shown %s=%d after %d, and not told that it is behind (version %s)", j.key, name, shown[name], value, j.version)
		}
	}
	return true
}

// name is that of the tab's attribute; the client's lock is held.
func (c *client) name(tab int) string { return fmt.Sprintf("t%d.%d", tab, c.turn) }

// another has the tabs go on with other attributes.
func (c *client) another() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
}

func shownBy(rec *cluster.Record) state {
	s := state{}
	for name, b := range rec.Attrs {
		s[name], _ = strconv.Atoi(string(b))
	}
	return s
}

// answer is what the browser takes from an answer.
func (c *client) answer(j jar, rec *cluster.Record, saved bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jar.key != j.key && (c.jar.key != "" || len(j.seen) > 0) {
		return // it has another session by now
	}
	if c.jar.key == "" {
		c.acked, c.behind = state{}, false
	}
	next := jar{j.key, rec.Version(), shownBy(rec)}
	if next.version == "" { // it proves nothing, and takes the older one away
		maps.Copy(next.seen, c.jar.seen)
	}
	c.jar = next
	if saved {
		for name, value := range next.seen {
			c.acked[name] = max(c.acked[name], value)
		}
		c.run.note(func(res *Result) { res.Saves++ })
	}
}

// leave ends the use of a session. Somebody keeps what the browser had.
func (c *client) leave(j jar, destroyed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.jar.key == j.key {
		c.jar = jar{}
	}
	if destroyed {
		c.former = append(c.former, leftJar{j, time.Now()})
	}
}

// demand asks an instance for all that this client has been promised, when all is healed and written.
func (c *client) demand(app *cluster.Cluster) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lossy := c.run.lossy.Load()
	if c.jar.key != "" {
		rec, err := app.LoadVersion(background, c.jar.key, c.jar.version)
		switch {
		case err != nil && !(lossy && gone(err)):
			c.run.fail("%s: in the end: %v", c.jar.key, err)
		case err == nil:
			shown := shownBy(rec)
			for name, value := range c.acked {
				if shown[name] < value && !lossy {
					c.run.fail("%s: in the end %s=%d, and %d was acknowledged", c.jar.key, name, shown[name], value)
				}
			}
			for name, value := range c.jar.seen {
				if shown[name] < value && !rec.Behind() && !c.run.emptied.Load() {
					c.run.fail("%s: in the end %s=%d, seen %d, and not told", c.jar.key, name, shown[name], value)
				}
			}
		}
	}
	for _, l := range c.former {
		if rec, err := app.LoadVersion(background, l.key, l.version); !gone(err) && !c.run.mayBeForgotten(l.at) {
			c.run.fail("%s: destroyed, and shown in the end: %v, %v", l.key, rec, err)
		}
	}
}
