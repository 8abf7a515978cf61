package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what users who stay on their instance see while one node after the other fails and comes
// back: no error, and what they have saved.

// stayer is one of them. He has one session at a time, and does one thing after the other.
type stayer struct {
	w              *world
	app            *Cluster
	rand           *rand.Rand
	name, version  string
	logins, number int
	live           bool
	story          []string // the latest requests
}

func (u *stayer) id() string { return fmt.Sprintf("%s.%d", u.name, u.logins) }

// did keeps what is told where something is wrong, and reports whether nothing is.
func (u *stayer) did(what string, err error) bool {
	u.story = append(u.story, fmt.Sprintf("%s %s %d %q: %v", time.Now().Format("05.000000"), what, u.number, u.version, err))
	u.story = u.story[max(0, len(u.story)-8):]
	if err != nil {
		u.w.Errorf("%s:\n%s", u.id(), strings.Join(u.story, "\n"))
		u.live = false
	}
	return err == nil
}

func (u *stayer) act() {
	ctx := context.Background()
	if !u.live {
		u.logins++
		r := NewRecord(u.id())
		r.Attrs["n"] = []byte("1")
		err := u.app.Save(ctx, r)
		u.live, u.version, u.number = true, r.Version(), 1
		u.did("login", err)
		return
	}
	r, err := u.app.LoadVersion(ctx, u.id(), u.version)
	if err == nil && string(r.Attrs["n"]) != fmt.Sprint(u.number) {
		err = fmt.Errorf("shown %s after %d", r.Attrs["n"], u.number)
	}
	if !u.did("load", err) {
		return
	}
	u.version = r.Version()
	switch dice := u.rand.IntN(20); {
	case dice == 0:
		u.did("logout", u.app.Delete(ctx, u.id()))
		u.live = false
	case dice < 10:
		time.Sleep(time.Duration(u.rand.Int64N(int64(5 * time.Millisecond))))
		r.Attrs["n"] = []byte(fmt.Sprint(u.number + 1))
		if err = u.app.Save(ctx, r); err == nil {
			u.number, u.version = u.number+1, r.Version()
		}
		u.did("save", err)
	}
}

// Users log in, read, save and log out, some of them with pauses. All nodes die or hang, at once or one after the
// other, and come back in any state.
func TestUsersWhoStayAreServedInAnOutage(t *testing.T) {
	seeds := uint64(16)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dice := rand.New(rand.NewPCG(seed, 1))
			nodes, replicas := 2+dice.IntN(3), 2
			if seed%3 == 2 {
				nodes, replicas = nodes+1, 3
			}
			story(t, nodes, func(w *world) {
				cfg := sticky(Local{Sessions: 1000, Outage: outage, Fresh: time.Duration(1+dice.IntN(3)) * time.Second / 2, WriteBehind: seed%2 == 0})
				cfg.Replicas = replicas
				app := w.cluster(cfg)
				w.far.Store(true)
				var stop atomic.Bool
				var all sync.WaitGroup
				for i := range 10 {
					u := &stayer{w: w, app: app, rand: rand.New(rand.NewPCG(seed, uint64(i)+100)), name: fmt.Sprint("u", i)}
					all.Go(func() {
						for !stop.Load() {
							u.act()
							time.Sleep(time.Duration(u.rand.Int64N(int64(20 * time.Millisecond))))
							if i%3 == 0 && u.rand.IntN(20) == 0 {
								time.Sleep(time.Duration(u.rand.Int64N(int64(4 * time.Second))))
							}
						}
					})
				}
				time.Sleep(2 * time.Second)
				nodes := w.env.All()
				dice.Shuffle(len(nodes), func(i, j int) { nodes[i], nodes[j] = nodes[j], nodes[i] })
				gap := []time.Duration{0, 3 * time.Millisecond, 100 * time.Millisecond}[dice.IntN(3)]
				mixed, hang := dice.IntN(3) == 0, dice.IntN(2) == 0
				back := map[*testenv.Node]func(){}
				for _, n := range nodes {
					if mixed {
						hang = dice.IntN(2) == 0
					}
					if back[n] = n.Restart; hang {
						n.Pause()
						back[n] = n.Resume
					} else {
						n.Kill()
					}
					time.Sleep(gap)
				}
				time.Sleep(time.Duration(dice.Int64N(int64(10 * time.Second))))
				for _, n := range nodes {
					back[n]()
					time.Sleep(gap)
				}
				time.Sleep(5 * time.Second)
				stop.Store(true)
				all.Wait()
			})
		})
	}
}

