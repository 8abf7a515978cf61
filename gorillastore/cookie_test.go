package gorillastore_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides what cookies look like, and which are believed.

func TestCookieDefaults(t *testing.T) {
	_, _, store := start(t)
	c := given(newUser(t).set(store, "app", "k", "v"), "app")
	if c.Path != "/" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.MaxAge != 30*24*60*60 || c.Secure || c.Domain != "" || c.Partitioned {
		t.Errorf("got %v", c)
	}
}

func TestCookieIsSecureWhenTheRequestWas(t *testing.T) {
	_, c, _ := start(t)
	plain, tls := newUser(t), newTLSUser(t)
	for _, test := range []struct {
		what  string
		user  *user
		proto []string
		trust bool
		opt   bool
		want  bool
	}{
		{"plain http", plain, nil, false, false, false},
		{"tls", tls, nil, false, false, true},
		{"plain http, Options.Secure", plain, nil, false, true, true},
		{"a client that claims https", plain, []string{"https"}, false, false, false},
		{"a trusted proxy that says https", plain, []string{"HTTPS"}, true, false, true},
		{"a trusted proxy that says http", plain, []string{"http"}, true, false, false},
		{"a trusted proxy that says nothing", plain, nil, true, false, false},
		{"two proxies, the client came over https", plain, []string{"https, http"}, true, false, true},
		{"two proxies, the client came over http", plain, []string{"http, https"}, true, false, false},
	} {
		store := newStore(t, c)
		store.TrustForwardedProto = test.trust
		store.Options.Secure = test.opt
		u := test.user.other()
		var headers []string
		for _, p := range test.proto {
			headers = append(headers, "X-Forwarded-Proto", p)
		}
		for _, age := range []int{60, 0, -1} {
			resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				session.Options.MaxAge = age
				u.save(session, r, w)
				if session.Options.Secure != test.opt {
					t.Error("the session's own Options were changed")
				}
			}, headers...)
			if c := given(resp, "app"); c.Secure != test.want {
				t.Errorf("%s, MaxAge %d: Secure is %v", test.what, age, c.Secure)
			}
		}
	}
}

// Values never travel in the cookie: its length does not depend on them, nor do they on its limit
// of 4096 bytes.
func TestCookieHoldsTheIDOnly(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "k", "v")
	short := u.cookie("app")
	big := strings.Repeat("planted", 20000)
	u.set(store, "app", "big", big)
	if got := u.cookie("app"); len(got) != len(short) || len(got) > 200 {
		t.Errorf("the cookie grew from %d to %d bytes", len(short), len(got))
	}
	u.want(store, "app", "big", big)
	id := u.see(store, "app").id
	if raw, err := base64.RawURLEncoding.DecodeString(id); err != nil || len(raw) != 32 {
		t.Errorf("an id of %d bytes, %v; want 32 random ones", len(raw), err)
	}
	if !strings.Contains(peel(t, short), id) {
		t.Error("the signed cookie does not carry the id as it is")
	}

	sealed := newStore(t, c, authKey, authKey[:16])
	u = newUser(t)
	u.set(sealed, "app", "k", "v")
	if strings.Contains(peel(t, u.cookie("app")), u.see(sealed, "app").id) {
		t.Error("with an encryption key the cookie shows the id")
	}
}

// peel undoes the two layers of base64 that securecookie puts on a payload.
func peel(t *testing.T, cookie string) string {
	outer, err := base64.URLEncoding.DecodeString(cookie)
	parts := strings.SplitN(string(outer), "|", 3)
	if err != nil || len(parts) != 3 {
		t.Fatalf("not a cookie of securecookie: %v", err)
	}
	inner, err := base64.URLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	return string(inner)
}

func TestIDsDiffer(t *testing.T) {
	_, _, store := start(t)
	seen := map[string]bool{}
	for range 50 {
		u := newUser(t)
		u.set(store, "app", "k", "v")
		seen[u.see(store, "app").id] = true
	}
	if len(seen) != 50 {
		t.Errorf("50 sessions have %d ids", len(seen))
	}
}

// A cookie is valid under the name it was made for, and under no other.
func TestCookieIsBoundToItsName(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "user", "name", "ann")
	u.present("admin", u.cookie("user"))
	v := u.see(store, "admin")
	var refused securecookie.Error
	if !v.isNew || v.id != "" || len(v.values) != 0 || !errors.As(v.err, &refused) || !refused.IsDecode() {
		t.Errorf("new %v, error %v", v.isNew, v.err)
	}
	if v.err != nil && !strings.Contains(v.err.Error(), `"admin"`) {
		t.Errorf("%q does not name the cookie", v.err)
	}
}

// A cookie that a neighbouring site plants in front of ours must not lock the user out.
func TestSecondCookieOfTheSameName(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	good := u.cookie("app")
	u.present("app", "")
	for _, cookies := range []string{"app=planted; app=" + good, "app=" + good + "; app=planted"} {
		u.visit(func(_ http.ResponseWriter, r *http.Request) {
			if session, err := store.Get(r, "app"); err != nil || session.Values["user"] != "ann" {
				t.Errorf("error %v, new %v", err, session.IsNew)
			}
		}, "Cookie", cookies)
	}
}

