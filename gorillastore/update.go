package gorillastore

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/http"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how a request changes a value that other requests change at the same time:
// Update.

// Update changes the session of that name without losing what other requests change at the same time,
// and saves it. It calls change with the session as it is stored now, and not as it was when the
// request began; if another request saves the session meanwhile, it calls change again, with
// that. Two requests that both raise a counter, or both add to a cart, are both counted.
//
//	err := store.Update(r, w, "app", func(session *sessions.Session) error {
//		n, _ := session.Values["n"].(int)
//		session.Values["n"] = n + 1
//		return nil
//	})
//
// The session is that of Get. Afterwards its Values are those that are stored. What the request has
// changed before Update, and not saved yet, is among the Values that change is given, and is stored
// as well. If change returns an error, Update returns it, nothing is stored, and the Values are as
// before.
//
// Change may be called many times: it must have no effect but on the Values. Within it Save, RenewID
// and Update of the session are an error. Call Update before the response begins, as Save: it
// sets the cookie. A session that is not stored yet is saved after one call of change.
//
// The error is that of change, or one of Get or Save, where a session that was deleted or has ended
// is cluster.ErrNotFound or cluster.ErrDestroyed, or cluster.ErrLockLost. After
// cluster.ErrUnavailable the change is stored or not. Options.MaxAge must not be negative, also
// not when change has returned: to delete a session use Save.
func (s *Store) Update(r *http.Request, w http.ResponseWriter, name string, change func(*sessions.Session) error) error {
	if s == nil {
		return errNoStore
	}
	if change == nil {
		return fmt.Errorf("gorillastore: session %q: the function is nil: it is what changes the session", name)
	}
	session, err := s.Get(r, name)
	if err != nil {
		return err
	}
	if err := errors.Join(usable(r, w, session), s.validHeader()); err != nil {
		return err
	}
	t, _ := loads.of(session, s)
	if t.changing.Load() {
		return withinUpdate(name)
	}
	if session.Options == nil {
		session.Options = s.options()
	}
	if err := mayUpdate(session); err != nil {
		return err
	}
	if t.rec == nil || session.ID != t.rec.Key() {
		before := maps.Clone(session.Values)
		if err := cmp.Or(change(session), mayUpdate(session)); err != nil {
			refill(session, before)
			return err
		}
		return s.Save(r, w, session)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return s.update(r, w, session, t, change)
}

// update is Update of a session that is stored. The track is locked.
func (s *Store) update(r *http.Request, w http.ResponseWriter, session *sessions.Session, t *track, change func(*sessions.Session) error) (err error) {
	mine, opts, err := s.prepare(r, session, t, t.rec.Key())
	if err != nil {
		return err
	}
	before, done := maps.Clone(session.Values), false
	defer func() {
		if !done { // after an error, and when change panics
			refill(session, before)
		}
	}()
	var stored *cluster.Record
	var own error // of change, and of what it has put into the session
	err = s.cluster.Update(r.Context(), t.rec.Key(), func(rec *cluster.Record) error {
		fresh := maps.Clone(rec.Attrs)
		overlay(rec.Attrs, t.rec.Attrs, mine)
		values := map[any]any{}
		if own = s.decode(session.Name(), values, rec.Attrs); own != nil {
			return own
		}
		refill(session, values)
		if own = t.change(session, change); own != nil {
			return own
		}
		if rec.Attrs, own = s.attributes(session, t, fresh); own != nil {
			return own
		}
		rec.Deadline, stored = s.deadline(session), rec
		own = s.setOwner(r, session, rec)
		return own
	})
	switch {
	case own != nil:
		return own
	case errors.Is(err, cluster.ErrNotFound), errors.Is(err, cluster.ErrDestroyed):
		s.takeBackID(w, session.Name(), t.rec.Key())
		return fmt.Errorf("gorillastore: session %q was not updated: %w", session.Name(), err)
	case err != nil:
		return fmt.Errorf("gorillastore: session %q was not updated: %w", session.Name(), err)
	}
	done = true
	s.saved(r, w, session, t, stored, opts)
	return nil
}

// change calls the function of an Update.
func (t *track) change(session *sessions.Session, change func(*sessions.Session) error) error {
	t.changing.Store(true)
	defer t.changing.Store(false) // also when it panics
	return cmp.Or(change(session), mayUpdate(session))
}

// mayUpdate refuses a session that is to be deleted: an Update would expire its cookie alone.
func mayUpdate(session *sessions.Session) error {
	if session.Options != nil && session.Options.MaxAge < 0 {
		return fmt.Errorf("gorillastore: session %q: its MaxAge is negative: delete it by Save", session.Name())
	}
	return nil
}

func withinUpdate(name string) error {
	return fmt.Errorf("gorillastore: session %q: the function of an Update has it: change its Values there, and save, renew, delete or update it after the Update", name)
}

// overlay puts what the app has changed since the load into the attributes that are stored now.
func overlay(now, loaded, mine map[string][]byte) {
	for name := range loaded {
		if _, kept := mine[name]; !kept {
			delete(now, name)
		}
	}
	for name, b := range mine {
		if was, known := loaded[name]; !known || !bytes.Equal(was, b) {
			now[name] = b
		}
	}
}

// refill gives the session other values, in the map that it has.
func refill(session *sessions.Session, values map[any]any) {
	if session.Values == nil {
		session.Values = map[any]any{}
	}
	clear(session.Values)
	maps.Copy(session.Values, values)
}
