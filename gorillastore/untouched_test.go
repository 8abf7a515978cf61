package gorillastore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/gob"
	"fmt"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides that a value which a request leaves alone overwrites nothing, however its type
// is encoded.

type (
	// basket gobs a map, and so has other bytes each time.
	basket struct{ items map[string]int }

	// amount has a zero value that is encoded otherwise once it has been decoded, as shopspring's
	// Decimal v1.4.0.
	amount struct{ digits *[]byte }

	// customer is what the program of today knows, customerWithMail what that of tomorrow does.
	// Both have one name, and a test puts the one in the place of the other.
	customer         struct{ Name string }
	customerWithMail struct{ Name, Mail string }

	// coin is encoded beside chance, and yet a key.
	coin struct{ side byte }

	// moved is the type of a key that had another name in the version before.
	moved string
)

func init() {
	serializer.Register(basket{})
	serializer.Register(&basket{})
	serializer.Register(amount{})
	serializer.RegisterName("customer.today", customer{})
	serializer.RegisterName("customer.later", customerWithMail{})
	serializer.Register(coin{})
	serializer.RegisterName("moved.later", moved(""))
	serializer.RegisterAlias("moved.today", moved(""))
}

func (b basket) GobEncode() ([]byte, error) {
	var buf bytes.Buffer
	err := gob.NewEncoder(&buf).Encode(b.items)
	return buf.Bytes(), err
}

func (b *basket) GobDecode(from []byte) error {
	return gob.NewDecoder(bytes.NewReader(from)).Decode(&b.items)
}

func (a amount) MarshalBinary() ([]byte, error) {
	if a.digits == nil {
		return []byte("unset"), nil
	}
	return append([]byte("set:"), *a.digits...), nil
}

func (a *amount) UnmarshalBinary(from []byte) error {
	digits := bytes.TrimPrefix(bytes.Clone(from), []byte("set:"))
	if string(from) == "unset" {
		digits = nil
	}
	a.digits = &digits
	return nil
}

func (c coin) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint64([]byte{c.side}, rand.Uint64()), nil
}

func (c *coin) UnmarshalBinary(from []byte) error {
	c.side = from[0]
	return nil
}

func fullBasket() basket {
	b := basket{map[string]int{}}
	for i := range 12 {
		b.items[fmt.Sprint("item", i)] = i
	}
	return b
}

// restamp makes the values of the user's session look as if another version of the program had
// stored them.
func restamp(t *testing.T, c *cluster.Cluster, id, from, to string) {
	t.Helper()
	rec, err := c.Load(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range rec.Attrs {
		rec.Attrs[name] = bytes.ReplaceAll(b, []byte(from), []byte(to))
	}
	if err := c.Save(context.Background(), rec); err != nil {
		t.Fatal(err)
	}
}

// A slow request changes the theme, a fast one meanwhile the cart: both changes hold, also on the
// second save of the slow one, which has seen its own first only.
func TestUntouchedValueOverwritesNothing(t *testing.T) {
	_, c, store := start(t)
	for what, cart := range map[string]any{
		"a type that gobs a map":       fullBasket(),
		"a pointer to it":              func() *basket { b := fullBasket(); return &b }(),
		"it in a list":                 []any{1, fullBasket()},
		"it in a map":                  map[string]any{"cart": fullBasket()},
		"a zero that is encoded anew":  amount{},
		"a zero in a struct of others": map[string]any{"price": amount{}, "basket": fullBasket()},
		"a field of a later version":   customerWithMail{"ann", "ann@example.com"},
	} {
		u := newUser(t)
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.Values["cart"], session.Values["left"], session.Values["theme"] = cart, cart, "light"
			u.save(session, r, w)
		})
		restamp(t, c, u.see(store, "app").id, "customer.later", "customer.today")
		before := attributes(t, c, store, u)
		u.visit(func(w http.ResponseWriter, r *http.Request) {
			slow := u.open(store, r, "app")
			u.set(store, "app", "cart", "full")
			slow.Values["theme"] = "dark"
			u.save(slow, r, w)
			slow.Values["lang"] = "en"
			u.save(slow, r, w)
		})
		for key, want := range map[string]any{"cart": "full", "theme": "dark", "lang": "en"} {
			if got := u.see(store, "app").values[key]; got != want {
				t.Errorf("%s: %s is %v, want %v", what, key, got, want)
			}
		}
		if now := attributes(t, c, store, u); !bytes.Equal(now["sleft"], before["sleft"]) {
			t.Errorf("%s: a value that nobody touched has other bytes", what)
		}
	}
}

// A new id keeps the bytes too: an instance of an older version at which the user logs in must not
// drop what it does not know.
func TestRenewIDKeepsWhatThisVersionDoesNotKnow(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "customer", customerWithMail{"ann", "ann@example.com"})
	restamp(t, c, u.see(store, "app").id, "customer.later", "customer.today")
	if got := u.see(store, "app").values["customer"]; got != (customer{"ann"}) {
		t.Errorf("this version reads %+v", got)
	}
	u.renew(store, "app")
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.ID = ""
		u.save(session, r, w)
	})
	restamp(t, c, u.see(store, "app").id, "customer.today", "customer.later")
	if got := u.see(store, "app").values["customer"]; got != (customerWithMail{"ann", "ann@example.com"}) {
		t.Errorf("a later version reads %+v", got)
	}
}

