// This file decides that nothing secret is told.

package gorillastore_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// Neither ids, values nor keys appear in what a log may hold.
func TestSilence(t *testing.T) {
	env, c, store := start(t)
	sealed := newStore(t, c, authKey, []byte("sealing-key-of-x"))
	u := newUser(t)
	var said []string
	say := func(err error) {
		if err == nil {
			t.Error("no error to look at")
			return
		}
		said = append(said, err.Error(), fmt.Sprintf("%v %+v %#v", err, err, err))
	}
	const planted = "planted-value-0123456789"
	u.set(store, "app", "k", planted)
	id, cookie := u.see(store, "app").id, u.cookie("app")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		said = append(said, fmt.Sprintf("%v %+v %#v", store, store, store), fmt.Sprintf("%v %+v %#v", *sealed.Options, sealed, sealed))
		session.Values["bad"] = discardedText{planted}
		say(session.Save(r, w))
		delete(session.Values, "bad")
		session.Values["big"] = []byte(strings.Repeat(planted, 100000))
		say(session.Save(r, w))
		delete(session.Values, "big")
		u.logOut(store, "app")
		say(store.RenewID(r, w, session))
	})
	u.set(store, "app", "k", planted)
	ids := []string{id, cookie, u.see(store, "app").id, u.cookie("app")}
	u.present("app", flip(u.cookie("app")))
	say(u.see(store, "app").err)
	u.present("app", ids[3])
	outage(t, env, c, func() {
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session, err := store.Get(r, "app")
			say(err)
			say(session.Save(r, w))
			session.Options.MaxAge = -1
			say(session.Save(r, w))
		})
	})
	secrets := slices.Concat(ids, []string{planted, string(authKey), "sealing-key-of-x", "[48 49 50 51 52"})
	for _, s := range said {
		for _, secret := range secrets {
			if strings.Contains(s, secret) {
				t.Errorf("%.200q shows a secret", s)
			}
		}
	}
}

type discardedText struct{ Text string }
