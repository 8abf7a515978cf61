package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what is written when a session is saved, renewed or deleted, and in which
// order.

// Save stores the session and sets its cookie; with a negative Options.MaxAge it deletes the
// session and expires the cookie. Call it before the response begins. An error means that no cookie
// was set, except where a new id took the place of an old one (see RenewID).
//
//   - What other requests have saved meanwhile under other keys is kept; of two changes of one key
//     the later wins. A value that the app left alone is not written, whatever its encoder does.
//   - A session that another request has deleted meanwhile stays deleted, and one that has ended
//     while this request ran stays ended: nothing is stored, no cookie is set, and the error is
//     nil, since the request is to blame for nothing. The user's next request has a new session.
//   - A session that could not be loaded is not saved: ErrNotLoaded. It can be deleted.
//   - A session whose ID has been emptied or changed since its load moves to a new or to that ID,
//     as RenewID does it.
//   - A value that could not be restored refuses the whole save, naming key and type; what was
//     stored before stays as it is.
//   - When a session cannot be deleted, its cookie is left as well: without it nobody could try
//     again, and the user would believe to be out.
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	return s.save(r, w, session, false)
}

// RenewID saves the session as Save does, but under a new id, sets the cookie to it and destroys
// the old id on every node. Call it whenever a user's rights change, first of all at login: an id
// that someone else knows or has planted is worth nothing then.
//
// The new session is stored first, then the old one destroyed: whatever is interrupted, one of them
// exists. Whatever other requests save under the old id meanwhile is lost with it. Errors that it
// may return beyond Save's:
//
//   - cluster.ErrDestroyed: the session was deleted or ended meanwhile; it has not been renewed,
//     and no cookie was set.
//   - An error that says that the old id could not be destroyed: the session has its new id and
//     cookie, the old id remains valid until it ends.
func (s *Store) RenewID(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	return s.save(r, w, session, true)
}