// Cookies that are not ours cost no node a word.
func TestHostileCookies(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	before := c.Stats()
	for _, value := range []string{
		"", "x", "%00", strings.Repeat("A", 4096), strings.Repeat("A", 10<<10), "MTIz|x|y", "==", "a b", "\"quoted\"",
		base64.URLEncoding.EncodeToString([]byte("1|x|y")),
		base64.URLEncoding.EncodeToString([]byte("||")),
	} {
		u.visit(func(_ http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			if session == nil || !session.IsNew || session.ID != "" || err == nil {
				t.Errorf("%.20q: error %v", value, err)
			}
		}, "Cookie", "app="+value)
	}
	if after := c.Stats(); after != before {
		t.Errorf("nodes were asked: %+v", after)
	}
}

func FuzzCookie(f *testing.F) {
	_, c, store := start(f)
	for _, seed := range []string{"app=x", "app=MTIz|x|y", "app=" + base64.URLEncoding.EncodeToString([]byte("1|aGZpZHg=|y")), "app=; app=\"\"", "app"} {
		f.Add(seed)
	}
	for _, forger := range []*securecookie.SecureCookie{securecookie.New([]byte("a key of somebody else's"), nil), securecookie.New(authKey[1:], authKey[:16])} {
		value, err := forger.SetSerializer(securecookie.NopEncoder{}).Encode("app", []byte("hfid0123456789"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add("app=" + value + "; app=" + value[1:])
	}
	f.Fuzz(func(t *testing.T, cookies string) {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("Cookie", cookies)
		session, err := store.Get(r, "app")
		if session == nil || !session.IsNew || session.ID != "" {
			t.Errorf("a forged cookie opened a session: %v", err)
		}
		if loads := c.Stats().Loads; loads != 0 {
			t.Errorf("%d loads", loads)
		}
	})
}

// net/http drops a cookie with an illegal name without a word: such a session would be stored and
// never found again.
func TestIllegalNames(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	for _, name := range []string{"", "two words", "semi;colon", "a=b", "ü", "tab\t"} {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			for _, open := range []func(*http.Request, string) (*sessions.Session, error){store.Get, store.New} {
				session, err := open(r, name)
				if session == nil || err == nil || !session.IsNew {
					t.Errorf("%q: session %v, error %v", name, session, err)
					return
				}
				session.Values["k"] = "v"
				if err := session.Save(r, w); err == nil {
					t.Errorf("%q: was saved", name)
				}
				if err := store.RenewID(r, w, session); err == nil {
					t.Errorf("%q: was renewed", name)
				}
			}
		})
	}
	if s := c.Stats(); s.Saves != 0 {
		t.Errorf("%d saves reached the cluster", s.Saves)
	}
}

func TestNilArguments(t *testing.T) {
	_, _, store := start(t)
	w, r := httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/", nil)
	session, err := store.Get(nil, "app")
	if session == nil || err == nil {
		t.Errorf("Get(nil): %v, %v", session, err)
	}
	for what, err := range map[string]error{
		"session": store.Save(r, w, nil),
		"request": store.Save(nil, w, session),
		"writer":  store.Save(r, nil, session),
		"renewed": store.RenewID(r, w, nil),
		"literal": store.Save(r, w, &sessions.Session{}),
	} {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	store.Options = nil
	if session, err := store.Get(r, "app"); err != nil || session.Options.MaxAge != gorillastore.DefaultMaxAge || !session.Options.HttpOnly {
		t.Errorf("without Options: %+v, %v", session.Options, err)
	}
}

// Save signs no cookie to know whether an id of the app fits into one, up to a length that always fits.
func TestIDsOfAllLengthsThatFit(t *testing.T) {
	_, c, _ := start(t)
	store := newStore(t, c, authKey, authKey) // an encrypted cookie is longer
	for _, n := range []int{1, 255, 256, 257, 1000} {
		u, id := newUser(t), strings.Repeat("i", n)
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.ID, session.Values["n"] = id, n
			u.save(session, r, w)
		})
		if v := u.see(store, "app"); v.id != id || v.values["n"] != n {
			t.Errorf("with an id of %d bytes the next request has the id %.20q, values %v", n, v.id, v.values)
		}
	}
}

// What Update's function does to the options is looked at when the session is stored already: the user
// has to be able to find it.
func TestAnUpdateThatBreaksTheOptionsSetsTheCookieOfBefore(t *testing.T) {
	_, _, store := start(t)
	const name = "__Host-app"
	first := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	session, _ := store.Get(r, name)
	if err := session.Save(r, first); err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(first.Result().Cookies()[0])
	err := store.Update(r, w, name, func(session *sessions.Session) error {
		session.Options.Path = "/of/no/host/cookie"
		session.Values["n"] = 1
		return nil
	})
	cookies := w.Result().Cookies()
	if err != nil || len(cookies) != 1 || cookies[0].Path != "/" {
		t.Fatalf("error %v, cookies %v", err, cookies)
	}
	r = httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(cookies[0])
	if session, err := store.Get(r, name); err != nil || session.IsNew || session.Values["n"] != 1 {
		t.Errorf("new %v, values %v, error %v", session.IsNew, session.Values, err)
	}
}
