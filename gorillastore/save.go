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
// session and expires the cookie. Call it before the response begins. If Save returns an error, no
// cookie was set, with one exception (see RenewID, second error).
//
//   - Changes that other requests have saved meanwhile under other keys are kept; of two changes of
//     one key the later wins. A value that the app left alone is not written, whatever its encoder
//     does.
//   - If another request has deleted the session meanwhile, or it has ended while this request ran,
//     Save stores nothing, sets no cookie, and returns nil, since the request did nothing wrong.
//     The user's next request has a new session.
//   - A session that could not be loaded is not saved (ErrNotLoaded). It can be deleted.
//   - If the app has emptied or changed session.ID since the load, the session moves to a new id or
//     to that ID, as by RenewID.
//   - If one value would not come back, the whole Save fails with an error that names key and type;
//     the stored session stays as it is.
//   - If the session cannot be deleted, its cookie stays as well: without the cookie nobody could
//     try again, and the user would wrongly look logged out.
//
// The error wraps ErrNotLoaded, a serializer.UnsupportedTypeError, or one of
// cluster.ErrUnavailable, cluster.ErrConflict, cluster.ErrTooLarge, cluster.ErrVersion and
// cluster.ErrDestroyed (the last only if session.ID has changed).
func (s *Store) Save(r *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	return s.save(r, w, session, false)
}

