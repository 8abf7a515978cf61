package gorillastore

import (
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
	"weak"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides which load a save belongs to.

// track is what the store remembers of one *sessions.Session: the record that it was loaded from,
// and what the load found. Two requests of one session have two tracks, so that each save is
// compared with its own load.
type track struct {
	// store is the store that has made the session, and the only one that may save it; nil for a
	// session that Get has refused. It is never changed.
	store *Store

	// changing is true while the function of an Update runs, which holds mu: what waited for it there
	// would wait for ever.
	changing atomic.Bool

	mu sync.Mutex // guards below; held during a save, so that two of one session take turns

	// rec is the session as it was last loaded or saved; nil while nothing is stored under it.
	rec *cluster.Record
	// presented are the ids that came with the request, also those under which nothing was found,
	// and those that were not loaded.
	presented []presented
	// failed is why the session could not be loaded; while it is not nil, the session must not be
	// saved.
	failed error
	// trouble is the error that New has returned with the session; nil once the session is saved or
	// deleted.
	trouble error
	// span is the lifespan of the session as it was last loaded or saved.
	span lifespan

	// What New gave the session, by which a copy of the session is recognised. It is never changed,
	// so that other requests may read it; they must not touch the session itself.
	name    string
	made    sessionRef // the session
	options weak.Pointer[sessions.Options]
	values  uintptr // the identity of the map; never followed
}

// loads are the tracks of all sessions in use, of all stores. The stores share them because the
// registry of gorilla/sessions hands the session of one store to another, which must notice it.
var loads tracks

// tracks finds the track of a session by its pointer, without keeping the session alive: when the
// app has dropped the session, and all copies of it, its entry goes. A sessions.Session has no field for a track, and a
// table by id would mix up two requests of one session.
type tracks struct {
	m sync.Map // sessionRef to *track
}

type sessionRef = weak.Pointer[sessions.Session]

// putNew remembers t for the session that New has just made.
func (ts *tracks) putNew(session *sessions.Session, t *track) {
	t.name, t.values = session.Name(), identity(session)
	t.made, t.options = weak.Make(session), weak.Make(session.Options)
	ts.put(session, t.made, t)
}

func (ts *tracks) put(session *sessions.Session, ref sessionRef, t *track) {
	ts.m.Store(ref, t)
	runtime.AddCleanup(session, ts.drop, ref)
}

// drop drops the entry of a session that has gone. What New has made is remembered for as long as its
// Options: a copy that has them may still be saved, and nothing else tells whose copy it is.
func (ts *tracks) drop(ref sessionRef) {
	if v, ok := ts.m.Load(ref); ok && ref.Value() == nil {
		t := v.(*track)
		if options := t.options.Value(); t.made == ref && options != nil {
			runtime.AddCleanup(options, ts.drop, ref)
			return
		}
		ts.m.Delete(ref)
	}
}

// of returns the session's track, and a new track for a session that no store has made; known is
// false for a new track. The new track says that the session belongs to the given store.
func (ts *tracks) of(session *sessions.Session, store *Store) (t *track, known bool) {
	ref := weak.Make(session)
	if t, ok := ts.m.Load(ref); ok {
		return t.(*track), true
	}
	t, known = ts.original(session)
	if !known {
		t = &track{store: store}
		if store != nil {
			t.span = store.usual()
		}
	}
	ts.put(session, ref, t)
	return t, known
}

// original returns the track of the session that this one is a copy of. A copied struct has another
// pointer, but the same Options and Values, which New has made for the original alone. If a copy
// were not recognised, the copy of a session that could not be loaded would look like a new
// session. original goes through all sessions in use; it is called only for sessions that neither
// Get nor New has made.
func (ts *tracks) original(session *sessions.Session) (t *track, known bool) {
	if session.Values == nil {
		return nil, false
	}
	options, values := weak.Make(session.Options), identity(session)
	ts.m.Range(func(_, v any) bool {
		t = v.(*track)
		known = t.options == options && t.values == values && t.name == session.Name()
		return !known
	})
	return t, known
}

// identity tells one Values map from another.
func identity(session *sessions.Session) uintptr { return reflect.ValueOf(session.Values).Pointer() }