// While somebody logs out another one logs in, on other nodes. The new session has a copy at once. What has ended may
// be ended again meanwhile.
func TestALogoutKeepsNoOtherSessionFromItsCopy(t *testing.T) {
	for name, local := range map[string]Local{"": {Outage: outage}, "written behind": {Outage: outage, WriteBehind: true}} {
		for logouts := range 2 {
			t.Run(fmt.Sprint(name, 1+logouts), func(t *testing.T) {
				story(t, 8, func(w *world) {
					c := w.cluster(sticky(local))
					last := w.create(c, "leaves", "a=1")
					w.far.Store(true)
					if local.WriteBehind { // the logout ends what is on its way
						last.Attrs["a"] = []byte("2")
						w.save(c, last)
						time.Sleep(latency / 2)
					}
					r := NewRecord(w.apartFrom("leaves"))
					var login sync.WaitGroup
					var done atomic.Bool
					login.Go(func() { w.save(c, r); done.Store(true) })
					time.Sleep(latency / 4)
					w.far.Store(false)
					for range 1 + logouts {
						w.delete(c, "leaves")
					}
					if done.Load() {
						t.Error("the login did not wait for the logout")
					}
					login.Wait()
					w.silent(func() { w.brings(c, r.Key(), r.Version(), "") })
				})
			})
		}
	}
}

// apartFrom returns a session none of whose homes is told of a logout of that one.
func (w *world) apartFrom(id string) string {
	for i := 0; ; i++ {
		other := fmt.Sprint("s", i)
		if !slices.ContainsFunc(w.preference(other)[:2], func(n *testenv.Node) bool { return slices.Contains(w.preference(id)[:4], n) }) {
			return other
		}
	}
}

// A logout finds that it was made before, through another instance. It keeps no login meanwhile from its copy.
func TestALogoutElsewhereKeepsNoOtherSessionFromItsCopy(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		v := w.create(c, "leaves", "a=1").Version()
		w.delete(other, "leaves")
		time.Sleep(DefaultFresh + time.Second)
		w.far.Store(true)
		r := NewRecord("s")
		var login sync.WaitGroup
		login.Go(func() { w.save(c, r) })
		time.Sleep(latency / 2)
		w.far.Store(false)
		if _, err := c.LoadVersion(w.Context(), "leaves", v); !isErr(err, ErrNotFound) {
			w.Errorf("after the logout: %v", err)
		}
		login.Wait()
		w.silent(func() { w.brings(c, "s", r.Version(), "") })
	})
}

// A change that is written behind finds that another instance has destroyed the session. Its user logs out in an
// outage: that is what the nodes know already.
func TestALogoutInAnOutageOfWhatIsDestroyedIsNoError(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(sticky(Local{Outage: outage, WriteBehind: true})), w.cluster(Config{})
		r := w.create(c, "s", "a=1")
		w.delete(other, "s")
		r.Attrs["a"] = []byte("2")
		w.save(c, r)
		w.written(c)
		w.allDown(c)
		w.delete(c, "s")
	})
}

// What an update has stored is in the copy, and an update that is refused takes the copy from nobody.
func TestACopyOutlivesAnUpdate(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(sticky(Local{Outage: outage}))
		v := w.create(c, "s", "a=1").Version()
		if err := c.Update(w.Context(), "s", func(*Record) error { return context.Canceled }); !isErr(err, context.Canceled) {
			w.Errorf("an update that is refused: %v", err)
		}
		w.silent(func() { w.brings(c, "s", v, "a=1") })
		var r *Record
		if err := c.Update(w.Context(), "s", func(now *Record) error {
			now.Attrs["a"] = []byte("2")
			r = now
			return nil
		}); err != nil {
			w.Errorf("update: %v", err)
		}
		w.silent(func() { w.brings(c, "s", r.Version(), "a=2") })
		w.allDown(c)
		time.Sleep(DefaultFresh + time.Second)
		w.brings(c, "s", r.Version(), "a=2")
	})
}

