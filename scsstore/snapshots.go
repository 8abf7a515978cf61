package scsstore

// This file decides which find a commit belongs to, and how long a find is
// remembered.

import (
	"context"
	"reflect"
	"runtime"
	"slices"
	"sync"
	"weak"

	"github.com/holdfast-go/holdfast/cluster"
)

// maxPerRequest bounds what one context can hold. A request finds one session,
// or two when it merges them; a context that finds more belongs to something longer than
// a request, and its oldest finds are the least likely to be committed.
const maxPerRequest = 16

// snapshots holds the records that finds have returned, for the commits that
// follow.
//
// A record is kept as long as its request's Done channel can be reached, not just
// until the channel is closed: a client that goes away closes it in the middle of
// the handler, and what the handler then saves must still be compared with
// what it had found. net/http gives no sign of the handler's end, but the garbage
// collector does.
type snapshots struct {
	mu        sync.Mutex // guards below
	byRequest map[requestID][]snapshot
}

// snapshot is a record on its way from a find to a commit.
type snapshot struct {
	token string
	rec   *cluster.Record
}

// requestID is a request's Done channel, held weakly, so that the map does not
// keep alive what its entries wait for to end.
type requestID = weak.Pointer[byte]

// request is what a context tells about the request it belongs to.
type request struct {
	done *byte // the Done channel, for its identity; nil when there is none
	open bool  // the channel was not closed yet
}

// requestOf must be called before anything that waits: a channel that is closed
// when it is first seen may be the one that package context hands out for
// all contexts that ended before anybody asked for theirs.
func requestOf(ctx context.Context) request {
	if ctx == nil || ctx.Done() == nil {
		return request{}
	}
	done := ctx.Done()
	select {
	case <-done:
		return request{done: channelID(done)}
	default:
		return request{done: channelID(done), open: true}
	}
}

// channelID returns the address of the channel itself. It is compared, and
// its end awaited, but never read.
func channelID(ch <-chan struct{}) *byte {
	return (*byte)(reflect.ValueOf(ch).UnsafePointer())
}

// keep remembers rec as what the request knows of the token's session, in place
// of what it knew before.
func (s *snapshots) keep(req request, token string, rec *cluster.Record) {
	if req.done == nil {
		return
	}
	id := weak.Make(req.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	held, known := s.byRequest[id]
	if !known {
		if !req.open {
			return
		}
		if s.byRequest == nil {
			s.byRequest = make(map[requestID][]snapshot)
		}
		runtime.AddCleanup(req.done, s.forget, id)
	}
	held = without(held, token)
	if len(held) == maxPerRequest {
		held = slices.Delete(held, 0, 1)
	}
	s.byRequest[id] = append(held, snapshot{token, rec})
}

// take returns what the request knows of the token's session and forgets it, or
// nil. A record serves one commit at a time; keep gives it back.
func (s *snapshots) take(req request, token string) *cluster.Record {
	if req.done == nil {
		return nil
	}
	id := weak.Make(req.done)
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.byRequest[id]
	i := slices.IndexFunc(held, func(h snapshot) bool { return h.token == token })
	if i < 0 {
		return nil
	}
	rec := held[i].rec
	s.byRequest[id] = slices.Delete(held, i, i+1)
	return rec
}

func without(held []snapshot, token string) []snapshot {
	return slices.DeleteFunc(held, func(h snapshot) bool { return h.token == token })
}

// forget is called by the garbage collector's goroutine when the request's Done
// channel is gone.
func (s *snapshots) forget(id requestID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byRequest, id)
}
