package scsstore_test

// These tests show what a user sees and ends of his sessions.

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/ownertest"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// logIn is a visitor who logs in on another device.
func (v *visitor) logIn(user any, label string) *visitor {
	v.t.Helper()
	b := &visitor{t: v.t, sessions: v.sessions}
	b.must(func(ctx context.Context) { v.sessions.Put(ctx, "cart", "book") })
	b.must(func(ctx context.Context) {
		ctx = scsstore.WithLabel(ctx, "none of them") // the request's own counts
		if err := v.sessions.RenewToken(ctx); err != nil {
			v.t.Error(err)
		}
		v.sessions.Put(ctx, "user", user)
	}, label)
	time.Sleep(2 * time.Millisecond) // logins of one millisecond have no order
	return b
}

func TestAUserSeesAndEndsHisSessions(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		store := v.sessions.Store.(*scsstore.Store)
		store.OwnerKey = "user"
		phone, laptop, tablet := v.logIn(7, "phone"), v.logIn("7", "laptop"), v.logIn(int64(7), "tablet")
		bob := v.logIn("bob", "bob's")
		var here string
		laptop.must(func(ctx context.Context) { here = v.sessions.Token(ctx) })
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
		tablet.expect("user", nil)
		listed("laptop* phone")
		if n, err := store.DestroyAll(t.Context(), "7", here); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		phone.expect("user", nil)
		laptop.expect("user", "7")
		laptop.expect("cart", "book")
		bob.expect("user", "bob")
		listed("laptop*")

		// He changes his password, and is logged out here as well: within one request.
		laptop.must(func(ctx context.Context) {
			v.sessions.Put(ctx, "changed", true)
			if n, err := store.DestroyAll(ctx, "7"); n != 1 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		})
		laptop.expect("user", nil)
		listed("")
		bob.must(func(ctx context.Context) { v.sessions.Remove(ctx, "user") })
		if all, err := store.Sessions(t.Context(), "bob"); len(all) != 0 || err != nil {
			t.Errorf("a session that is nobody's is bob's: %v, %v", all, err)
		}
		bob.expect("cart", "book")
	})
}

// A renewal on an instance that has not heard of DestroyAll is no login.
// The store is given hashes in the place of tokens, and the app has the tokens.
func TestThisDeviceIsSparedWhereTokensAreHashed(t *testing.T) {
	perManager(t, func(t *testing.T, v *visitor) {
		v.sessions.HashTokenInStore = true
		store := v.sessions.Store.(*scsstore.Store)
		store.OwnerKey = "user"
		phone, laptop := v.logIn(7, "phone"), v.logIn(7, "laptop")
		var here string
		laptop.must(func(ctx context.Context) { here = v.sessions.Token(ctx) })
		ownertest.Listed(t, store, "7", here, "laptop* phone")
		if n, err := store.DestroyAll(t.Context(), "7", here); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		phone.expect("user", nil)
		laptop.expect("cart", "book")
	})
}

func TestARenewalAfterDestroyAllOpensNothing(t *testing.T) {
	perCodec(t, func(t *testing.T, codec scs.Codec) {
		env := threeNodes(t)
		v, other := newVisitor(t, connect(t, env), codec), newVisitor(t, connect(t, env), codec)
		for _, b := range []*visitor{v, other} {
			b.sessions.Store.(*scsstore.Store).OwnerKey = "user"
		}
		b := v.logIn("ann", "")
		on := &visitor{t: t, sessions: other.sessions, cookie: b.cookie}
		on.visit(func(ctx context.Context) {
			if on.sessions.Get(ctx, "user") != "ann" {
				t.Error("not logged in")
			}
			if _, err := v.sessions.Store.(*scsstore.Store).DestroyAll(ctx, "ann"); err != nil {
				t.Error(err)
			}
			if err := on.sessions.RenewToken(ctx); err != nil {
				t.Error(err)
			}
		})
		on.expect("user", nil)
		if all, err := other.sessions.Store.(*scsstore.Store).Sessions(t.Context(), "ann"); len(all) != 0 || err != nil {
			t.Errorf("%v, %v", all, err)
		}
		again := other.logIn("ann", "")
		again.expect("user", "ann")
	})
}

func TestAnOwnerThatCannotBeToldIsAnError(t *testing.T) {
	store := scsstore.New(connect(t, threeNodes(t)))
	store.OwnerKey = "user"
	end := time.Now().Add(time.Hour)
	for what, b := range map[string][]byte{
		"serializer.Codec":       []byte("bytes of some codec"),
		"a string or an integer": encodedNow(t, map[string]any{"user": 1.5}),
	} {
		if err := store.Commit("token", b, end); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), `OwnerKey "user"`) {
			t.Errorf("%v, want one that names %s", err, what)
		}
	}
	if _, found, err := store.Find("token"); found || err != nil {
		t.Errorf("found %v, %v", found, err)
	}
	for _, err := range ownertest.Refusals(t, store, "") {
		if err == nil || !strings.HasPrefix(err.Error(), "scsstore: cluster: the owner is empty") {
			t.Error(err)
		}
	}
	var none *scsstore.Store
	for _, err := range ownertest.Refusals(t, none, "a") {
		if !errors.Is(err, scsstore.ErrNoCluster) {
			t.Error(err)
		}
	}
}

func encodedNow(t *testing.T, values map[string]any) []byte {
	t.Helper()
	b, err := (serializer.Codec{}).Encode(time.Now().Add(time.Hour), values)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
