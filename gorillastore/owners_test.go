package gorillastore_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/internal/ownertest"
)

// This file shows what a user sees and ends of his sessions.

// logIn is a browser that logs in on another device.
func (u *user) logIn(store *gorillastore.Store, name any, device string) *user {
	u.t.Helper()
	b := u.other()
	b.set(store, "app", "cart", "book")
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		session := b.open(store, r, "app")
		session.Values["user"] = name
		if err := store.RenewID(r, w, session); err != nil {
			u.t.Errorf("RenewID: %v", err)
		}
	}, "User-Agent", device)
	time.Sleep(2 * time.Millisecond) // logins of one millisecond have no order
	return b
}

func ownersOf(store *gorillastore.Store) *gorillastore.Store {
	store.OwnerKey, store.Label = "user", (*http.Request).UserAgent
	return store
}

func TestAUserSeesAndEndsHisSessions(t *testing.T) {
	_, _, store := start(t)
	ownersOf(store)
	u := newUser(t)
	phone, laptop, tablet := u.logIn(store, 7, "phone"), u.logIn(store, "7", "laptop"), u.logIn(store, int64(7), "tablet")
	bob := u.logIn(store, "bob", "bob's")
	here := laptop.see(store, "app").id
	listed := func(want string) []cluster.SessionInfo {
		t.Helper()
		return ownertest.Listed(t, store, "7", here, want)
	}
	all := listed("tablet laptop* phone")
	if err := store.Destroy(t.Context(), "bob", all[0].Ref); !errors.Is(err, cluster.ErrNotFound) {
		t.Errorf("bob ends a session of another one: %v", err)
	}
	if err := store.Destroy(t.Context(), "7", all[0].Ref); err != nil {
		t.Error(err)
	}
	tablet.wantFresh(store, "app")
	listed("laptop* phone")
	if n, err := store.DestroyAll(t.Context(), "7", here); n != 1 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	phone.wantFresh(store, "app")
	laptop.want(store, "app", "user", "7")
	laptop.want(store, "app", "cart", "book")
	bob.want(store, "app", "user", "bob")
	listed("laptop*")

	// Within one request, also of his own session.
	laptop.visit(func(w http.ResponseWriter, r *http.Request) {
		session := laptop.open(store, r, "app")
		if n, err := store.DestroyAll(r.Context(), "7"); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		session.Values["changed"] = true
		laptop.save(session, r, w)
	})
	laptop.wantFresh(store, "app")
	listed("")
	bob.visit(func(w http.ResponseWriter, r *http.Request) {
		session := bob.open(store, r, "app")
		delete(session.Values, "user")
		bob.save(session, r, w)
	})
	if all, err := store.Sessions(t.Context(), "bob"); len(all) != 0 || err != nil {
		t.Errorf("a session that is nobody's is bob's: %v, %v", all, err)
	}
	bob.want(store, "app", "cart", "book")
}

// A renewal on an instance that has not heard of DestroyAll is no login.
func TestARenewalAfterDestroyAllOpensNothing(t *testing.T) {
	env, _, store := start(t)
	ownersOf(store)
	other := ownersOf(newStore(t, newCluster(t, env)))
	b := newUser(t).logIn(store, "ann", "")
	b.visit(func(w http.ResponseWriter, r *http.Request) {
		session := b.open(other, r, "app")
		if session.Values["user"] != "ann" {
			t.Error("not logged in")
		}
		if _, err := store.DestroyAll(r.Context(), "ann"); err != nil {
			t.Error(err)
		}
		if err := other.RenewID(r, w, session); !errors.Is(err, cluster.ErrDestroyed) {
			t.Errorf("RenewID: %v", err)
		}
	})
	b.wantFresh(other, "app")
	if all, err := other.Sessions(t.Context(), "ann"); len(all) != 0 || err != nil {
		t.Errorf("%v, %v", all, err)
	}
	b.logIn(other, "ann", "").want(store, "app", "user", "ann")
}

func TestAnOwnerThatCannotBeToldIsAnError(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	for want, keys := range map[string][2]any{
		`key "user": a float64 names no owner`: {"user", "user"},
		`OwnerKey is a []int`:                  {"user", []int{1}},
	} {
		store.OwnerKey = keys[1]
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := sessions.NewSession(store, "app")
			session.Values[keys[0]] = 1.5
			if err := store.Save(r, w, session); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want one that says %s", err, want)
			}
		})
		u.wantFresh(store, "app")
	}
	for _, err := range ownertest.Refusals(t, store, "") {
		if err == nil || !strings.HasPrefix(err.Error(), "gorillastore: cluster: the owner is empty") {
			t.Error(err)
		}
	}
	var none *gorillastore.Store
	for _, err := range ownertest.Refusals(t, none, "a") {
		if err == nil {
			t.Error("a nil store is taken")
		}
	}
}
