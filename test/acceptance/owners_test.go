package acceptance

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what a user sees of his sessions and ends of them, and how all sessions are seen.

// soon is an OwnerCheck for which a test can wait.
const soon = 300 * time.Millisecond

var owned = options{owned: true, config: func(c *cluster.Config) { c.OwnerCheck, c.Timeout = soon, 2*time.Second }}

// ann has logged in on five devices, on three instances of the app.
func ann(w *world) (apps []*app, devices []*user) {
	w.t.Helper()
	for range 3 {
		apps = append(apps, w.start(owned))
	}
	apps[0].whole(w) // no update has less than a whole home to decide it
	for i := range 5 {
		u := w.newUser()
		u.sees(apps[i%3], "welcome", "/login", "user", "ann", "device", fmt.Sprintf("device%d", i))
		devices = append(devices, u)
	}
	return apps, devices
}

// isOut demands that every instance takes the user for nobody, soon.
func (u *user) isOut(apps ...*app) {
	u.t.Helper()
	for _, a := range apps {
		var instead string
		eventually(u.t, "the user is logged out", func() bool {
			instead = u.ask(a, "/whoami").String()
			return u.do(a, "/whoami") == "nobody"
		}, &instead)
	}
}

func TestLogOutOnAllOtherDevices(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		apps, devices := ann(w)
		bob := w.newUser()
		bob.sees(apps[1], "welcome", "/login", "user", "bob", "device", "bob's")
		here := devices[2]
		here.sees(apps[1], "device4,device3,device2*,device1,device0", "/devices")
		here.sees(apps[2], "ended", "/end", "which", "device4")
		devices[4].is("nobody", apps...)
		here.sees(apps[0], "3", "/others")
		for i, u := range devices {
			if i != 2 {
				u.isOut(apps...)
			}
		}
		here.is("ann", apps...)
		bob.is("bob", apps...)
		here.sees(apps[1], "device2*", "/devices")
		here.sees(apps[1], "1", "/everywhere")
		here.isOut(apps...)
		again := w.newUser()
		again.sees(apps[2], "welcome", "/login", "user", "ann", "device", "again")
		again.is("ann", apps...)
	})
}

func TestLogOutEverywhereWithOneNodeDown(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		apps, devices := ann(w)
		w.env.Node(1).Kill()
		devices[0].sees(apps[0], "4", "/others")
		for _, u := range devices[1:] {
			u.isOut(apps...)
		}
		devices[0].is("ann", apps...)
		w.env.Node(1).Restart()
		for _, u := range devices[1:] {
			u.isOut(apps...)
		}
		devices[0].is("ann", apps...)
	})
}

// evictOwners takes what is known of owners off every node.
func (w *world) evictOwners() {
	w.t.Helper()
	found := 0
	for _, n := range w.env.All() {
		for _, key := range n.Keys() {
			b, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(key, w.prefix))
			if err == nil && strings.HasSuffix(string(b), "hf-owner") && n.Delete(key) {
				found++
			}
		}
	}
	if found == 0 {
		w.t.Error("no node holds anything of an owner")
	}
}

func TestLogOutEverywhereWithTheIndexEvicted(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		apps, devices := ann(w)
		w.evictOwners()
		for _, u := range devices { // nobody is logged out by that
			u.is("ann", apps...)
		}
		devices[3].do(apps[2], "/others") // a healer may have restored some of the index
		for i, u := range devices {
			if i != 3 {
				u.isOut(apps...)
			}
		}
		devices[3].is("ann", apps...)
	})
}

func TestLogOutEverywhereWhileTheUserLogsIn(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		apps, devices := ann(w)
		var meanwhile sync.WaitGroup
		var parallel []*user
		for i := range 6 {
			u := w.newUser()
			parallel = append(parallel, u)
			meanwhile.Go(func() { u.ask(apps[i%3], "/login", "user", "ann", "device", "parallel") })
		}
		r := devices[0].ask(apps[0], "/others")
		after := w.newUser()
		after.sees(apps[1], "welcome", "/login", "user", "ann", "device", "after")
		meanwhile.Wait()
		if !r.ok() {
			t.Fatal(r)
		}
		for _, u := range devices[1:] {
			u.isOut(apps...)
		}
		devices[0].is("ann", apps...)
		after.is("ann", apps...)
		for _, u := range parallel { // either, but on every instance the same
			time.Sleep(soon / 4)
			if name := u.do(apps[0], "/whoami"); name == "nobody" {
				u.isOut(apps...)
			}
		}
		devices[0].do(apps[0], "/everywhere")
		for _, u := range append(parallel, devices[0], after) {
			u.isOut(apps...)
		}
	})
}

// scs's Iterate, on nodes that list their keys.
func TestIterateWhileUsersWorkAndANodeDies(t *testing.T) {
	each(t, []driver{scsDriver, scsGobDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		var sessions *scs.SessionManager
		o := owned
		o.scs = func(m *scs.SessionManager) { sessions = m }
		app1 := w.start(o)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		if err := app1.cluster.WaitWhole(ctx); err != nil {
			t.Fatal(err)
		}
		var users []*user
		for i := range 6 {
			u := w.newUser()
			u.logIn(app1, fmt.Sprint("user", i))
			users = append(users, u)
		}
		stop := make(chan struct{})
		var busy sync.WaitGroup
		for i, u := range users {
			busy.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						u.ask(app1, "/set", "key", "k", "value", fmt.Sprint(i))
					}
				}
			})
		}
		seen := map[string]int{}
		err := sessions.Iterate(t.Context(), func(ctx context.Context) error {
			if len(seen) == 0 {
				w.env.Node(0).Kill()
			}
			name := sessions.GetString(ctx, "user")
			seen[name]++
			if name == "user3" {
				return sessions.Destroy(ctx)
			}
			return nil
		})
		close(stop)
		busy.Wait()
		if err != nil || len(seen) != len(users) {
			t.Errorf("seen %v, %v", seen, err)
		}
		for name, n := range seen {
			if n != 1 {
				t.Errorf("%s is seen %d times", name, n)
			}
		}
		users[3].isOut(app1)
		users[2].is("user2", app1)
	})
}
