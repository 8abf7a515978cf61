// This file decides how a load finds the saves that follow it.

package gorillastore

import (
	"reflect"
	"runtime"
	"sync"
	"weak"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// track is what the store remembers of one *sessions.Session: which copy of which record it came
// from. Two requests of one session have two of them, so that each save is compared with its own
// load.
type track struct {
	mu sync.Mutex // guards below; held during a save, so that two of one session take turns

	// rec is the session as it was last loaded or saved; nil while nothing is stored under it.
	rec *cluster.Record
	// presented is the id that came with the request, also when nothing was found under it or the
	// load failed.
	presented string
	// failed is why the session could not be loaded. It must not be saved then.
	failed error

	name   string
	values uintptr // the identity of the session's first Values map; never followed
}

// tracks finds the track of a session by its pointer, without keeping the session: when the app has
// dropped it, the entry goes. A sessions.Session has no room for it, and a table by id would mix up
// two requests of one session.
//
// A copy of the struct has another pointer. It is known by the two things that it shares with the
// original and with no other session: the Options that were made for it, and the Values. Without
// that, a copy of a session that could not be loaded would look like a new one.
type tracks struct {
	m sync.Map // weak.Pointer[sessions.Session] and weak.Pointer[sessions.Options] to *track
}

// put remembers t for the session that New has just made.
func (ts *tracks) put(session *sessions.Session, t *track) {
	t.name, t.values = session.Name(), identity(session)
	ts.putPointer(session, t)
	options := weak.Make(session.Options)
	ts.m.Store(options, t)
	runtime.AddCleanup(session.Options, ts.drop, any(options))
}

// putPointer remembers t for the session's pointer alone: its Options may be shared with others.
func (ts *tracks) putPointer(session *sessions.Session, t *track) {
	key := weak.Make(session)
	ts.m.Store(key, t)
	runtime.AddCleanup(session, ts.drop, any(key))
}

func (ts *tracks) drop(key any) { ts.m.Delete(key) }

// of returns the session's track, or a new one for a session that this store has not made; known
// tells which.
func (ts *tracks) of(session *sessions.Session) (t *track, known bool) {
	if t, ok := ts.m.Load(weak.Make(session)); ok {
		return t.(*track), true
	}
	if session.Options != nil {
		if v, ok := ts.m.Load(weak.Make(session.Options)); ok {
			if t := v.(*track); t.name == session.Name() && t.values == identity(session) {
				ts.putPointer(session, t)
				return t, true
			}
		}
	}
	t = &track{}
	ts.putPointer(session, t)
	return t, false
}

// identity tells one Values map from another.
func identity(session *sessions.Session) uintptr { return reflect.ValueOf(session.Values).Pointer() }
