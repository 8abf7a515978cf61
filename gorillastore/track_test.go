package gorillastore

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/gorilla/sessions"
)

// This file decides that loads find their saves, and are forgotten in the end.

func (ts *tracks) len() int {
	n := 0
	ts.m.Range(func(any, any) bool { n++; return true })
	return n
}

func newSession(ts *tracks) (*sessions.Session, *track) {
	session := sessions.NewSession(nil, "app")
	t := &track{}
	ts.putNew(session, t)
	return session, t
}

// What is remembered for a session goes with it.
func TestTracksAreForgotten(t *testing.T) {
	ts := &tracks{}
	kept, _ := newSession(ts)
	for range 1000 {
		newSession(ts)
		ts.of(sessions.NewSession(nil, "app"), nil)
	}
	if n := ts.len(); n < 1 {
		t.Fatalf("%d entries, nothing is remembered", n)
	}
	for deadline := time.Now().Add(20 * time.Second); ts.len() > 1; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d entries are left", ts.len())
		}
	}
	if _, known := ts.of(kept, nil); !known {
		t.Error("a session in use was forgotten")
	}
	runtime.KeepAlive(kept)
}

// A copy is that of its session also when nobody has the session itself any more: else it would depend on the
// garbage collector what a save of the copy is compared with.
func TestACopyOutlivesItsSession(t *testing.T) {
	ts := &tracks{}
	session, own := newSession(ts)
	copied, gone := new(sessions.Session), weak.Make(session)
	*copied, session = *session, nil
	for deadline := time.Now().Add(20 * time.Second); gone.Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the session is kept")
		}
	}
	for range 3 {
		runtime.GC()
	}
	if got, known := ts.of(copied, nil); !known || got != own {
		t.Error("the copy is taken for a session of its own")
	}
	runtime.KeepAlive(copied)
	copied = nil
	for deadline := time.Now().Add(20 * time.Second); ts.len() > 0; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d entries are left", ts.len())
		}
	}
}

func TestTracksTellSessionsApart(t *testing.T) {
	ts := &tracks{}
	session, own := newSession(ts)
	twin, ofTwin := newSession(ts)
	copied, bare, replaced, emptied := *session, *session, *session, *session
	bare.Options = nil
	replaced.Values = map[any]any{}
	emptied.Values = nil
	renamed := sessions.NewSession(nil, "other")
	renamed.Options, renamed.Values = session.Options, session.Values
	borrowed := sessions.NewSession(nil, "app")
	borrowed.Options = session.Options
	lent := sessions.NewSession(nil, "app")
	lent.Values = session.Values
	twin.Values = nil
	found := map[*track]bool{}
	for _, test := range []struct {
		what    string
		session *sessions.Session
		want    *track // nil: one of its own
	}{
		{"the session", session, own},
		{"another session", twin, ofTwin},
		{"a copy", &copied, own},
		{"a copy without Options", &bare, nil},
		{"a copy with other Values", &replaced, nil},
		{"a copy without Values, while another session has none", &emptied, nil},
		{"a session that borrowed the Options", borrowed, nil},
		{"a session that borrowed the Values", lent, nil},
		{"a session of another name", renamed, nil},
		{"a session of nothing", &sessions.Session{}, nil},
		{"another session of nothing", &sessions.Session{}, nil},
	} {
		got, known := ts.of(test.session, nil)
		if known != (test.want != nil) || test.want != nil && got != test.want || test.want == nil && found[got] {
			t.Errorf("%s: known %v", test.what, known)
		}
		found[got] = true
		if again, known := ts.of(test.session, nil); again != got || !known {
			t.Errorf("%s: has two tracks", test.what)
		}
	}
	copied.Values = nil
	if got, known := ts.of(&copied, nil); got != own || !known {
		t.Error("a copy that was known once is forgotten when its Values are replaced")
	}
	runtime.KeepAlive(twin)
}