// A load has found the session on the last node that answers, and the other one cannot be repaired any more.
// What was found proves nothing; the copy does.
func TestALoadThatCannotRepairInAnOutageShowsTheCopy(t *testing.T) {
	story(t, 2, func(w *world) {
		c, other := w.cluster(sticky(Local{Outage: outage})), w.cluster(Config{})
		v := w.create(c, "s", "a=1").Version()
		time.Sleep(DefaultFresh + time.Second)
		w.change(other, "s", "a", "2")
		n := w.preference("s")
		n[1].Kill()
		n[1].Restart()
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb == "add" {
				w.all((*testenv.Node).Pause)
			}
		})
		if r := w.brings(c, "s", v, "a=1"); r.Version() != v {
			w.Errorf("the client is given version %q after %q", r.Version(), v)
		}
		w.brings(c, "s", v, "a=1")
	})
}

// Others keep a load from bringing one home up to date, and all that it has found was confirmed here before. The
// client keeps its version, and is served when the nodes are gone.
func TestALoadThatFindsNothingNewKeepsTheVersion(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(sticky(Local{Outage: outage}))
		w.create(c, "s", "a=1")
		n := w.preference("s")
		old := w.on(n[1], "s")
		w.change(c, "s", "a", "2")
		v := w.load(c, "s").Version()
		time.Sleep(DefaultFresh + time.Second)
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb == "cas" && w.env.Node(cmd.node) == n[1] {
				w.put(n[1], "s", old)
			}
		})
		w.put(n[1], "s", old)
		if r := w.brings(c, "s", v, "a=2"); r.Version() != v || c.Stats().RepairFailures != 1 {
			w.Errorf("version %q after %q, %+v", r.Version(), v, c.Stats())
		}
	})
}

// What a client has seen of one instance was pending there. It moves when that is written, to an instance with a copy that
// includes it, and stays there.
func TestAPendingVersionIsServedElsewhereOnceItIsWritten(t *testing.T) {
	story(t, 3, func(w *world) {
		app1, app2 := w.behindItsWire(sticky(Local{Outage: outage})), w.cluster(sticky(Local{Outage: outage}))
		w.create(app2, "s", "a=0")
		r := w.load(app1.Cluster, "s")
		app1.cut()
		r.Attrs["a"] = []byte("1")
		w.save(app1.Cluster, r)
		if _, err := app2.LoadVersion(w.Context(), "s", r.Version()); err != nil {
			w.Error(err)
		}
		app1.mend()
		w.written(app1.Cluster)
		time.Sleep(DefaultFresh + time.Second)
		w.brings(app2, "s", r.Version(), "a=1")
		w.allDown(app2)
		time.Sleep(DefaultFresh + time.Second)
		w.brings(app2, "s", r.Version(), "a=1")
	})
}

// One home is back, empty, and the other is not: from the first moment on the session is shown, whether it was
// shown in the outage or not.
func TestOneHomeThatIsBackEmptyEndsNoOutage(t *testing.T) {
	for _, used := range []bool{true, false} {
		for i := range 2 {
			t.Run(fmt.Sprint(used, i), func(t *testing.T) {
				story(t, 2, func(w *world) {
					c := w.cluster(sticky(Local{Outage: outage}))
					var versions [50]string
					for i := range versions {
						versions[i] = w.create(c, fmt.Sprint("s", i), "a=1").Version()
					}
					w.allDown(c)
					time.Sleep(DefaultFresh + time.Second)
					for i, v := range versions {
						if used {
							w.brings(c, fmt.Sprint("s", i), v, "a=1")
						}
					}
					w.preference("s0")[i].Restart()
					for i, v := range versions {
						time.Sleep(7 * time.Millisecond)
						w.brings(c, fmt.Sprint("s", i), v, "a=1")
					}
				})
			})
		}
	}
}

// A node that hangs takes the room of the requests that come later. They have asked nobody, and find an outage all the
// same; not so where the nodes are only slow.
func TestWantOfRoomHidesNoOutage(t *testing.T) {
	story(t, 4, func(w *world) {
		c, busy := w.littleRoom("s")
		release := busy()
		op := c.newOperation("s", intent{})
		v, err := op.read(w.Context())
		release()
		if err != nil || !op.hadNoRoomToAsk() || op.noHome(v) {
			w.Errorf("nodes that are slow: %v, no room %v, an outage %v", err, op.hadNoRoomToAsk(), op.noHome(v))
		}
		w.allDown(c)
		if !op.noHome(v) {
			w.Error("nodes that have failed meanwhile are no outage")
		}
	})
}
