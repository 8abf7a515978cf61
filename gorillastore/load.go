package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides which session a request has.

// Get returns the session of that name, the same session for the whole request. It is never nil.
// Get loads it as New does and returns the errors of New, each for as long as it is true:
//
//   - After a Save that succeeds, also one that deletes the session, Get returns no error any more.
//   - If the session could not be loaded because nodes were out of reach, or because a context
//     ended, the next Get loads it once more. If that succeeds, the values that the app has put
//     into the session meanwhile are dropped, because the app put them into an empty session.
//
// If another store has a session of that name in the same request, Get returns an error that says
// so, and a session that can be neither saved nor deleted: the two sessions would share one cookie.
// Give the sessions of each store a name of their own.
func (s *Store) Get(r *http.Request, name string) (*sessions.Session, error) {
	if s == nil || r == nil || validName(name) != nil || s.validHeader() != nil {
		return s.New(r, name)
	}
	registry := sessions.GetRegistry(r)
	session, err := registry.Get(s, name)
	t, _ := loads.of(session, nil)
	if t.store != s {
		// The registry keeps one session for a name, and has just put this store into the session
		// of the other store. Asking for the other store puts that one back.
		if t.store != nil {
			_, _ = registry.Get(t.store, name)
		}
		return s.refused(name)
	}
	if err != nil {
		err = s.retry(r.Context(), session, t)
	}
	return session, err
}

// refused is what Get returns in the place of another store's session.
func (s *Store) refused(name string) (*sessions.Session, error) {
	session := s.blank(name)
	loads.putNew(session, &track{})
	return session, otherStore(name)
}

func otherStore(name string) error {
	return fmt.Errorf("gorillastore: session %q belongs to another store: where a request uses several stores, "+
		"the sessions of each need a name of their own, since there is one cookie for a name", name)
}

// blank returns a new session as the Store's options want it.
func (s *Store) blank(name string) *sessions.Session {
	session := sessions.NewSession(s, name)
	session.Options, session.IsNew = s.options(), true
	return session
}

// New loads the session of that name without remembering it for the request; apps call Get. The
// session is never nil:
//
//   - Without a cookie, or if no session is stored under the cookie's id (it ended, was deleted, or
//     never existed), New returns a new session, IsNew, and a nil error. Its ID is empty: an id
//     that a client brings is never adopted. Of several cookies of that name, the first whose
//     session exists counts; at most eight are loaded.
//   - If no cookie of that name verifies, New returns a new session, which can be saved, and a
//     securecookie.MultiError.
//   - If the session cannot be loaded, New returns an empty session and an error that wraps
//     cluster.ErrUnavailable, the request's context error, cluster.ErrVersion or ErrUndecodable.
//     The session can not be saved (ErrNotLoaded), only deleted with a negative MaxAge.
func (s *Store) New(r *http.Request, name string) (*sessions.Session, error) {
	session := s.blank(name)
	if s == nil {
		return session, errNoStore
	}
	t := &track{store: s, span: s.usual()}
	loads.putNew(session, t)
	if r == nil {
		return session, fmt.Errorf("gorillastore: session %q: the request is nil", name)
	}
	if err := errors.Join(validName(name), s.validHeader()); err != nil {
		return session, err
	}
	if t.presented, t.trouble = s.presentedIDs(r, name); t.trouble == nil {
		s.load(r.Context(), session, session.Values, t)
	}
	return session, t.trouble
}

// load fills the session, and values, from the first presented id that has a session. A load that
// fails ends the search, because that id may have been the first.
func (s *Store) load(ctx context.Context, session *sessions.Session, values map[any]any, t *track) {
	t.failed, t.trouble = nil, nil
	for _, p := range t.presented {
		id := p.id
		rec, err := s.cluster.LoadVersion(ctx, id, p.version)
		if err == nil {
			err = s.decode(session.Name(), values, rec.Attrs)
		}
		if errors.Is(err, cluster.ErrVersion) {
			if err = s.unreadable(session.Name(), nil, err); err == nil {
				continue
			}
		}
		switch {
		case err == nil:
			t.rec, session.ID, session.IsNew = rec, id, false
			s.live(session, t)
			return
		case errors.Is(err, cluster.ErrNotFound):
			continue
		case !errors.Is(err, ErrUndecodable):
			err = fmt.Errorf("gorillastore: session %q cannot be loaded: %w", session.Name(), err)
		}
		t.failed, t.trouble = err, err
		return
	}
}

// retry returns the error of Get for a session whose first load failed, after another load if that
// may succeed. It is needed because the registry of gorilla/sessions keeps the first error of a
// request for good.
func (s *Store) retry(ctx context.Context, session *sessions.Session, t *track) error {
	if t.changing.Load() {
		return nil // an update has loaded it
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !passing(t.failed) {
		return t.trouble
	}
	values := map[any]any{}
	s.load(ctx, session, values, t)
	if t.failed == nil {
		if session.Values == nil {
			session.Values = values
		}
		clear(session.Values)
		maps.Copy(session.Values, values)
	}
	return t.trouble
}

// passing reports whether a load that failed with this error may succeed when it is tried again.
func passing(failed error) bool {
	return errors.Is(failed, cluster.ErrUnavailable) || errors.Is(failed, context.Canceled) || errors.Is(failed, context.DeadlineExceeded)
}
