package scsstore_test

// These tests iterate over all sessions, as scs's SessionManager does it.

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
)

func TestIterateVisitsEachSessionOnce(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		env := threeNodes(t)
		v := newVisitor(t, connect(t, env), codec)
		other := newVisitor(t, connect(t, env), codec) // another process
		var browsers []*visitor
		for i := range 12 {
			b := &visitor{t: t, sessions: v.sessions}
			b.put("n", i)
			browsers = append(browsers, b)
		}
		seen := map[int]int{}
		var handle string
		err := v.sessions.Iterate(context.Background(), func(ctx context.Context) error {
			n := v.sessions.GetInt(ctx, "n")
			seen[n]++
			switch n {
			case 3:
				return v.sessions.Destroy(ctx)
			case 4:
				v.sessions.Put(ctx, "seen", true)
				_, _, err := v.sessions.Commit(ctx)
				return err
			case 5:
				handle = v.sessions.Token(ctx)
			}
			return nil
		})
		if err != nil || len(seen) != 12 || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
			t.Errorf("seen %v, %v", seen, err)
		}
		browsers[3].expect("n", nil)
		browsers[4].expect("n", 4)
		browsers[4].expect("seen", true)

		// Here a handle opens its session, and nowhere else.
		for sessions, want := range map[*visitor]any{v: 5, other: nil} {
			thief := &visitor{t: t, sessions: sessions.sessions, cookie: &http.Cookie{Name: "session", Value: handle}}
			thief.expect("n", want)
		}
		if err := v.sessions.Iterate(context.Background(), func(context.Context) error { return errors.New("enough") }); err == nil || err.Error() != "enough" {
			t.Errorf("the function's error is %v", err)
		}
	})
}

// A key from a node's memory, presented as a token, opens nothing.
func TestAKeyFromADumpOpensNothing(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		env := threeNodes(t)
		v := newVisitor(t, connect(t, env), codec)
		v.put("user", "ann")
		tried := 0
		for _, n := range env.All() {
			for _, key := range n.Keys() {
				for _, token := range []string{key, "holdfast.handle." + key, "holdfast.handle." + key + key} {
					tried++
					thief := &visitor{t: t, sessions: v.sessions, cookie: &http.Cookie{Name: "session", Value: token}}
					thief.expect("user", nil)
				}
			}
		}
		if tried < 6 {
			t.Errorf("%d tokens were tried", tried)
		}
	})
}

// Users work and a node dies while the sessions are seen: each that lives all the time is seen.
func TestIterateWhileUsersWorkAndANodeDies(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		env := threeNodes(t)
		c := connectWithin(t, env, time.Second)
		v := newVisitor(t, c, codec)
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		defer cancel()
		if err := c.WaitWhole(ctx); err != nil {
			t.Fatal(err)
		}
		var busy sync.WaitGroup
		const users = 8
		stop := make(chan struct{})
		for i := range users {
			b := &visitor{t: t, sessions: v.sessions}
			b.put("n", fmt.Sprint(i))
			busy.Go(func() {
				for k := 0; ; k++ {
					select {
					case <-stop:
						return
					default:
						b.put("k", k)
					}
				}
			})
		}
		seen := map[string]int{}
		err := v.sessions.Iterate(context.Background(), func(ctx context.Context) error {
			if len(seen) == 0 {
				env.Node(1).Kill()
			}
			seen[v.sessions.GetString(ctx, "n")]++
			return nil
		})
		again, errAgain := v.sessions.Store.(*scsstore.Store).AllCtx(context.Background()) // with the node down
		close(stop)
		busy.Wait()
		if err != nil || len(seen) != users || errAgain != nil || len(again) != users {
			t.Errorf("seen %v, %v; with a node down %d, %v", seen, err, len(again), errAgain)
		}
	})
}

func TestAllOfNoSessionIsEmpty(t *testing.T) {
	store := scsstore.New(connect(t, threeNodes(t)))
	if all, err := store.All(); all == nil || len(all) != 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	store.Accept = func([]byte) bool { return false }
	if err := store.Commit("token", []byte("gone"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if all, err := store.All(); len(all) != 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	if _, err := (&scsstore.Store{}).All(); !errors.Is(err, scsstore.ErrNoCluster) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if all, err := store.AllCtx(ctx); all != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, %v", all, err)
	}
	c := connect(t, threeNodes(t))
	c.Close()
	if _, err := scsstore.New(c).All(); !errors.Is(err, cluster.ErrClosed) {
		t.Error(err)
	}
}
