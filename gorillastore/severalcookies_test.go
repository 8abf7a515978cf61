package gorillastore_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides which session a request has whose browser sends several cookies of one name.

// cookieOf saves user=name in a session of its own and returns its cookie and its id.
func cookieOf(t *testing.T, store *gorillastore.Store, name string) (cookie, id string) {
	t.Helper()
	u := newUser(t)
	u.set(store, "app", "user", name)
	return u.cookie("app"), u.see(store, "app").id
}

// sent is the header of a browser that sends these values, all under the name app.
func sent(values ...string) []string {
	return []string{"Cookie", "app=" + strings.Join(values, "; app=")}
}

// opened loads the session of a browser that sends these values.
func opened(t *testing.T, store *gorillastore.Store, values ...string) (v view) {
	t.Helper()
	newUser(t).visit(func(_ http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		v = view{session.ID, session.IsNew, session.Values, err}
	}, sent(values...)...)
	return v
}

// ended deletes the sessions on the nodes, as their end would.
func ended(t *testing.T, c *cluster.Cluster, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if err := c.Delete(context.Background(), id); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFirstCookieWithASessionCounts(t *testing.T) {
	_, c, store := start(t)
	ann, _ := cookieOf(t, store, "ann")
	bob, _ := cookieOf(t, store, "bob")
	dead, deadID := cookieOf(t, store, "dead")
	gone, goneID := cookieOf(t, store, "gone")
	ended(t, c, deadID, goneID)
	for _, test := range []struct {
		what    string
		cookies []string
		want    any
	}{
		{"a dead one first", []string{dead, ann}, "ann"},
		{"a dead one behind", []string{ann, dead}, "ann"},
		{"two dead ones first", []string{dead, gone, ann}, "ann"},
		{"the same dead one all the time", []string{dead, dead, dead, dead, dead, dead, dead, dead, dead, dead, ann}, "ann"},
		{"dead ones and some that do not verify", []string{"planted", dead, flip(ann), gone, "", ann}, "ann"},
		{"many that do not verify", append(strings.Split(strings.Repeat("planted,", 40), ","), ann), "ann"},
		{"two sessions", []string{ann, bob}, "ann"},
		{"two sessions, the other way round", []string{bob, ann}, "bob"},
		{"two sessions behind a dead one", []string{dead, bob, ann}, "bob"},
		{"dead ones only", []string{dead, gone}, nil},
		{"dead ones and one that does not verify", []string{dead, "planted"}, nil},
	} {
		v := opened(t, store, test.cookies...)
		if v.err != nil || v.values["user"] != test.want || v.isNew != (test.want == nil) || (v.id == "") != v.isNew {
			t.Errorf("%s: user %v, want %v; new %v, error %v", test.what, v.values["user"], test.want, v.isNew, v.err)
		}
	}
}

// The app has moved from Path /app to /. The browser sends its old cookie first, for as long as it
// lives.
func TestLoginBehindACookieOfAnotherPath(t *testing.T) {
	_, c, store := start(t)
	old := newStore(t, c)
	old.Options.Path = "/app"
	u := newUser(t)
	deep := *u.url
	deep.Path = "/app"
	u.url = &deep
	u.set(old, "app", "user", "ann")
	ended(t, c, u.see(old, "app").id)
	u.set(store, "app", "user", "ann")
	if n := len(u.client.Jar.Cookies(u.url)); n != 2 {
		t.Fatalf("the browser sends %d cookies, want the old one and the new one", n)
	}
	u.want(store, "app", "user", "ann")
	u.renew(store, "app")
	u.set(store, "app", "more", 1)
	u.want(store, "app", "user", "ann")
	u.want(store, "app", "more", 1)
	u.logOut(store, "app")
	u.wantFresh(store, "app")
}

// A request that brings a hundred signed cookies costs the nodes no more than a few questions.
func TestManyDeadCookies(t *testing.T) {
	_, c, store := start(t)
	var cookies, ids []string
	for i := range 30 {
		cookie, id := cookieOf(t, store, strconv.Itoa(i))
		cookies, ids = append(cookies, cookie), append(ids, id)
	}
	ended(t, c, ids...)
	before := c.Stats().Loads
	if v := opened(t, store, cookies...); !v.isNew || v.err != nil {
		t.Errorf("new %v, error %v", v.isNew, v.err)
	}
	if loads := c.Stats().Loads - before; loads > 8 {
		t.Errorf("%d loads", loads)
	}
}

// A node is out of reach, and with it the session of one cookie. Whether that session exists is not
// known, and neither "no session" nor the session of another cookie would be right.
func TestOutageOfOneOfSeveralSessions(t *testing.T) {
	env := threeNodes(t)
	c := newCluster(t, env, func(cfg *cluster.Config) { cfg.Replicas, cfg.Timeout = 1, time.Second })
	store := newStore(t, c)
	on := func(node int) (cookie, id string) {
		for {
			cookie, id := cookieOf(t, store, "somebody")
			places, err := c.Where(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			if places[0].Node.Addr == env.Node(node).Addr() {
				return cookie, id
			}
		}
	}
	lost, lostID := on(0)
	live, liveID := on(1)
	dead, deadID := on(2)
	ended(t, c, deadID)
	wireOf(c).Refuse(env.Node(0).Addr())
	wireOf(c).Reset(env.Node(0).Addr())
	for _, test := range []struct {
		what    string
		cookies []string
		want    string // its session; "" for an error
	}{
		{"alone", []string{lost}, ""},
		{"behind a dead one", []string{dead, lost}, ""},
		{"in front of a dead one", []string{lost, dead}, ""},
		{"in front of a live one", []string{lost, live}, ""},
		{"behind a live one", []string{live, lost}, liveID},
		{"behind a dead one and a live one", []string{dead, live, lost}, liveID},
	} {
		resp := newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			if session.ID != test.want || errors.Is(err, cluster.ErrUnavailable) != (test.want == "") {
				t.Errorf("%s: the wrong session, error %v", test.what, err)
			}
			session.Values["visits"] = 1
			if err := session.Save(r, w); errors.Is(err, gorillastore.ErrNotLoaded) != (test.want == "") {
				t.Errorf("%s: Save: %v", test.what, err)
			}
		}, sent(test.cookies...)...)
		if (given(resp, "app") == nil) != (test.want == "") {
			t.Errorf("%s: the cookie does not fit the outcome", test.what)
		}
	}
	// Logging out must not leave a session behind that the next request finds.
	newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		session.Options.MaxAge = -1
		if err := session.Save(r, w); !errors.Is(err, cluster.ErrUnavailable) {
			t.Errorf("logging out: %v", err)
		}
	}, sent(live, lost)...)
	wireOf(c).HealAll()
	eventually(t, "the node is back", func() bool { return c.Ping(context.Background()) == nil })
	if _, err := c.Load(context.Background(), lostID); err != nil {
		t.Errorf("the session that was out of reach: %v", err)
	}
}

