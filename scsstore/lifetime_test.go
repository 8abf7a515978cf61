package scsstore_test

// These tests let lifetimes and outages pass in virtual time, over nodes in memory.

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/testenv"
)

// inVirtualTime runs the test with each codec, in a bubble whose clock jumps over sleeps.
func inVirtualTime(t *testing.T, test func(t *testing.T, env *testenv.Env, v *visitor)) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		sessions := scs.New() // starts a goroutine that never ends, which a bubble would wait for
		synctest.Test(t, func(t *testing.T) {
			env := testenv.Start(t, 3, testenv.InMemory())
			test(t, env, useStore(t, sessions, connectWithin(t, env, 100*time.Millisecond), codec))
		})
	})
}

// During an outage requests fail, none is served an empty session and no cookie is
// touched; afterwards the login is there.
func TestOutageLogsNobodyOut(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, env *testenv.Env, v *visitor) {
		v.sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusInternalServerError) }
		v.put("user", "ann")
		cookie := v.cookie
		for _, n := range env.All() {
			n.Pause()
		}
		for range 3 {
			status := v.visit(func(context.Context) { t.Error("the handler ran without its session") })
			if status != http.StatusInternalServerError || v.cookie != cookie {
				t.Fatalf("status %d, cookie changed: %v", status, v.cookie != cookie)
			}
		}
		for _, n := range env.All() {
			n.Resume()
		}
		eventually(t, func() bool { return v.visit(func(context.Context) {}) == http.StatusOK })
		v.expect("user", "ann")
	})
}

func TestLifetime(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, _ *testenv.Env, v *visitor) {
		v.sessions.Lifetime = time.Hour
		v.put("user", "ann")
		time.Sleep(30 * time.Minute)
		v.put("a", "1") // does not prolong it
		time.Sleep(30*time.Minute - time.Second)
		v.expect("user", "ann")
		time.Sleep(2 * time.Second)
		v.expect("user", nil)
	})
}

func TestIdleTimeout(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, _ *testenv.Env, v *visitor) {
		v.sessions.IdleTimeout, v.sessions.Lifetime = 20*time.Minute, 2*time.Hour
		v.put("user", "ann")
		for range 7 {
			time.Sleep(15 * time.Minute)
			v.expect("user", "ann")
		}
		time.Sleep(15*time.Minute + time.Second) // the lifetime ends it all the same
		v.expect("user", nil)
		v.cookie = nil
		v.put("user", "ann")
		time.Sleep(20*time.Minute + time.Second)
		v.expect("user", nil)
	})
}

func TestSetDeadline(t *testing.T) {
	inVirtualTime(t, func(t *testing.T, _ *testenv.Env, v *visitor) {
		v.put("user", "ann")
		v.must(func(ctx context.Context) { v.sessions.SetDeadline(ctx, time.Now().Add(time.Minute)) })
		v.expect("user", "ann")
		time.Sleep(time.Minute + time.Second)
		v.expect("user", nil)
		v.cookie = nil
		v.put("user", "bob")
		v.must(func(ctx context.Context) { v.sessions.SetDeadline(ctx, time.Now().Add(40*24*time.Hour)) })
		time.Sleep(39 * 24 * time.Hour) // longer than memcached takes for a relative expiry
		v.expect("user", "bob")
	})
}

// holders are the nodes that hold a session.
func holders(env *testenv.Env) (nodes []*testenv.Node) {
	for _, n := range env.All() {
		if slices.ContainsFunc(n.Keys(), func(key string) bool { return !strings.Contains(key, ".") }) { // no marker
			nodes = append(nodes, n)
		}
	}
	return nodes
}

// A session that was given an earlier end ends then, also where a node hung meanwhile and holds
// it as it was.
func TestEarlierDeadlineHolds(t *testing.T) {
	for i := range 2 { // each node that holds it
		if testing.Short() && i > 0 {
			break // hours of virtual time each
		}
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			inVirtualTime(t, func(t *testing.T, env *testenv.Env, v *visitor) {
				v.sessions.Lifetime = 3 * time.Hour
				v.put("user", "ann")
				cookie := v.cookie
				time.Sleep(time.Minute)
				n := holders(env)[i]
				n.Pause()
				v.must(func(ctx context.Context) { v.sessions.SetDeadline(ctx, time.Now().Add(10*time.Minute)) })
				v.put("a", "1") // does not prolong it
				time.Sleep(20 * time.Minute)
				n.Resume()
				time.Sleep(time.Minute)
				for range 3 {
					v.cookie = cookie
					v.expect("user", nil)
					time.Sleep(30 * time.Minute)
				}
			})
		})
	}
}
