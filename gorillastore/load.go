// This file decides which session a request has.

package gorillastore

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// Get returns the session of that name, the same one for the whole request. It is never nil. See
// New for the rest.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	if r == nil || validName(name) != nil {
		return s.New(r, name)
	}
	return sessions.GetRegistry(r).Get(s, name)
}

// New loads the session of that name without remembering it for the request; apps call Get. The
// session is never nil:
//
//   - Without a cookie, or when no session exists under its id (it ended, was deleted, or never
//     was), it is a new one, IsNew, and the error is nil. Its id is empty: an id that a client
//     brings is never adopted.
//   - With a cookie that does not verify it is a new one, and the error a securecookie.MultiError.
//     It can be saved.
//   - When the session cannot be loaded it is an empty one, and the error wraps that of the load:
//     cluster.ErrUnavailable, the request's context error, cluster.ErrVersion or ErrUndecodable. It
//     can not be saved (ErrNotLoaded), only deleted with a negative MaxAge.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	if s == nil {
		session.Options, session.IsNew = s.options(), true
		return session, errNoStore
	}
	session.Options = s.options()
	session.IsNew = true
	t := &track{}
	s.tracks.putNew(session, t)
	if r == nil {
		return session, fmt.Errorf("gorillastore: session %q: the request is nil", name)
	}
	if err := validName(name); err != nil {
		return session, err
	}
	id, err := s.presentedID(r, name)
	if id == "" {
		return session, err
	}
	t.presented = id
	rec, err := s.cluster.Load(r.Context(), id)
	if err == nil {
		err = s.decode(session, rec.Attrs)
	}
	if errors.Is(err, cluster.ErrVersion) {
		if err = s.unreadable(session, nil, err); err == nil {
			return session, nil
		}
	}
	switch {
	case err == nil:
		t.rec, session.ID, session.IsNew = rec, id, false
	case errors.Is(err, cluster.ErrNotFound):
		return session, nil
	case errors.Is(err, ErrUndecodable):
		t.failed = err
	default:
		t.failed = fmt.Errorf("gorillastore: session %q cannot be loaded: %w", name, err)
	}
	return session, t.failed
}
