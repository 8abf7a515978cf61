package gorillastore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"net/http"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what becomes of stored sessions that cannot be read.

type discarded struct{ N int }

// damage puts bytes that mean nothing under a key of the user's session.
func damage(t *testing.T, c *cluster.Cluster, id string, name string) {
	t.Helper()
	rec, err := c.Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	rec.Attrs[name] = []byte{0xff, 0x00, 0xff}
	if err := c.Save(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
}

func TestValueThatCannotBeDecoded(t *testing.T) {
	cart, err := serializer.MarshalKey("cart")
	if err != nil {
		t.Fatal(err)
	}
	for what, attr := range map[string]string{"a value": cart, "a key": "no attribute of ours"} {
		t.Run(what, func(t *testing.T) {
			_, c, store := start(t)
			u := newUser(t)
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				session.Values["user"] = "ann"
				for i := range 40 {
					session.Values[i] = i
				}
				u.save(session, r, w)
			})
			cookie, id := u.cookie("app"), u.see(store, "app").id
			damage(t, c, id, attr)

			// Left to itself the store serves nothing, and overwrites nothing.
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session, err := store.Get(r, "app")
				if !errors.Is(err, gorillastore.ErrUndecodable) || !errors.Is(err, serializer.ErrCorrupt) {
					t.Errorf("Get: %v", err)
				}
				if attr == cart && !strings.Contains(err.Error(), `"cart"`) {
					t.Errorf("%q does not name the key", err)
				}
				if !session.IsNew || session.ID != "" || len(session.Values) != 0 {
					t.Errorf("half a session: %+v", session)
				}
				if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrNotLoaded) || !errors.Is(err, gorillastore.ErrUndecodable) {
					t.Errorf("Save: %v", err)
				}
			})
			if rec, err := c.Load(context.Background(), id); err != nil || len(rec.Attrs) != 42 {
				t.Errorf("the stored session was changed: %v", err)
			}

			// An app that drops the value goes on with the rest.
			var name string
			var key any
			store.OnDecodeError = func(n string, k any, err error) error {
				if !errors.Is(err, serializer.ErrCorrupt) {
					t.Errorf("OnDecodeError: %v", err)
				}
				name, key = n, k
				return nil
			}
			u.want(store, "app", "user", "ann")
			if name != "app" || attr == cart && key != "cart" || attr != cart && key != nil {
				t.Errorf("OnDecodeError was told of session %q, key %v", name, key)
			}
			u.want(store, "app", "cart", nil)
			u.set(store, "app", "more", 1)
			store.OnDecodeError = nil
			u.want(store, "app", "user", "ann")
			if u.see(store, "app").id != id {
				t.Error("the session has another id")
			}

			// An app that says no decides what Get says.
			damage(t, c, id, attr)
			sorry := errors.New("sorry")
			store.OnDecodeError = func(string, any, error) error { return sorry }
			if v := u.see(store, "app"); !errors.Is(v.err, sorry) || !errors.Is(v.err, gorillastore.ErrUndecodable) || len(v.values) != 0 {
				t.Errorf("Get: %v", v.err)
			}

			// Logging out works in any case.
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session, _ := store.Get(r, "app")
				session.Options.MaxAge = -1
				u.save(session, r, w)
			})
			u.present("app", cookie)
			u.wantFresh(store, "app")
		})
	}
}

// A type that the program no longer registers.
func TestValueOfATypeThatIsNoLongerRegistered(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "cart", registered{N: 3})
	id := u.see(store, "app").id
	rec, err := c.Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range rec.Attrs {
		rec.Attrs[name] = []byte(strings.Replace(string(b), "registered", "registereD", 1))
	}
	if err := c.Save(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
	var unregistered *serializer.UnregisteredTypeError
	if v := u.see(store, "app"); !errors.Is(v.err, gorillastore.ErrUndecodable) || !errors.As(v.err, &unregistered) {
		t.Errorf("Get: %v", v.err)
	}
}

// ofANewerVersion makes all records of the test look as if a newer version had written them.
func ofANewerVersion(env *testenv.Env) {
	for _, n := range env.All() {
		for key, b := range n.Dump() {
			if !strings.HasPrefix(key, prefixOf(env)) {
				continue
			}
			const versionAt = 1 // behind the magic byte; the checksum closes the record
			b[versionAt]++
			body := b[:len(b)-4]
			n.Set(key, binary.BigEndian.AppendUint32(body, crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))))
		}
	}
}

// A record of a newer version of holdfast: an older instance serves an error, or a new session
// beside it, and changes nothing.
func TestRecordOfANewerVersion(t *testing.T) {
	env, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	cookie, id := u.cookie("app"), u.see(store, "app").id
	ofANewerVersion(env)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session, err := store.Get(r, "app")
		if !errors.Is(err, cluster.ErrVersion) || !session.IsNew {
			t.Errorf("Get: %v", err)
		}
		if err := session.Save(r, w); !errors.Is(err, gorillastore.ErrNotLoaded) || !errors.Is(err, cluster.ErrVersion) {
			t.Errorf("Save: %v", err)
		}
	})

	store.OnDecodeError = func(name string, key any, err error) error {
		if name != "app" || key != nil || !errors.Is(err, cluster.ErrVersion) {
			t.Errorf("OnDecodeError: %q, %v, %v", name, key, err)
		}
		return nil
	}
	u.wantFresh(store, "app")
	u.set(store, "app", "user", "bob")
	u.want(store, "app", "user", "bob")
	if u.see(store, "app").id == id {
		t.Error("the new session has the id of the other one")
	}
	u.present("app", cookie)
	store.OnDecodeError = nil
	if v := u.see(store, "app"); !errors.Is(v.err, cluster.ErrVersion) {
		t.Errorf("the record of the newer version was changed: %v", v.err)
	}
}
