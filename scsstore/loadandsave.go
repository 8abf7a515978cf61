package scsstore

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides when a request loads its session, when it commits it, and when it sets the
// cookie: Store's own LoadAndSave.

// LoadAndSave does what m.LoadAndSave does, for a SessionManager whose Store is s. Use it in the
// place of m.LoadAndSave:
//
//	http.ListenAndServe(addr, store.LoadAndSave(sessions, mux))
//
// It reads the cookie, loads the session, calls next with the session in the request's context,
// commits the changes before the first byte of the answer, and sets the cookie, all as m's settings
// say. It differs from m.LoadAndSave in four points:
//
//   - If the session was deleted or has ended since the request found it, the answer goes out as
//     the handler wrote it, without a cookie and without m.ErrorFunc: by now the browser may hold
//     the cookie of a new login. If the handler itself destroys its session, the cookie is expired
//     as usual.
//   - With any codec, a commit knows its find in every context that is made of the request's
//     context, also in that of context.WithoutCancel.
//   - The session is committed before the first Flush, too, so that a stream sends its cookie.
//     Informational answers (1xx) go out at once and commit nothing.
//   - A second cookie, named as the session's with "_v" behind it, carries the version of what the
//     client has seen, and is set when that has changed. With it an instance with
//     [cluster.Config.Local] serves the session from its own memory. It is set also where Local is
//     off, so that a fleet can be switched over instance by instance. It holds nothing of the
//     session and proves nothing to anybody else.
//
// A Store that wraps s, for example to count calls, must pass the contexts on.
func (s *Store) LoadAndSave(m *scs.SessionManager, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Cookie")
		token := ""
		if cookie, err := r.Cookie(m.Cookie.Name); err == nil {
			token = cookie.Value
		}
		v, within := s.visiting(m, r)
		ctx, err := m.Load(within, token)
		if err != nil {
			m.ErrorFunc(w, r, err)
			return
		}
		r = r.WithContext(ctx)
		a := &answer{ResponseWriter: w, before: func() { s.save(m, w, r, v) }}
		next.ServeHTTP(a, r)
		a.begin()
	})
}

// save commits the session of a request where it has changed, and sets the cookie.
func (s *Store) save(m *scs.SessionManager, w http.ResponseWriter, r *http.Request, v *visit) {
	ctx := r.Context()
	switch m.Status(ctx) {
	case scs.Modified:
		token, expiry, err := m.Commit(context.WithValue(ctx, reportKey{}, true))
		switch {
		case errors.Is(err, cluster.ErrDestroyed):
		case err != nil:
			m.ErrorFunc(w, r, err)
		default:
			m.WriteSessionCookie(ctx, w, token, expiry)
			v.write(ctx, w)
		}
	case scs.Destroyed:
		m.WriteSessionCookie(ctx, w, "", time.Time{})
		v.write(ctx, w)
	default:
		v.write(ctx, w)
	}
}

// reportKey is the context key of commits that are to tell of a destroyed session.
type reportKey struct{}

func (s *Store) reportsDestroyed(ctx context.Context) bool {
	return s.ReportDestroyed || ctx != nil && ctx.Value(reportKey{}) != nil
}