// RenewID saves the session as Save does, but under a new id, sets the cookie to the new id and
// destroys the session of the old id. Call it whenever a user's rights change, above all at login:
// an id that an attacker knows or has planted is worth nothing then.
//
// RenewID stores the new session before it destroys the old one, so that one of them exists
// whenever it is interrupted. Changes that other requests save under the old id meanwhile are lost.
// RenewID returns the errors of Save, and two more:
//
//   - cluster.ErrDestroyed: the session was deleted or ended meanwhile; it has not been renewed,
//     and no cookie was set.
//   - An error that says that the old id could not be destroyed: the session has its new id and its
//     new cookie, and the old id remains valid until it ends.
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
	if err := s.validHeader(); err != nil {
		return err
	}
	// A client that has gone does not take back what its request did.
	ctx := context.WithoutCancel(r.Context())
	t, known := loads.of(session, s)
	if t.store != s {
		return otherStore(session.Name())
	}
	if t.changing.Load() {
		return withinUpdate(session.Name())
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
	attrs, opts, err := s.prepare(r, session, t, t.rec.Key())
	if err != nil {
		return err
	}
	if err := s.setOwner(r, session, t.rec); err != nil {
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
	s.saved(r, w, session, t, t.rec, opts)
	return nil
}

// storeAs stores the session under an id that it has not had yet, and destroys its old id.
func (s *Store) storeAs(ctx context.Context, r *http.Request, w http.ResponseWriter, session *sessions.Session, t *track, id string) error {
	attrs, opts, err := s.prepare(r, session, t, id)
	if err != nil {
		return err
	}
	rec := cluster.NewRecord(id)
	if err := s.setOwner(r, session, rec); err != nil {
		return err
	}
	rec.Attrs, rec.Deadline = attrs, s.deadline(session)
	rec.Succeeds(t.rec)
	switch err := s.cluster.Save(ctx, rec); {
	case errors.Is(err, cluster.ErrDestroyed) && t.rec != nil && session.ID != id: // the id is new, so its predecessor has ended
		return s.notRenewed(w, session, t.rec)
	case errors.Is(err, cluster.ErrDestroyed):
		return fmt.Errorf("gorillastore: session %q: the ID that the app gave it has been deleted and cannot be used again; empty it for a new one: %w",
			session.Name(), err)
	case err != nil:
		return notSaved(session, err)
	}
	old := t.rec
	if old != nil {
		// A session that was deleted meanwhile must not live on under another id. Ask after the new
		// id is stored: that leaves the least time for a deletion that nobody notices.
		_, err := s.cluster.Load(ctx, old.Key())
		if errors.Is(err, cluster.ErrUnavailable) { // an instance with a local copy goes on
			_, err = s.cluster.LoadVersion(ctx, old.Key(), old.Version())
		}
		if errors.Is(err, cluster.ErrNotFound) {
			// No cookie carries this id yet. If it cannot be deleted, it expires without ever
			// having been used.
			_ = s.cluster.Delete(ctx, id)
			return s.notRenewed(w, session, old)
		}
		if err != nil {
			return notSaved(session, err)
		}
	}
	session.ID = id
	s.saved(r, w, session, t, rec, opts)
	if old != nil {
		if err := s.cluster.Delete(ctx, old.Key()); err != nil {
			return fmt.Errorf("gorillastore: session %q has a new id, but its old one could not be destroyed and remains valid until it ends: %w", session.Name(), err)
		}
	}
	return nil
}

// notRenewed is the error for a session that has ended before it got a new id.
func (s *Store) notRenewed(w http.ResponseWriter, session *sessions.Session, old *cluster.Record) error {
	s.takeBackID(w, session.Name(), old.Key())
	return fmt.Errorf("gorillastore: session %q was deleted or ended meanwhile and gets no new id; Store.New starts a new one: %w",
		session.Name(), cluster.ErrDestroyed)
}

// prepare does everything that can fail before a node is asked. It returns the attributes, and the
// options of the cookie.
func (s *Store) prepare(r *http.Request, session *sessions.Session, t *track, id string) (map[string][]byte, sessions.Options, error) {
	var stored map[string][]byte
	if t.rec != nil {
		stored = t.rec.Attrs
	}
	attrs, err := s.attributes(session, t, stored)
	if err != nil {
		return nil, sessions.Options{}, err
	}
	opts, err := s.cookieOptions(r, session)
	if err == nil && (len(id) > sureToFit || len(s.keys.codecs()) == 0) {
		_, err = s.cookieWith(session.Name(), opts, presented{id, noVersion})
	}
	return attrs, opts, err
}

// attributes returns what is to be stored of the session in the place of the stored attributes.
func (s *Store) attributes(session *sessions.Session, t *track, stored map[string][]byte) (map[string][]byte, error) {
	attrs, err := encode(session)
	if err == nil {
		err = splitFlashes(attrs, session, stored)
	}
	if err != nil {
		return nil, err
	}
	keepUntouched(attrs, stored)
	return attrs, s.wanted(t.span, session.Options.MaxAge).record(attrs)
}

// noVersion takes as much room in a cookie as the version that is not known before the save.
const noVersion = "----------------"

// sureToFit is the length of an id that fits into every cookie, with any version: no need to sign one
// to know that it can be signed.
const sureToFit = 256

// saved remembers the record that is stored now, and sets the cookie, with the version that stands. If
// an Update has made the session's options unfit for a cookie, the cookie has those of before.
func (s *Store) saved(r *http.Request, w http.ResponseWriter, session *sessions.Session, t *track, rec *cluster.Record, before sessions.Options) {
	t.rec, t.trouble = rec, nil
	t.span = s.wanted(t.span, session.Options.MaxAge)
	cookie, err := s.cookieFor(r, session, presented{rec.Key(), rec.Version()})
	if err != nil { // it says of nothing that the client has seen it
		cookie, err = s.cookieWith(session.Name(), before, presented{rec.Key(), noVersion})
	}
	if err == nil { // prepare has seen to it
		s.setCookie(w, cookie)
	}
}

// destroy deletes the session under every id that the app or the request has for it, then expires
// the cookie. If the request brought several cookies with a session, all these sessions end: else
// the next request would find the second session, and the user would be logged in again. A later
// Save in the same request makes a new session.
func (s *Store) destroy(ctx context.Context, r *http.Request, w http.ResponseWriter, session *sessions.Session, t *track) error {
	cookie, err := s.cookieFor(r, session, presented{})
	if err != nil {
		return err
	}
	ids := []string{session.ID}
	for _, p := range t.presented {
		ids = append(ids, p.id)
	}
	if t.rec != nil {
		ids = append(ids, t.rec.Key())
	}
	slices.Sort(ids)
	for _, id := range slices.Compact(ids) {
		if id == "" {
			continue
		}
		if err := s.cluster.Delete(ctx, id); err != nil {
			return fmt.Errorf("gorillastore: session %q could not be deleted and still exists; its cookie was left, so that the user can try again: %w", session.Name(), err)
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
