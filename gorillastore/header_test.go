package gorillastore_test

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides which cookies a response carries when a session is saved more than once.

// places tells what the response sets: of each cookie its name, Domain and Path, and whether it is
// set or expired. In the order of the headers.
func places(resp *http.Response) []string {
	list := []string{}
	for _, c := range resp.Cookies() {
		what := " set"
		if c.MaxAge < 0 {
			what = " expired"
		}
		list = append(list, c.Name+" "+c.Domain+c.Path+what)
	}
	return list
}

func TestManySavesSetOneCookie(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	var id string
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		for i := range 40 {
			session.Values["n"] = i
			u.save(session, r, w)
		}
		if err := store.RenewID(r, w, session); err != nil {
			t.Errorf("RenewID: %v", err)
		}
		copied := *session
		copied.Values["copy"] = true
		if err := store.Save(r, w, &copied); err != nil {
			t.Errorf("Save of a copy: %v", err)
		}
		id = session.ID
	})
	if got := resp.Header.Values("Set-Cookie"); len(got) != 1 {
		t.Errorf("%d Set-Cookie headers, want the last", len(got))
	}
	u.want(store, "app", "n", 39)
	if v := u.see(store, "app"); v.id != id {
		t.Error("the cookie is not that of the last save")
	}
}

// Each step saves the session with other Options. What the browser would keep apart is kept apart
// only where something was expired.
func TestLastOfSeveralCookiesIsSent(t *testing.T) {
	set := func(path, domain string) sessions.Options {
		return sessions.Options{Path: path, Domain: domain, MaxAge: 60}
	}
	expire := func(path, domain string) sessions.Options {
		return sessions.Options{Path: path, Domain: domain, MaxAge: -1}
	}
	for _, test := range []struct {
		what  string
		saves []sessions.Options
		want  []string
	}{
		{"twice the same", []sessions.Options{set("/", ""), set("/", "")}, []string{"app / set"}},
		{"another MaxAge", []sessions.Options{set("/", ""), {Path: "/", MaxAge: 0}}, []string{"app / set"}},
		{"another Path", []sessions.Options{set("/a", ""), set("/", "")}, []string{"app / set"}},
		{"another Path and back", []sessions.Options{set("/", ""), set("/a", ""), set("/", "")}, []string{"app / set"}},
		{"another Domain", []sessions.Options{set("/", "app.example"), set("/", "")}, []string{"app / set"}},
		{"the same Domain, written otherwise", []sessions.Options{expire("/", ".app.example"), set("/", "APP.example")}, []string{"app APP.example/ set"}},
		{"deleted after a save", []sessions.Options{set("/", ""), expire("/", "")}, []string{"app / expired"}},
		{"saved after a deletion", []sessions.Options{expire("/", ""), set("/", "")}, []string{"app / set"}},
		{"deleted twice", []sessions.Options{expire("/", ""), expire("/", "")}, []string{"app / expired"}},
		{"saved, deleted, saved", []sessions.Options{set("/", ""), expire("/", ""), set("/", "")}, []string{"app / set"}},
		{"saved at one Path, deleted at another", []sessions.Options{set("/a", ""), expire("/", "")}, []string{"app / expired"}},
		{"moved from one Path to another", []sessions.Options{expire("/a", ""), set("/", "")}, []string{"app /a expired", "app / set"}},
		{"moved from one Domain to another", []sessions.Options{expire("/", "app.example"), set("/", ""), set("/", "")}, []string{"app app.example/ expired", "app / set"}},
	} {
		_, _, store := start(t)
		u := newUser(t)
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			for _, opts := range test.saves {
				session.Options = &opts
				u.save(session, r, w)
			}
		})
		if got := places(resp); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%s: %q, want %q", test.what, got, test.want)
		}
	}
}

func TestPartitionedCookieLiesInAnotherPlace(t *testing.T) {
	_, _, store := start(t)
	u := newTLSUser(t)
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		for _, opts := range []sessions.Options{{Path: "/", MaxAge: -1}, {Path: "/", MaxAge: 60, Partitioned: true}} {
			session.Options = &opts
			u.save(session, r, w)
		}
	})
	if got := places(resp); len(got) != 2 {
		t.Errorf("%q: the browser keeps its old cookie, or gets no new one", got)
	}
}

// What the app itself sets is none of the store's business.
func TestCookiesOfTheAppStay(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	own := []http.Cookie{
		{Name: "app2", Value: "x", Path: "/"},
		{Name: "ap", Value: "x", Path: "/"},
		{Name: "APP", Value: "x", Path: "/"},
		{Name: "app", Path: "/old", MaxAge: -1},
		{Name: "app", Path: "/older", Value: "x"},
	}
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		for _, c := range own {
			http.SetCookie(w, &c)
			u.save(session, r, w)
		}
		w.Header().Add("Set-Cookie", "=")
		w.Header().Add("Set-Cookie", "app")
		u.save(session, r, w)
		u.save(u.open(store, r, "other"), r, w)
		u.save(session, r, w)
	})
	want := []string{"app2 / set", "ap / set", "APP / set", "app /old expired", "app /older set", "other / set", "app / set"}
	if got := places(resp); !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := resp.Header.Values("Set-Cookie"); len(got) != len(want)+2 {
		t.Errorf("%d headers, want %d and two that mean nothing", len(got), len(want))
	}
	u.want(store, "app", "k", nil)
}

func TestAllSessionsSavedTwice(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		for i, name := range []string{"one", "two", "three"} {
			u.open(store, r, name).Values["i"] = i
		}
		for range 3 {
			if err := sessions.Save(r, w); err != nil {
				t.Errorf("sessions.Save: %v", err)
			}
		}
	})
	if got := resp.Header.Values("Set-Cookie"); len(got) != 3 {
		t.Errorf("%d headers for three sessions", len(got))
	}
	for i, name := range []string{"one", "two", "three"} {
		u.want(store, name, "i", i)
	}
}

// A session is saved, deleted by another request, and saved again: the response must not put the
// dead id over the cookie of the next login.
func TestCookieOfASessionThatWasDeletedMeanwhileIsTakenBack(t *testing.T) {
	_, _, store := start(t)
	for what, second := range map[string]func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error{
		"Save": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			return session.Save(r, w)
		},
		"RenewID": func(w http.ResponseWriter, r *http.Request, session *sessions.Session) error {
			if err := store.RenewID(r, w, session); !errors.Is(err, cluster.ErrDestroyed) {
				return errors.New("RenewID found nothing wrong")
			}
			return nil
		},
	} {
		u := newUser(t)
		u.set(store, "app", "user", "ann")
		old := u.cookie("app")
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
			slow := u.open(store, r, "app")
			slow.Values["step"] = 1
			u.save(slow, r, w)
			u.logOut(store, "app")
			u.set(store, "app", "user", "the next user of this browser")
			if err := second(w, r, slow); err != nil {
				t.Errorf("%s: %v", what, err)
			}
		})
		if c := given(resp, "app"); c != nil || given(resp, "theme") == nil {
			t.Errorf("%s: %q", what, places(resp))
		}
		u.want(store, "app", "user", "the next user of this browser")
		if strings.Contains(u.cookie("app"), old) {
			t.Errorf("%s: the browser has the dead id", what)
		}
	}
}
