package gorillastore

import (
	"reflect"
	"runtime"
	"sync"
	"weak"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how a load finds the saves that follow it.

// track is what the store remembers of one *sessions.Session: which copy of which record it came
// from. Two requests of one session have two of them, so that each save is compared with its own
// load.
type track struct {
	// store is the one that has made the session, the only one to save it; nil for a session that
	// Get has refused. Never written again.
	store *Store

	mu sync.Mutex // guards below; held during a save, so that two of one session take turns

	// rec is the session as it was last loaded or saved; nil while nothing is stored under it.
	rec *cluster.Record
	// presented are the ids that came with the request, also those under which nothing was found,
	// and those that were not looked at.
	presented []string
	// failed is why the session could not be loaded. It must not be saved then.
	failed error
	// trouble is what New has returned beside the session, until it is saved or deleted.
	trouble error
	// span is the lifespan of the session as it was last loaded or saved.
	span lifespan

	// What New gave the session, by which a copy of it is known. Never written again, so that other
	// requests may read it; the session itself they must not touch.
	name    string
	options *sessions.Options
	values  uintptr // the identity of the map; never followed
}

// loads are the tracks of all sessions in use, of all stores: the registry of gorilla/sessions
// hands the session of one store to another, which must be able to tell.
var loads tracks

// tracks finds the track of a session by its pointer, without keeping the session: when the app has
// dropped it, the entry goes. A sessions.Session has no room for it, and a table by id would mix up
// two requests of one session.
type tracks struct {
	m sync.Map // sessionRef to *track
}

type sessionRef = weak.Pointer[sessions.Session]

// putNew remembers t for the session that New has just made.
func (ts *tracks) putNew(session *sessions.Session, t *track) {
	t.name, t.options, t.values = session.Name(), session.Options, identity(session)
	ts.put(session, t)
}

func (ts *tracks) put(session *sessions.Session, t *track) {
	ref := weak.Make(session)
	ts.m.Store(ref, t)
	runtime.AddCleanup(session, ts.drop, ref)
}

func (ts *tracks) drop(ref sessionRef) { ts.m.Delete(ref) }

// of returns the session's track, or a new one for a session that no store has made; known tells
// which. The new one says that the session is the given store's.
func (ts *tracks) of(session *sessions.Session, store *Store) (t *track, known bool) {
	if t, ok := ts.m.Load(weak.Make(session)); ok {
		return t.(*track), true
	}
	t, known = ts.original(session)
	if !known {
		t = &track{store: store}
		if store != nil {
			t.span = store.usual()
		}
	}
	ts.put(session, t)
	return t, known
}

// original returns the track of the session that this one is a copy of. A copied struct has another
// pointer, but the Options and the Values that New made for the original and for no other. Without
// that, the copy of a session that could not be loaded would look like a new one. It looks through
// the sessions in use, which is for the few that neither Get nor New has made.
func (ts *tracks) original(session *sessions.Session) (t *track, known bool) {
	if session.Values == nil {
		return nil, false
	}
	values := identity(session)
	ts.m.Range(func(_, v any) bool {
		t = v.(*track)
		known = t.options == session.Options && t.values == values && t.name == session.Name()
		return !known
	})
	return t, known
}

// identity tells one Values map from another.
func identity(session *sessions.Session) uintptr { return reflect.ValueOf(session.Values).Pointer() }
