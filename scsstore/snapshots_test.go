package scsstore

// These tests show which find a commit is matched with, and that nothing outlives
// its request.

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

type contextKey struct{}

func cancellable(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return ctx
}

func TestSnapshotIsFoundByItsRequest(t *testing.T) {
	rec := cluster.NewRecord("a")
	for _, tc := range []struct {
		name  string
		other func(context.Context) context.Context
		token string
		found bool
	}{
		{"the same context", func(ctx context.Context) context.Context { return ctx }, "a", true},
		{"a value was added, as scs does", func(ctx context.Context) context.Context { return context.WithValue(ctx, contextKey{}, 1) }, "a", true},
		{"another session of the request", func(ctx context.Context) context.Context { return ctx }, "b", false},
		{"another request", func(context.Context) context.Context { return cancellable(t) }, "a", false},
		{"a context that can end by itself", func(ctx context.Context) context.Context {
			ctx, cancel := context.WithCancel(ctx)
			t.Cleanup(cancel)
			return ctx
		}, "a", false},
		{"a context without an end", context.WithoutCancel, "a", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var s snapshots
			ctx := cancellable(t)
			s.keep(requestOf(ctx), "a", rec)
			if got := s.take(requestOf(tc.other(ctx)), tc.token); (got == rec) != tc.found {
				t.Fatalf("take returned %p, the find had left %p", got, rec)
			}
		})
	}
}

func TestSnapshotWithoutDoneChannelIsNotKept(t *testing.T) {
	var s snapshots
	s.keep(requestOf(context.Background()), "a", cluster.NewRecord("a"))
	if got := s.take(requestOf(context.Background()), "a"); got != nil || len(s.byRequest) != 0 {
		t.Fatalf("took %v and kept %d entries for contexts that cannot be told apart", got, len(s.byRequest))
	}
}

func TestNewestFindOfARequestCounts(t *testing.T) {
	var s snapshots
	ctx := cancellable(t)
	first, second := cluster.NewRecord("a"), cluster.NewRecord("a")
	s.keep(requestOf(ctx), "a", first)
	s.keep(requestOf(ctx), "a", second)
	if got := s.take(requestOf(ctx), "a"); got != second {
		t.Fatal("the commit was not matched with the find before it")
	}
	if got := s.take(requestOf(ctx), "a"); got != nil {
		t.Fatal("a record that a commit has taken was given to another one")
	}
}

// The client goes away while the handler is at work: its context is cancelled, and
// the handler's commit must still find what it had loaded.
func TestSnapshotOutlivesCancellation(t *testing.T) {
	var s snapshots
	ctx, cancel := context.WithCancel(context.Background())
	rec := cluster.NewRecord("a")
	s.keep(requestOf(ctx), "a", rec)
	cancel()
	for range 5 {
		runtime.GC()
	}
	if got := s.take(requestOf(ctx), "a"); got != rec {
		t.Fatal("the snapshot was dropped while its request could still commit")
	}
	s.keep(requestOf(ctx), "a", rec)
	if got := s.take(requestOf(ctx), "a"); got != rec {
		t.Fatal("the snapshot of a first commit did not reach the second one")
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
	var s snapshots
	s.keep(requestOf(one), "a", cluster.NewRecord("a"))
	if got := s.take(requestOf(two), "a"); got != nil {
		t.Fatal("a commit was matched with the find of another request")
	}
}

func TestOneContextHoldsFewSnapshots(t *testing.T) {
	var s snapshots
	ctx := cancellable(t)
	for i := range 3 * maxPerRequest {
		s.keep(requestOf(ctx), fmt.Sprint(i), cluster.NewRecord("x"))
	}
	held := 0
	for i := range 3 * maxPerRequest {
		if s.take(requestOf(ctx), fmt.Sprint(i)) != nil {
			held++
			if i < 2*maxPerRequest {
				t.Errorf("find %d was remembered rather than a later one", i)
			}
		}
	}
	if held != maxPerRequest {
		t.Fatalf("%d snapshots were held for one context, want %d", held, maxPerRequest)
	}
}

func TestSnapshotsEndWithTheirRequests(t *testing.T) {
	var s snapshots
	for i := range 1000 {
		ctx, cancel := context.WithCancel(context.Background())
		s.keep(requestOf(ctx), fmt.Sprint(i), cluster.NewRecord("x"))
		if i%2 == 0 { // the others are never cancelled, and end all the same
			cancel()
		}
		_ = cancel
	}
	waitUntilEmpty(t, &s)
}

func TestSnapshotServesOneCommitAtATime(t *testing.T) {
	var s snapshots
	ctx := cancellable(t)
	s.keep(requestOf(ctx), "a", cluster.NewRecord("a"))
	var wg sync.WaitGroup
	var took atomic.Int32
	for range 8 {
		wg.Go(func() {
			if s.take(requestOf(ctx), "a") != nil {
				took.Add(1)
			}
		})
	}
	wg.Wait()
	if took.Load() != 1 {
		t.Fatalf("%d commits got the same record", took.Load())
	}
}

// waitUntilEmpty collects garbage until the snapshots of all ended requests are
// gone.
func waitUntilEmpty(t *testing.T, s *snapshots) {
	t.Helper()
	left := 0
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit); time.Sleep(time.Millisecond) {
		runtime.GC()
		if left = s.requests(); left == 0 {
			return
		}
	}
	t.Fatalf("the snapshots of %d ended requests are still held", left)
}

func (s *snapshots) requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byRequest)
}
