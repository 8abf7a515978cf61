package scsstore

import (
	"context"
	"reflect"
)

// This file decides which contexts belong to one request.

// requestKey is the context key under which [Store.LoadAndSave] keeps the request.
type requestKey struct{ *Store }

// within returns a context of the request that ctx belongs to. Contexts that are made
// of it belong to the same request, also without its cancellation.
func (s *Store) within(ctx context.Context) context.Context {
	if _, known := ctx.Value(requestKey{s}).(*request); known {
		return ctx // one LoadAndSave inside another
	}
	return context.WithValue(ctx, requestKey{s}, new(request))
}

// requestOf returns what is known under ctx: since LoadAndSave, or since the context's
// Done channel was first seen, which net/http makes anew for each request. It is nil
// for a context that has neither.
//
// What is known under a Done channel is kept as long as the channel can be reached,
// not just until it is closed: a client that goes away closes it in the middle of the
// handler, and what the handler then saves must still be compared with what it had
// found. net/http gives no sign of the handler's end, but the garbage collector does.
//
// Call requestOf before anything that waits: a channel that is closed when it is first
// seen may be the one that package context hands out for all contexts that ended
// before anybody asked for theirs.
func (s *Store) requestOf(ctx context.Context) *request {
	if ctx == nil {
		return nil
	}
	if r, known := ctx.Value(requestKey{s}).(*request); known {
		return r
	}
	done := ctx.Done()
	// The address of the channel itself, nil for a nil channel. It is compared, and its
	// end awaited, but never read.
	id := (*byte)(reflect.ValueOf(done).UnsafePointer())
	select {
	case <-done:
		r, _ := s.requests.Get(id)
		return r
	default:
		return s.requests.GetOrSet(id, func() *request { return new(request) })
	}
}
