package gorillastore

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/hidden"
)

// This file decides which requests of a session run one at a time, on all instances: LockHandler.

// LockOptions say how LockHandler locks. The zero value locks all requests.
type LockOptions struct {
	// Lease is how long a request may take: after that time another one may go on, as after the death
	// of the process. If zero, 30 s is used.
	Lease time.Duration
	// Wait is how long a request waits for those before it. If zero, 10 s is used.
	Wait time.Duration
	// Only, if not nil, says which requests are locked. The others go on at once.
	Only func(r *http.Request) bool
	// Error answers a request that has not got the lock. If nil, the answer is 503.
	Error func(w http.ResponseWriter, r *http.Request, err error)
}

// LockHandler has requests of one session run one at a time, on all instances: for a payment, or a
// wizard. Mount it on the routes that need it, or around the whole app with LockOptions.Only.
//
//	mux.Handle("POST /pay", store.LockHandler("app", gorillastore.LockOptions{}, pay))
//
// It takes the lock on the session of that name ([cluster.Cluster.Lock]), and only then does next
// load the session: what other handlers have loaded of it before, in the same request, next does
// not see. A request without a session runs at once: nobody else has its session.
//
// If another request has taken the lock meanwhile, since this one took longer than Lease, Save,
// RenewID and Update return cluster.ErrLockLost, and nothing is stored or deleted. A request that does not get the lock
// within Wait, or for want of nodes, is answered by LockOptions.Error and does not reach next.
func (s *Store) LockHandler(name string, o LockOptions, next http.Handler) http.Handler {
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Wait <= 0 {
		o.Wait = 10 * time.Second
	}
	if o.Error == nil {
		o.Error = func(w http.ResponseWriter, _ *http.Request, _ error) {
			http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
		}
	}
	registry := hidden.KeyOf(func(ctx context.Context) {
		sessions.GetRegistry((&http.Request{}).WithContext(ctx))
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s == nil || o.Only != nil && !o.Only(r) {
			next.ServeHTTP(w, r)
			return
		}
		ids, _ := s.presentedIDs(r, name)
		for _, p := range ids {
			held, unlock, err := lockWithin(r.Context(), s.cluster, p.id, o)
			switch {
			case errors.Is(err, cluster.ErrNotFound):
				continue
			case err != nil:
				o.Error(w, r, err)
			default:
				defer unlock()
				next.ServeHTTP(w, r.WithContext(hidden.Without(held, registry)))
			}
			return
		}
		next.ServeHTTP(w, r)
	})
}

// lockWithin takes the lock if it is to be had within o.Wait. The context that has it does not end
// then.
func lockWithin(ctx context.Context, c *cluster.Cluster, key string, o LockOptions) (held context.Context, unlock func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(o.Wait, cancel)
	held, release, err := c.Lock(ctx, key, o.Lease)
	if late.Stop() || err != nil {
		return held, func() { release(); cancel() }, err
	}
	release()
	return held, cancel, context.DeadlineExceeded
}
