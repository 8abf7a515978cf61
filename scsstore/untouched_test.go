package scsstore_test

// These tests show that a value that a request has left alone is no change of the session,
// whatever its type makes of it when it is encoded again.

import (
	"bytes"
	"context"
	"encoding/gob"
	"math/big"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/serializer"
)

// basket gobs a map, and is encoded in another order each time.
type basket struct{ items map[string]int }

func (b basket) GobEncode() ([]byte, error) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(b.items)
	return out.Bytes(), err
}

func (b *basket) GobDecode(in []byte) error {
	return gob.NewDecoder(bytes.NewReader(in)).Decode(&b.items)
}

// amount is encoded in another form once it has been decoded, as the zero value of
// shopspring's Decimal is.
type amount struct{ value *big.Int }

func (a amount) MarshalBinary() ([]byte, error) { return a.value.GobEncode() }

func (a *amount) UnmarshalBinary(b []byte) error {
	a.value = new(big.Int)
	return a.value.GobDecode(b)
}

// profile is a type in two versions of the program: instances that are deployed one after
// the other share its sessions. One process cannot have both under one name: the newer one
// speaks through newerProgram, and its changes show in Name, too, since its store compares
// values as the older program reads them.
type (
	profile      struct{ Name string }
	newerProfile struct{ Name, Mail string }
)

func init() {
	serializer.Register(basket{})
	serializer.Register(amount{})
	serializer.RegisterName("test.profile.1", profile{})
	serializer.RegisterName("test.profile.2", newerProfile{})
}

// newerProgram is the codec of the newer version.
type newerProgram struct{ serializer.Codec }

func (c newerProgram) Encode(deadline time.Time, v map[string]any) ([]byte, error) {
	b, err := c.Codec.Encode(deadline, v)
	return bytes.ReplaceAll(b, []byte("test.profile.2"), []byte("test.profile.1")), err
}

func (c newerProgram) Decode(b []byte) (time.Time, map[string]any, error) {
	return c.Codec.Decode(bytes.ReplaceAll(b, []byte("test.profile.1"), []byte("test.profile.2")))
}

func fullBasket() basket {
	b := basket{map[string]int{}}
	for _, item := range "abcdefghijklmnop" {
		b.items[string(item)] = int(item)
	}
	return b
}

// A has the session, B changes a value of it and saves, A changes another one and saves:
// what B has saved stands.
func TestUntouchedValueOverwritesNothing(t *testing.T) {
	for _, tc := range []struct {
		name              string
		before, after     any
		instance, another scs.Codec // A's and B's
	}{
		{"gobbed map", fullBasket(), basket{map[string]int{"new": 1}}, serializer.Codec{}, serializer.Codec{}},
		{"gobbed map behind a pointer", &basket{fullBasket().items}, &basket{map[string]int{"new": 1}}, serializer.Codec{}, serializer.Codec{}},
		{"gobbed maps in a slice", []basket{fullBasket(), fullBasket()}, []basket{{map[string]int{"new": 1}}}, serializer.Codec{}, serializer.Codec{}},
		{"zero amount", amount{}, amount{big.NewInt(7)}, serializer.Codec{}, serializer.Codec{}},
		{"field of a newer program", newerProfile{"ann", "ann@example.com"}, newerProfile{"bob", "bob@example.com"}, serializer.Codec{}, newerProgram{}},
		{"the same, where the codec of A copies", newerProfile{"ann", "ann@example.com"}, newerProfile{"bob", "bob@example.com"}, copying{}, newerProgram{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := newInstance(t, tc.another)
			other := &instance{scs.New(), in.store, t}
			other.Store, other.Codec = in.store, tc.instance
			for range 5 { // one order in many is the same again
				token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "value", tc.before) })
				ctx := other.load(request(t), token)
				in.do(request(t), token, func(ctx context.Context) { in.Put(ctx, "value", tc.after) })
				other.Put(ctx, "theme", "dark")
				other.commit(ctx)
				other.Put(ctx, "theme", "light") // nor does its second commit
				other.commit(ctx)
				ctx = in.load(request(t), token)
				got, err := serializer.Marshal(in.Get(ctx, "value"))
				in.must(err)
				want, err := serializer.Marshal(tc.after)
				in.must(err)
				if !serializer.Equal(got, want) || in.Get(ctx, "theme") != "light" {
					t.Fatalf("the session has the value %v and the theme %v, want %v and light", in.Get(ctx, "value"), in.Get(ctx, "theme"), tc.after)
				}
			}
		})
	}
}

// An instance of the older program keeps what it does not know, also with an idle timeout,
// which commits every session that is looked at.
func TestOlderProgramKeepsTheFieldsOfANewerOne(t *testing.T) {
	in := newInstance(t, newerProgram{})
	older := &instance{scs.New(), in.store, t}
	older.Store, older.Codec, older.IdleTimeout = in.store, serializer.Codec{}, time.Hour
	want := newerProfile{"ann", "ann@example.com"}
	token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "profile", want) })
	for _, renew := range []bool{false, true, true, false} { // also under a new token
		token = older.do(request(t), token, func(ctx context.Context) {
			if got := older.Get(ctx, "profile"); got != (profile{"ann"}) {
				t.Errorf("the older program reads %v", got)
			}
			if renew {
				older.must(older.RenewToken(ctx))
			}
		})
		if got := in.Get(in.load(request(t), token), "profile"); got != want {
			t.Fatalf("the newer program reads %v, want %v", got, want)
		}
	}
	older.do(request(t), token, func(ctx context.Context) { older.Put(ctx, "profile", profile{"bob"}) })
	if got, want := in.Get(in.load(request(t), token), "profile"), (newerProfile{Name: "bob"}); got != want {
		t.Fatalf("a change by the older program was not stored: %v, want %v", got, want)
	}
}

// A value that was changed in its place, behind a pointer, is a change.
func TestValueChangedInItsPlaceIsStored(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "value", &basket{map[string]int{"a": 1}}) })
	in.do(request(t), token, func(ctx context.Context) {
		in.Get(ctx, "value").(*basket).items["b"] = 2
		in.Put(ctx, "value", in.Get(ctx, "value"))
	})
	if got := in.Get(in.load(request(t), token), "value").(*basket).items; len(got) != 2 {
		t.Fatalf("the basket holds %v", got)
	}
}
