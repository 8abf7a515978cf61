package gorillastore_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/gorilla/sessions"
)

// This file decides which cookies are Secure because browsers drop them otherwise.

// Browsers drop these without the mark, and with it they keep them on http://localhost and behind a
// proxy that ends TLS.
func TestCookieIsSecureWhereBrowsersDemandIt(t *testing.T) {
	_, c, _ := start(t)
	for _, test := range []struct {
		what, name string
		opts       sessions.Options
		want       bool
	}{
		{"SameSite=None", "app", sessions.Options{SameSite: http.SameSiteNoneMode}, true},
		{"Partitioned", "app", sessions.Options{Partitioned: true}, true},
		{"both", "app", sessions.Options{SameSite: http.SameSiteNoneMode, Partitioned: true}, true},
		{"SameSite=Strict", "app", sessions.Options{SameSite: http.SameSiteStrictMode}, false},
		{"SameSite without a value", "app", sessions.Options{SameSite: http.SameSiteDefaultMode}, false},
		{"no SameSite", "app", sessions.Options{}, false},
		{"a name that promises it", "__Secure-app", sessions.Options{}, true},
		{"a name that promises it and a host", "__Host-app", sessions.Options{}, true},
		{"such a name in lower case", "__host-app", sessions.Options{}, true},
		{"a name that only looks so", "__Hosting", sessions.Options{}, false},
	} {
		for _, perSession := range []bool{false, true} {
			for _, age := range []int{60, 0, -1} {
				store, opts := newStore(t, c), test.opts
				opts.Path, opts.MaxAge = "/", age
				if !perSession {
					store.Options = &opts
				}
				u := newUser(t)
				resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
					session := u.open(store, r, test.name)
					if perSession {
						session.Options = &opts
					}
					u.save(session, r, w)
					if session.Options.Secure {
						t.Error("the session's own Options were changed")
					}
				})
				if c := given(resp, test.name); c.Secure != test.want {
					t.Errorf("%s, MaxAge %d: Secure is %v", test.what, age, c.Secure)
				}
			}
		}
	}
}

// What no browser would take is refused before it is stored; deleting works all the same.
func TestHostCookieOfAPathOrADomain(t *testing.T) {
	_, c, store := start(t)
	for _, opts := range []sessions.Options{{Path: "/deep"}, {Path: "/", Domain: "app.example"}, {}} {
		u := newUser(t)
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "__Host-app")
			session.Options = &opts
			if err := session.Save(r, w); err == nil || !strings.Contains(err.Error(), `Path "/" and no Domain`) {
				t.Errorf("%+v: Save: %v", opts, err)
			}
			session.Options.MaxAge = -1
			u.save(session, r, w)
		})
	}
	if s := c.Stats(); s.Saves != 0 {
		t.Errorf("%d saves", s.Saves)
	}
}
