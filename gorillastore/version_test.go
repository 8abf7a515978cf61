package gorillastore_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/gorilla/securecookie"

	"github.com/holdfast-go/holdfast/cluster"
)

// oldSerializer writes cookies as programs did before there were versions.
type oldSerializer struct{}

func (oldSerializer) Serialize(src any) ([]byte, error) { return []byte("hfid" + src.(string)), nil }
func (oldSerializer) Deserialize([]byte, any) error     { return nil }

// The session's cookie carries the version; one of an older program is read as before.
func TestTheCookieCarriesTheVersion(t *testing.T) {
	c := newCluster(t, threeNodes(t), func(cfg *cluster.Config) { cfg.Local.Sessions = 10; cfg.Local.Fresh = time.Hour })
	store := newStore(t, c)
	serve := func(cookie *http.Cookie, visit func(w http.ResponseWriter, r *http.Request)) *http.Cookie {
		r, w := httptest.NewRequest(http.MethodGet, "/", nil), httptest.NewRecorder()
		if cookie != nil {
			r.AddCookie(cookie)
		}
		visit(w, r)
		for _, set := range w.Result().Cookies() {
			cookie = set
		}
		return cookie
	}
	put := func(value string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			if err != nil {
				t.Fatal(err)
			}
			session.Values["a"] = value
			if err := session.Save(r, w); err != nil {
				t.Fatal(err)
			}
		}
	}
	id := ""
	sees := func(want string, local uint64) func(http.ResponseWriter, *http.Request) {
		return func(_ http.ResponseWriter, r *http.Request) {
			t.Helper()
			before := c.Stats().LocalHits
			session, err := store.Get(r, "app")
			if err != nil || session.Values["a"] != want {
				t.Errorf("%v, %v", session.Values, err)
			}
			if got := c.Stats().LocalHits - before; got != local {
				t.Errorf("%d loads asked no node, want %d", got, local)
			}
			id = session.ID
		}
	}
	cookie := serve(nil, put("1"))
	serve(cookie, sees("1", 1))
	newer := serve(cookie, put("2"))
	serve(newer, sees("2", 1))
	serve(cookie, sees("2", 1)) // it has seen less
	codec := securecookie.New(authKey, nil)
	codec.SetSerializer(oldSerializer{}).MaxAge(0)
	value, err := codec.Encode("app", id)
	if err != nil {
		t.Fatal(err)
	}
	serve(&http.Cookie{Name: "app", Value: value}, sees("2", 0))
	serve(&http.Cookie{Name: "app", Value: value}, put("3"))
	serve(&http.Cookie{Name: "app", Value: value}, sees("3", 0))
}
