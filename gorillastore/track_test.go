// This file decides that loads find their saves, and are forgotten in the end.

package gorillastore

import (
	"runtime"
	"testing"
	"time"

	"github.com/gorilla/sessions"
)

func (ts *tracks) len() int {
	n := 0
	ts.m.Range(func(any, any) bool { n++; return true })
	return n
}

func newSession(ts *tracks) (*sessions.Session, *track) {
	session := sessions.NewSession(nil, "app")
	t := &track{}
	ts.put(session, t)
	return session, t
}

// What is remembered for a session goes with it.
func TestTracksAreForgotten(t *testing.T) {
	ts := &tracks{}
	kept, _ := newSession(ts)
	for range 1000 {
		newSession(ts)
		ts.of(sessions.NewSession(nil, "app"))
	}
	if n := ts.len(); n < 2 {
		t.Fatalf("%d entries, nothing is remembered", n)
	}
	for deadline := time.Now().Add(20 * time.Second); ts.len() > 2; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatalf("%d entries are left", ts.len())
		}
	}
	if _, known := ts.of(kept); !known {
		t.Error("a session in use was forgotten")
	}
	runtime.KeepAlive(kept)
}

func TestTracksTellSessionsApart(t *testing.T) {
	ts := &tracks{}
	session, own := newSession(ts)
	twin, ofTwin := newSession(ts)
	replaced := *session
	replaced.Values = map[any]any{}
	copied := *session
	renamed := sessions.NewSession(nil, "other")
	renamed.Options, renamed.Values = session.Options, session.Values
	borrowed := sessions.NewSession(nil, "app")
	borrowed.Options = session.Options
	bare := *session
	bare.Options = nil
	for _, test := range []struct {
		what    string
		session *sessions.Session
		want    *track // nil: one of its own
	}{
		{"the session", session, own},
		{"another session", twin, ofTwin},
		{"a copy", &copied, own},
		{"a copy, asked for again", &copied, own},
		{"a copy with other Values", &replaced, nil},
		{"a copy without Options", &bare, nil},
		{"a session that borrowed the Options", borrowed, nil},
		{"a session of another name", renamed, nil},
	} {
		got, known := ts.of(test.session)
		if known != (test.want != nil) || test.want != nil && got != test.want || test.want == nil && (got == own || got == ofTwin) {
			t.Errorf("%s: known %v", test.what, known)
		}
		if again, known := ts.of(test.session); again != got || !known {
			t.Errorf("%s: has two tracks", test.what)
		}
	}
	copied.Values = nil
	if got, known := ts.of(&copied); got != own || !known {
		t.Error("a copy that was known once is forgotten when its Values are replaced")
	}
	runtime.KeepAlive(twin)
}
