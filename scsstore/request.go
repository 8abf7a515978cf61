package scsstore

import (
	"context"
	"reflect"
)

// This file decides which contexts belong to one request.

// requestKey is the context key under which [Store.LoadAndSave] keeps the request.
type requestKey struct{ *Store }

// within returns a context that is marked with its request. Contexts that are made of it belong to
// the same request, also those made by context.WithoutCancel.
func (s *Store) within(ctx context.Context) context.Context {
	if _, known := ctx.Value(requestKey{s}).(*request); known {
		return ctx // one LoadAndSave inside another
	}
	return context.WithValue(ctx, requestKey{s}, new(request))
}

// requestOf returns the request that ctx belongs to: by the mark of LoadAndSave, else by the
// context's Done channel, which net/http makes anew for each request. It returns nil for a context
// that has neither.
//
// The request of a Done channel is kept as long as the channel can be reached, not just until it is
// closed: a client that goes away closes it in the middle of the handler, and the handler's next
// commit must still be compared with its find. net/http gives no sign of the handler's end, but the
// garbage collector does.
//
// Call requestOf before anything that waits: a channel that is closed when it is first seen may be
// the one closed channel that package context shares among all contexts that had ended before their
// Done was first called.
func (s *Store) requestOf(ctx context.Context) *request {
	if ctx == nil {
		return nil
	}
	if r, known := ctx.Value(requestKey{s}).(*request); known {
		return r
	}
	done := ctx.Done()
	// The address of the channel itself, nil for a nil channel. It is compared, and the map waits
	// for the end of its object, but it is never read.
	id := (*byte)(reflect.ValueOf(done).UnsafePointer())
	select {
	case <-done:
		r, _ := s.requests.Get(id)
		return r
	default:
		return s.requests.GetOrSet(id, func() *request { return new(request) })
	}
}
