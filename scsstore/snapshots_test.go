package scsstore

// These tests show which contexts are one request, and what a request remembers.

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

type contextKey struct{}

func cancellable(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx
}

func snapshotFor(token, value string) *snapshot {
	rec := cluster.NewRecord(token)
	rec.Attrs["x"] = []byte(value)
	return &snapshot{token: token, rec: rec}
}

func TestContextsOfOneRequest(t *testing.T) {
	withValue := func(ctx context.Context) context.Context { return context.WithValue(ctx, contextKey{}, 1) }
	withTimeout := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		t.Cleanup(cancel)
		return ctx
	}
	another := func(context.Context) context.Context { return cancellable(t) }
	for _, tc := range []struct {
		name  string
		of    func(context.Context) context.Context
		plain bool // it is the same request by its Done channel
		ours  bool // it is the same request since LoadAndSave
	}{
		{"with a value, as scs adds one", withValue, true, true},
		{"that can end by itself", withTimeout, false, true},
		{"that does not end", context.WithoutCancel, false, true},
		{"of another request", another, false, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := New(nil)
			ctx := cancellable(t)
			if got := s.requestOf(ctx) == s.requestOf(tc.of(ctx)); got != tc.plain {
				t.Errorf("by its Done channel it is the same request: %v, want %v", got, tc.plain)
			}
			ctx = s.within(ctx)
			if got := s.requestOf(ctx) == s.requestOf(tc.of(ctx)); got != tc.ours {
				t.Errorf("since LoadAndSave it is the same request: %v, want %v", got, tc.ours)
			}
			if s.within(ctx) != ctx {
				t.Error("one LoadAndSave inside another is a request of its own")
			}
			if New(nil).requestOf(ctx) == s.requestOf(ctx) {
				t.Error("two stores share what they know")
			}
		})
	}
}

func TestContextWithoutDoneChannelIsNoRequest(t *testing.T) {
	s := New(nil)
	for _, ctx := range []context.Context{nil, context.Background(), context.WithoutCancel(cancellable(t))} {
		r := s.requestOf(ctx)
		r.found(snapshotFor("a", "1"))
		r.committed(snapshotFor("a", "1"))
		if r != nil || r.snapshotOf("a") != nil || s.lost(nil, r) != nil {
			t.Errorf("%v is a request", ctx)
		}
	}
}

// The client goes away while the handler is at work: its context is cancelled, and the
// handler's commit must still find what it had loaded.
func TestRequestOutlivesItsCancellation(t *testing.T) {
	s := New(nil)
	ctx, cancel := context.WithCancel(context.Background())
	found := snapshotFor("a", "1")
	s.requestOf(ctx).found(found)
	cancel()
	for range 5 {
		runtime.GC()
	}
	if s.requestOf(ctx).snapshotOf("a") != found {
		t.Fatal("the find was forgotten while its request could still commit")
	}
}

// Package context answers for all contexts that ended before anybody asked for
// their Done channel with one and the same channel.
func TestContextsThatEndedEarlyAreNotMixed(t *testing.T) {
	ended := func() context.Context {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		return ctx
	}
	one, two := ended(), ended()
	if one.Done() != two.Done() {
		t.Skip("this Go gives each context a channel of its own")
	}
	if s := New(nil); s.requestOf(one) != nil || s.requestOf(two) != nil {
		t.Fatal("two requests were taken for one")
	}
}

func TestFirstFindCountsAndEachCommit(t *testing.T) {
	var r request
	first, second := snapshotFor("a", "1"), snapshotFor("a", "2")
	r.found(first)
	r.found(second)
	if r.snapshotOf("a") != first {
		t.Error("a later find took the place of the first")
	}
	r.committed(second)
	r.found(first)
	if r.snapshotOf("a") != second {
		t.Error("after a commit something else is known than what it stored")
	}
	if r.snapshotOf("b") != nil {
		t.Error("the find of another session was taken")
	}
}

// A commit of a session in one piece replaces it. Compared with an old find, a change back
// to what that had held would look like none, and be lost.
func TestNewestFindCountsForASessionInOnePiece(t *testing.T) {
	var r request
	for range 2 {
		s := snapshotFor("a", "1")
		s.rec.Attrs = map[string][]byte{wholeName: []byte("x")}
		r.found(s)
		if r.snapshotOf("a") != s {
			t.Error("an older find was kept")
		}
	}
}

func TestOneContextHoldsFewSnapshots(t *testing.T) {
	var r request
	store := New(nil)
	for i := range 3 * maxPerRequest {
		s := snapshotFor(fmt.Sprint(i), "1")
		r.found(s)
		store.deletes(&r, s.token, true)
	}
	for i := range 3 * maxPerRequest {
		if held := r.snapshotOf(fmt.Sprint(i)) != nil; held != (i >= 2*maxPerRequest) {
			t.Errorf("find %d is remembered: %v", i, held)
		}
	}
	if len(r.known) != maxPerRequest || len(r.deleted) != maxPerRequest {
		t.Errorf("%d finds and %d deletions are remembered, want %d", len(r.known), len(r.deleted), maxPerRequest)
	}
}

func TestFewTokensAreRememberedOfContextsThatTellNothing(t *testing.T) {
	s := New(nil)
	for i := range 3 * maxGone {
		s.deletes(nil, fmt.Sprint(i), true)
		s.deletes(nil, "living", false)
	}
	for i := range 3 * maxGone {
		token := fmt.Sprint(i)
		if lost := s.lost(snapshotFor(token, "1"), nil) != nil; lost != (i >= 2*maxGone) {
			t.Fatalf("of token %d it is known that it had gone: %v", i, lost)
		}
	}
	if s.lost(snapshotFor("living", "1"), nil) != nil {
		t.Error("a session that was there when it was deleted counts as gone")
	}
}

// A session that had gone, and was renewed, may be gone again when it is renewed once more.
func TestValuesOfAllThatHadGoneAreLost(t *testing.T) {
	s := New(nil)
	second := snapshotFor("second", "1")
	second.lost = map[string][]byte{"user": []byte("ann")}
	s.deletes(nil, "second", true)
	if got := s.lost(second, nil); len(got) != 2 || got["user"] == nil || got["x"] == nil {
		t.Errorf("lost are %q", got)
	}
}
