package scsstore_test

// These tests hold the store to what scs asks of every store, and to the rules for
// tokens, outages and cancelled requests.

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/testenv"
)

var (
	_ scs.Store    = (*scsstore.Store)(nil)
	_ scs.CtxStore = (*scsstore.Store)(nil)
)

func hour() time.Time { return time.Now().Add(time.Hour) }

// find demands that the token's session holds the bytes, or is not found where
// want is "".
func find(t *testing.T, s *scsstore.Store, token, want string) {
	t.Helper()
	b, found, err := s.Find(token)
	if err != nil || found != (want != "") || string(b) != want {
		t.Errorf("found %v %q, error %v; want %q", found, b, err, want)
	}
}

func commit(t *testing.T, s *scsstore.Store, token, b string, expiry time.Time) {
	t.Helper()
	if err := s.Commit(token, []byte(b), expiry); err != nil {
		t.Fatal(err)
	}
}

func TestStoreContract(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))

	find(t, s, "missing", "")
	commit(t, s, "token", "encoded_data", hour())
	find(t, s, "token", "encoded_data")
	find(t, s, "missing", "")
	commit(t, s, "token", "new_encoded_data", hour())
	find(t, s, "token", "new_encoded_data")
	commit(t, s, "other", "other_data", hour())
	for range 2 { // the second time there is nothing to delete
		if err := s.Delete("token"); err != nil {
			t.Fatal(err)
		}
		find(t, s, "token", "")
	}
	if err := s.Delete("missing"); err != nil {
		t.Fatal(err)
	}
	find(t, s, "other", "other_data")
}

func TestSessionEndsAtItsExpiry(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	expiry := time.Now().Add(300 * time.Millisecond)
	commit(t, s, "token", "encoded_data", expiry)
	for found := true; found; time.Sleep(time.Millisecond) {
		var err error
		if _, found, err = s.Find("token"); err != nil {
			t.Fatal(err)
		}
		switch now := time.Now(); {
		case !found && now.Before(expiry):
			t.Fatal("the session ended before its time")
		case found && now.After(expiry.Add(limit)):
			t.Fatal("the session does not end")
		}
	}
}

func TestExpiryThatHasPassedEndsTheSession(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	for name, expiry := range map[string]time.Time{
		"a second ago": time.Now().Add(-time.Second),
		"never set":    {},
		"before 1970":  time.Date(1900, 1, 1, 0, 0, 0, 0, time.UTC),
	} {
		t.Run(name, func(t *testing.T) {
			commit(t, s, "new "+name, "encoded_data", expiry)
			find(t, s, "new "+name, "")
			commit(t, s, "known "+name, "encoded_data", hour())
			commit(t, s, "known "+name, "encoded_data", expiry)
			find(t, s, "known "+name, "")
		})
	}
}

func TestTokensMayHoldAnyBytes(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	tokens := []string{" ", "a b", "a\r\nflush_all\r\n", "\x00", "\xff\xfe", "é", strings.Repeat("x", scsstore.MaxTokenBytes)}
	for _, token := range tokens {
		find(t, s, token, "")
		commit(t, s, token, "of "+token, hour())
	}
	for _, token := range tokens {
		find(t, s, token, "of "+token)
	}
}

func TestUnusableTokensReachNoNode(t *testing.T) {
	nodes, err := cluster.ParseNodes("n1:127.0.0.1:1,n2:127.0.0.1:2")
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes, DialContext: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("no nodes here") // whoever asks them gets ErrUnavailable
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := scsstore.New(c)
	for _, token := range []string{"", strings.Repeat("secret", 2000)} {
		find(t, s, token, "")
		err := s.Commit(token, []byte("x"), hour())
		is(t, err, scsstore.ErrBadToken)
		if strings.Contains(err.Error(), "secret") {
			t.Error("the error holds the token")
		}
		if err := s.Delete(token); err != nil {
			t.Errorf("deleting what cannot exist: %v", err)
		}
	}
	if n := c.Stats().Unavailable; n != 0 {
		t.Errorf("nodes were asked: %d calls found them unavailable", n)
	}
}