// What the app changes in place is changed, whatever holds it.
func TestValueChangedInPlaceIsWritten(t *testing.T) {
	_, _, store := start(t)
	for what, test := range map[string]struct {
		value any
		edit  func(v any)
	}{
		"a map":                    {map[string]int{"n": 1}, func(v any) { v.(map[string]int)["n"] = 2 }},
		"a list":                   {[]int{1, 2}, func(v any) { v.([]int)[1] = 3 }},
		"bytes":                    {[]byte("abc"), func(v any) { v.([]byte)[0] = 'x' }},
		"a pointer":                {&registered{1}, func(v any) { v.(*registered).N = 2 }},
		"a map that a type gobs":   {fullBasket(), func(v any) { v.(basket).items["item3"] = 4 }},
		"the same by a pointer":    {&basket{map[string]int{"n": 1}}, func(v any) { v.(*basket).items = map[string]int{"n": 2} }},
		"an entry that is taken":   {fullBasket(), func(v any) { delete(v.(basket).items, "item3") }},
		"bytes that a type points": {amount{&[]byte{'1'}}, func(v any) { (*v.(amount).digits)[0] = '2' }},
	} {
		u := newUser(t)
		u.set(store, "app", "v", test.value)
		test.edit(test.value)
		for range 2 {
			u.visit(func(w http.ResponseWriter, r *http.Request) {
				session := u.open(store, r, "app")
				if !reflect.DeepEqual(session.Values["v"], test.value) {
					test.edit(session.Values["v"])
				}
				u.save(session, r, w)
			})
		}
		if got := u.see(store, "app").values["v"]; !reflect.DeepEqual(got, test.value) {
			t.Errorf("%s: got %+v, want %+v", what, got, test.value)
		}
	}
}

// A change whose first save failed is a change still, and one that was taken back before the second
// is none: values are compared with what the nodes have.
func TestChangeIsWrittenAfterASaveThatFailed(t *testing.T) {
	env, c, store := start(t)
	u := newUser(t)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["cart"], session.Values["left"], session.Values["back"] = fullBasket(), fullBasket(), fullBasket()
		u.save(session, r, w)
	})
	before := attributes(t, c, store, u)
	changed := fullBasket()
	changed.items["item3"] = 33
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["cart"], session.Values["back"] = changed, changed
		outage(t, env, c, func() {
			if err := session.Save(r, w); err == nil {
				t.Error("a save without any node")
			}
		})
		session.Values["back"] = fullBasket()
		u.save(session, r, w)
	})
	if got := u.see(store, "app").values["cart"]; !reflect.DeepEqual(got, changed) {
		t.Errorf("got %+v", got)
	}
	now := attributes(t, c, store, u)
	for _, name := range []string{"sleft", "sback"} {
		if !bytes.Equal(now[name], before[name]) {
			t.Errorf("%s, which is as it was, has other bytes", name)
		}
	}
}

// A key that would be written under another name each time is refused: its value could not be found
// again, and each save would add one.
func TestKeyThatEncodesDifferentlyEachTimeIsRefused(t *testing.T) {
	_, _, store := start(t)
	newUser(t).visit(func(w http.ResponseWriter, r *http.Request) {
		session, _ := store.Get(r, "app")
		session.Values[coin{1}] = "heads"
		if err := session.Save(r, w); err == nil {
			t.Error("the key was stored")
		}
	})
}

// The type of a key has moved. An instance of the version before changes its value and knows the
// old name only; an instance of this version changes another key, then this one, then removes it.
func TestKeyOfAMovedTypeKeepsItsName(t *testing.T) {
	_, c, store := start(t)
	now, err := serializer.MarshalKey(moved("cart"))
	if err != nil {
		t.Fatal(err)
	}
	before := strings.Replace(now, "moved.later", "moved.today", 1)
	if before == now {
		t.Fatalf("%q does not name the type", now)
	}
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	id := u.see(store, "app").id
	older := func(value int) {
		t.Helper()
		rec, err := c.Load(context.Background(), id)
		if err != nil {
			t.Fatal(err)
		}
		if rec.Attrs[now] != nil {
			t.Fatal("the version before cannot read the session")
		}
		if rec.Attrs[before], err = serializer.Marshal(value); err != nil {
			t.Fatal(err)
		}
		if err := c.Save(context.Background(), rec); err != nil {
			t.Fatal(err)
		}
	}
	older(1)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		older(2)
		session.Values["theme"] = "dark"
		u.save(session, r, w)
	})
	u.want(store, "app", moved("cart"), 2)
	u.set(store, "app", moved("cart"), 3)
	u.want(store, "app", moved("cart"), 3)
	older(4)
	u.want(store, "app", moved("cart"), 4)
	u.renew(store, "app")
	id = u.see(store, "app").id
	older(5)
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		delete(session.Values, moved("cart"))
		u.save(session, r, w)
	})
	u.want(store, "app", moved("cart"), nil)
	if got := attributes(t, c, store, u); len(got) != 2 {
		t.Errorf("%d attributes, want the user and the theme", len(got))
	}
	u.set(store, "app", moved("cart"), 6)
	u.want(store, "app", moved("cart"), 6)
}