// Who logs out is out, whatever other cookie of that name the browser has.
func TestLogoutWithSeveralCookies(t *testing.T) {
	_, c, store := start(t)
	for what, cookies := range map[string]func(dead, ann, bob string) []string{
		"two sessions":               func(_, ann, bob string) []string { return []string{ann, bob} },
		"a dead one first":           func(dead, ann, bob string) []string { return []string{dead, ann, bob} },
		"a dead one between":         func(dead, ann, bob string) []string { return []string{ann, dead, bob} },
		"one that does not verify":   func(_, ann, bob string) []string { return []string{"planted", ann, bob} },
		"the same session, twice":    func(_, ann, bob string) []string { return []string{ann, ann, bob, bob} },
		"the other way round, again": func(_, ann, bob string) []string { return []string{bob, ann} },
	} {
		ann, _ := cookieOf(t, store, "ann")
		bob, _ := cookieOf(t, store, "bob")
		dead, id := cookieOf(t, store, "dead")
		ended(t, c, id)
		sends := cookies(dead, ann, bob)
		resp := newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			if err != nil || session.IsNew {
				t.Errorf("%s: %v", what, err)
			}
			session.Options.MaxAge = -1
			if err := session.Save(r, w); err != nil {
				t.Errorf("%s: Save: %v", what, err)
			}
		}, sent(sends...)...)
		if c := given(resp, "app"); c == nil || c.MaxAge >= 0 {
			t.Errorf("%s: the cookie was not expired", what)
		}
		if v := opened(t, store, sends...); !v.isNew || v.err != nil {
			t.Errorf("%s: the next request is %v's", what, v.values["user"])
		}
	}
}

// A session that exists and cannot be read is not passed over either, unless the app says so.
func TestUnreadableSessionInFrontOfAnother(t *testing.T) {
	env, c, store := start(t)
	newer, _ := cookieOf(t, store, "newer")
	ofANewerVersion(env)
	ann, id := cookieOf(t, store, "ann")
	bob, _ := cookieOf(t, store, "bob")
	damage(t, c, id, "suser")
	if v := opened(t, store, ann, bob); !errors.Is(v.err, gorillastore.ErrUndecodable) || len(v.values) != 0 {
		t.Errorf("%d values, error %v", len(v.values), v.err)
	}
	if v := opened(t, store, bob, ann, newer); v.err != nil || v.values["user"] != "bob" {
		t.Errorf("user %v, error %v", v.values["user"], v.err)
	}
	if v := opened(t, store, newer, bob); !errors.Is(v.err, cluster.ErrVersion) || len(v.values) != 0 {
		t.Errorf("%d values, error %v", len(v.values), v.err)
	}
	store.OnDecodeError = func(string, any, error) error { return nil }
	if v := opened(t, store, newer, bob); v.err != nil || v.values["user"] != "bob" {
		t.Errorf("the app does without the session of a newer version: user %v, error %v", v.values["user"], v.err)
	}
}

// The new id takes the place of the session that was found, behind a dead cookie as well.
func TestRenewIDBehindADeadCookie(t *testing.T) {
	_, c, store := start(t)
	ann, id := cookieOf(t, store, "ann")
	dead, deadID := cookieOf(t, store, "dead")
	ended(t, c, deadID)
	resp := newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		if err := store.RenewID(r, w, session); err != nil || session.ID == id {
			t.Errorf("RenewID: %v", err)
		}
	}, sent(dead, ann)...)
	if v := opened(t, store, dead, ann); !v.isNew || v.err != nil {
		t.Errorf("the old id: new %v, error %v", v.isNew, v.err)
	}
	if v := opened(t, store, dead, given(resp, "app").Value); v.values["user"] != "ann" {
		t.Errorf("the new id: user %v, error %v", v.values["user"], v.err)
	}
}