// An outage reported as "not found" would log the user out for good: the handler
// writes to an empty session, and scs issues a new token.
func TestOutageIsAnError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 3, testenv.InMemory())
		s := scsstore.New(connectWithin(t, env, 100*time.Millisecond))
		commit(t, s, "token", "encoded_data", hour())
		for _, n := range env.All() {
			n.Pause()
		}
		_, found, err := s.Find("token")
		is(t, err, cluster.ErrUnavailable)
		if found {
			t.Error("found a session on nodes that do not answer")
		}
		is(t, s.Commit("token", []byte("encoded_data"), hour()), cluster.ErrUnavailable)
		is(t, s.Delete("other"), cluster.ErrUnavailable)
		for _, n := range env.All() {
			n.Resume()
		}
		eventually(t, func() bool { _, found, err := s.Find("token"); return found && err == nil })
		find(t, s, "token", "encoded_data")
	})
}

func TestTooLargeASessionIsRefusedAndTheOldOneStays(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	commit(t, s, "secret token", "encoded_data", hour())
	err := s.Commit("secret token", make([]byte, 2<<20), hour())
	is(t, err, cluster.ErrTooLarge)
	if err != nil && strings.Contains(err.Error(), "secret") {
		t.Error("the error holds the token")
	}
	find(t, s, "secret token", "encoded_data")
}

func TestCancelledRequest(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()

	// What the handler saved is saved, although its client is gone.
	if err := s.CommitCtx(ctx, "token", []byte("encoded_data"), hour()); err != nil {
		t.Fatal(err)
	}
	find(t, s, "token", "encoded_data")
	_, found, err := s.FindCtx(ctx, "token")
	is(t, err, context.Canceled)
	if found {
		t.Error("a cancelled find found something")
	}
	if err := s.DeleteCtx(ctx, "token"); err != nil {
		t.Fatal(err)
	}
	find(t, s, "token", "")
}

// Nor is it lost where it has to wait, since another request of the session is being saved.
func TestCancelledRequestThatWaitsForAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 3, testenv.InMemory())
		s := scsstore.New(connectWithin(t, env, 100*time.Millisecond))
		var isSlow atomic.Bool
		for _, n := range env.All() {
			n.OnCommand(func(verb, _ string) {
				if verb == "add" && isSlow.CompareAndSwap(false, true) {
					time.Sleep(50 * time.Millisecond)
				}
			})
		}
		first := make(chan error)
		go func() { first <- s.CommitCtx(t.Context(), "token", []byte("first"), hour()) }()
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := s.CommitCtx(ctx, "token", []byte("second"), hour()); err != nil {
			t.Error(err)
		}
		if err := <-first; err != nil {
			t.Error(err)
		}
		find(t, s, "token", "second")
	})
}

func TestAcceptRefusesSessionsOfAnotherCodec(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	commit(t, s, "old", "old bytes", hour())
	commit(t, s, "new", "new bytes", hour())
	s.Accept = func(b []byte) bool { return strings.HasPrefix(string(b), "new") }
	find(t, s, "old", "")
	find(t, s, "new", "new bytes")
}

// A token is all there is of a session: where two apps share nodes, their prefixes keep
// the sessions apart.
func TestAppsAreKeptApartByTheirPrefixes(t *testing.T) {
	env := threeNodes(t)
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	app := func(prefix string) *scsstore.Store {
		c, err := cluster.New(cluster.Config{Nodes: nodes, DialContext: env.DialContext, Timeout: limit, KeyPrefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return scsstore.New(c)
	}
	shop := app("shop:")
	commit(t, shop, "token", "the shop's", hour())
	for _, other := range []*scsstore.Store{app("forum:"), app("shop"), app("")} {
		find(t, other, "token", "")
	}
	find(t, app("shop:"), "token", "the shop's")
}

func TestStoreWithoutClusterSaysSo(t *testing.T) {
	for name, s := range map[string]*scsstore.Store{"nil": nil, "zero": {}, "New(nil)": scsstore.New(nil)} {
		t.Run(name, func(t *testing.T) {
			_, _, err := s.Find("token")
			is(t, err, scsstore.ErrNoCluster)
			is(t, s.Commit("token", nil, hour()), scsstore.ErrNoCluster)
			is(t, s.Delete("token"), scsstore.ErrNoCluster)
		})
	}
}

func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	t.Fatal("it does not happen")
}