func (s *Store) save(r *http.Request, w http.ResponseWriter, session *sessions.Session, renew bool) error {
	if s == nil {
		return errNoStore
	}
	if err := usable(r, w, session); err != nil {
		return err
	}
	// A client that has gone does not take back what its request did.
	ctx := context.WithoutCancel(r.Context())
	t, known := loads.of(session, s)
	if t.store != s {
		return otherStore(session.Name())
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if session.Options == nil {
		session.Options = s.options()
		session.Options.MaxAge = t.span.maxAge
	}
	if session.Options.MaxAge < 0 {
		if !known && session.ID == "" {
			t.presented, _ = s.presentedIDs(r, session.Name())
		}
		return s.destroy(ctx, r, w, session, t)
	}
	if t.failed != nil {
		return fmt.Errorf("%w, so it is not saved: %w", ErrNotLoaded, t.failed)
	}
	if t.rec == nil || renew || session.ID != t.rec.Key() {
		id := session.ID
		if renew || id == "" {
			id = newID()
		}
		return s.storeAs(ctx, r, w, session, t, id)
	}
	return s.storeAgain(ctx, r, w, session, t)
}

// storeAgain stores the session under the id it has.
func (s *Store) storeAgain(ctx context.Context, r *http.Request, w http.ResponseWriter, session *sessions.Session, t *track) error {
	attrs, cookie, err := s.prepare(r, session, t, t.rec.Key())
	if err != nil {
		return err
	}
	stored := t.rec.Attrs
	t.rec.Attrs, t.rec.Deadline = attrs, s.deadline(session)
	err = s.cluster.Save(ctx, t.rec)
	if err != nil {
		t.rec.Attrs = stored // what the next save is compared with
	}
	switch {
	case errors.Is(err, cluster.ErrDestroyed):
		// The cookie is left alone: whoever deleted the session has expired it, and by now the
		// browser may hold that of a new login.
		s.takeBackID(w, session.Name(), t.rec.Key())
		return nil
	case err != nil:
		return notSaved(session, err)
	}
	s.saved(w, session, t, t.rec, cookie)
	return nil
}

// storeAs stores the session under an id that it has not had yet, and ends the one it had.
func (s *Store) storeAs(ctx context.Context, r *http.Request, w http.ResponseWriter, session *sessions.Session, t *track, id string) error {
	attrs, cookie, err := s.prepare(r, session, t, id)
	if err != nil {
		return err
	}
	rec := cluster.NewRecord(id)
	rec.Attrs, rec.Deadline = attrs, s.deadline(session)
	switch err := s.cluster.Save(ctx, rec); {
	case errors.Is(err, cluster.ErrDestroyed):
		return fmt.Errorf("gorillastore: session %q: the ID that the app gave it has been deleted and cannot be used again; empty it for a new one: %w",
			session.Name(), err)
	case err != nil:
		return notSaved(session, err)
	}
	old := t.rec
	if old != nil {
		// What was deleted meanwhile must not live on under another id. Asked after the new id is
		// stored, so that as little time as possible is left for a deletion that nobody notices.
		_, err := s.cluster.Load(ctx, old.Key())
		if errors.Is(err, cluster.ErrNotFound) {
			// No cookie carries this id yet: should it not be possible to delete it, it ends
			// unseen.
			_ = s.cluster.Delete(ctx, id)
			s.takeBackID(w, session.Name(), old.Key())
			return fmt.Errorf("gorillastore: session %q was deleted or ended meanwhile and gets no new id; Store.New starts a new one: %w",
				session.Name(), cluster.ErrDestroyed)
		}
		if err != nil {
			return notSaved(session, err)
		}
	}
	session.ID = id
	s.saved(w, session, t, rec, cookie)
	if old != nil {
		if err := s.cluster.Delete(ctx, old.Key()); err != nil {
			return fmt.Errorf("gorillastore: session %q has a new id, but its old one could not be destroyed and remains valid until it ends: %w", session.Name(), err)
		}
	}
	return nil
}

// prepare does what can fail without having touched a node.
func (s *Store) prepare(r *http.Request, session *sessions.Session, t *track, id string) (map[string][]byte, *http.Cookie, error) {
	attrs, err := encode(session)
	if err != nil {
		return nil, nil, err
	}
	if t.rec != nil {
		keepUntouched(attrs, t.rec.Attrs)
	}
	if err := s.wanted(t.span, session.Options.MaxAge).record(attrs); err != nil {
		return nil, nil, err
	}
	cookie, err := s.cookieFor(r, session, id)
	return attrs, cookie, err
}

// saved notes what is stored now, and sets the cookie.
func (s *Store) saved(w http.ResponseWriter, session *sessions.Session, t *track, rec *cluster.Record, cookie *http.Cookie) {
	t.rec, t.trouble = rec, nil
	t.span = s.wanted(t.span, session.Options.MaxAge)
	s.setCookie(w, cookie)
}

// destroy deletes the session under every id that the app or the request has for it, then expires
// the cookie. Of several cookies with a session, all sessions end: else the next request would find
// the second one, and the user be logged in again. What is saved under this session later in the
// request is a new one.
func (s *Store) destroy(ctx context.Context, r *http.Request, w http.ResponseWriter, session *sessions.Session, t *track) error {
	cookie, err := s.cookieFor(r, session, "")
	if err != nil {
		return err
	}
	ids := append([]string{session.ID}, t.presented...)
	if t.rec != nil {
		ids = append(ids, t.rec.Key())
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id == "" {
			continue
		}
		if err := s.cluster.Delete(ctx, id); err != nil {
			return fmt.Errorf("gorillastore: session %q could not be deleted and still exists, its cookie was left: %w", session.Name(), err)
		}
	}
	t.rec, t.failed, t.trouble, t.presented, session.ID = nil, nil, nil, nil, ""
	t.span = s.usual()
	s.setCookie(w, cookie)
	return nil
}

func notSaved(session *sessions.Session, err error) error {
	return fmt.Errorf("gorillastore: session %q was not saved: %w", session.Name(), err)
}
