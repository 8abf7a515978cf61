package scsstore

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

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
}

// LockHandler has requests of one session run one at a time, on all instances: for a payment, or a
// wizard. Mount it on the routes that need it, or around the whole app, with LockOptions.Only for a
// choice. It does the work of LoadAndSave for next, and may stand in its place or inside it:
//
//	mux.Handle("POST /pay", store.LockHandler(sessions, scsstore.LockOptions{}, pay))
//	http.ListenAndServe(addr, store.LoadAndSave(sessions, mux))
//
// It takes the lock on the session of the request's cookie ([cluster.Cluster.Lock]), and only then
// loads the session; it gives the lock back when the session is committed. What other handlers have
// put into the session before, in the same request, next does not see. A request without a session
// runs at once: nobody else has its session.
//
// If another request has taken the lock meanwhile, since this one took longer than Lease, the commit,
// Update, RenewToken and Destroy return cluster.ErrLockLost, and nothing is stored or destroyed. A request that does not get the lock
// within Wait, or for want of nodes, is answered by m.ErrorFunc and does not reach next.
func (s *Store) LockHandler(m *scs.SessionManager, o LockOptions, next http.Handler) http.Handler {
	if o.Lease <= 0 {
		o.Lease = 30 * time.Second
	}
	if o.Wait <= 0 {
		o.Wait = 10 * time.Second
	}
	loaded, session := s.LoadAndSave(m, next), sessionKey(m)
	anew := func(w http.ResponseWriter, r *http.Request, ctx context.Context) {
		loaded.ServeHTTP(w, r.WithContext(hidden.Without(ctx, session, requestKey{s})))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if o.Only != nil && !o.Only(r) {
			if r.Context().Value(session) != nil {
				next.ServeHTTP(w, r) // LoadAndSave around it has loaded the session
			} else {
				loaded.ServeHTTP(w, r)
			}
			return
		}
		key := s.keyOf(m, r)
		if !usable(key) || s == nil || s.cluster == nil {
			anew(w, r, r.Context())
			return
		}
		held, unlock, err := lockWithin(r.Context(), s.cluster, key, o)
		switch {
		case errors.Is(err, cluster.ErrNotFound):
			anew(w, r, r.Context())
		case err != nil:
			m.ErrorFunc(w, r, err)
		default:
			defer unlock()
			anew(w, r, held)
		}
	})
}

// keyOf is the name under which m stores the session of the request's cookie; empty: it has none.
func (s *Store) keyOf(m *scs.SessionManager, r *http.Request) string {
	cookie, err := r.Cookie(m.Cookie.Name)
	if err != nil {
		return ""
	}
	u := &oneUpdate{manager: *m}
	u.manager.Store = u
	_, _ = u.manager.Load(context.Background(), cookie.Value)
	return u.key
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
