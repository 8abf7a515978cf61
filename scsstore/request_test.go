package scsstore_test

// These tests call the store as scs does, with the contexts of requests, where the
// order of finds and commits matters more than what an app looks like.

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// encoded returns a session's bytes as scs would commit them.
func encoded(t *testing.T, values map[string]any) []byte {
	t.Helper()
	b, err := serializer.Codec{}.Encode(hour(), values)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// holds demands that the token's session holds exactly the values.
func holds(t *testing.T, s *scsstore.Store, token string, want map[string]any) {
	t.Helper()
	b, found, err := s.Find(token)
	if err != nil || !found {
		t.Fatalf("found %v, error %v", found, err)
	}
	_, got, err := serializer.Codec{}.Decode(b)
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Fatalf("the session holds %v, error %v; want %v", got, err, want)
	}
}

type values = map[string]any

// request is a context as net/http makes one for each request.
func request(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx
}

// save commits for the request, which must succeed.
func save(t *testing.T, s *scsstore.Store, ctx context.Context, token string, v values) {
	t.Helper()
	if err := s.CommitCtx(ctx, token, encoded(t, v), hour()); err != nil {
		t.Fatal(err)
	}
}

// load finds for the request, which must succeed.
func load(t *testing.T, s *scsstore.Store, ctx context.Context, token string) {
	t.Helper()
	if _, found, err := s.FindCtx(ctx, token); err != nil || !found {
		t.Fatalf("found %v, error %v", found, err)
	}
}

// A new session that was committed once is compared with that commit, too.
func TestSecondCommitOfANewSession(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	first, other := request(t), request(t)
	save(t, s, first, "token", values{"a": 1})
	load(t, s, other, "token")
	save(t, s, other, "token", values{"a": 1, "b": 2})
	save(t, s, first, "token", values{"a": 1, "c": 3})
	holds(t, s, "token", values{"a": 1, "b": 2, "c": 3})
}

// A commit that failed can be tried again by the same request, and still overwrites
// nothing that it has not seen.
func TestCommitAfterAFailedOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 2, testenv.InMemory())
		s, elsewhere := scsstore.New(connectWithin(t, env, 100*time.Millisecond)), scsstore.New(connectWithin(t, env, 100*time.Millisecond))
		save(t, s, request(t), "token", values{"a": 1})
		failing, other := request(t), request(t)
		load(t, s, failing, "token")
		env.Node(0).Pause()
		env.Node(1).Pause()
		if err := s.CommitCtx(failing, "token", encoded(t, values{"a": 2}), hour()); err == nil {
			t.Fatal("saved on nodes that do not answer")
		}
		env.Node(0).Resume()
		env.Node(1).Resume()
		eventually(t, func() bool { _, found, err := elsewhere.FindCtx(other, "token"); return found && err == nil })
		save(t, elsewhere, other, "token", values{"a": 1, "b": 2})
		eventually(t, func() bool { return s.CommitCtx(failing, "token", encoded(t, values{"a": 2}), hour()) == nil })
		holds(t, s, "token", values{"a": 2, "b": 2})
	})
}

func TestNothingRevivesADeletedSession(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	save(t, s, request(t), "token", values{"a": 1})
	deleting, other := request(t), request(t)
	load(t, s, deleting, "token")
	load(t, s, other, "token")
	if err := s.DeleteCtx(deleting, "token"); err != nil {
		t.Fatal(err)
	}
	for name, ctx := range map[string]context.Context{
		"the request that deleted it": deleting,
		"one that had found it":       other,
		"one that had not":            request(t),
		"one without a Done channel":  context.Background(),
	} {
		for range 2 {
			save(t, s, ctx, "token", values{"a": 2})
			if _, found, err := s.Find("token"); found || err != nil {
				t.Fatalf("after a commit of %s: found %v, error %v", name, found, err)
			}
		}
	}
}

// Where a commit cannot be matched with its find it replaces the session, as in any
// other store. The package comment says so; this test keeps it true.
func TestCommitsThatCannotBeMatchedReplaceTheSession(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	for name, contexts := range map[string]func(t *testing.T) (find, commit context.Context){
		"a derived context with its own Done channel": func(t *testing.T) (context.Context, context.Context) {
			ctx := request(t)
			derived, cancel := context.WithCancel(ctx)
			t.Cleanup(cancel)
			return ctx, derived
		},
		"no Done channel": func(*testing.T) (context.Context, context.Context) {
			return context.Background(), context.Background()
		},
	} {
		t.Run(name, func(t *testing.T) {
			finding, committing := contexts(t)
			save(t, s, request(t), name, values{"start": 0})
			load(t, s, finding, name)
			other := request(t)
			load(t, s, other, name)
			save(t, s, other, name, values{"start": 0, "b": 2})
			save(t, s, committing, name, values{"start": 0, "a": 1})
			holds(t, s, name, values{"start": 0, "a": 1})
		})
	}
}

// The client goes away just when its session has been found: the handler runs all
// the same, and its commit is still compared with the find.
func TestClientThatGoesAwayDuringItsFind(t *testing.T) {
	s := scsstore.New(connect(t, threeNodes(t)))
	save(t, s, request(t), "token", values{"start": 0})
	ctx, leave := context.WithCancel(t.Context())
	s.Accept = func([]byte) bool {
		leave()
		return true
	}
	load(t, s, ctx, "token")
	s.Accept = nil
	other := request(t)
	load(t, s, other, "token")
	save(t, s, other, "token", values{"start": 0, "b": 2})
	save(t, s, ctx, "token", values{"start": 0, "a": 1})
	holds(t, s, "token", values{"start": 0, "a": 1, "b": 2})
}
