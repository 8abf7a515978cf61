package gorillastore

import (
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/serializer"
)

// movedKey is a key type that was in another package before.
type movedKey string

// While instances of two versions of a program save one session, it has a key under both names of
// its type. The value under the name that is written now is the newer one's.
func TestKeyOfAMovedTypeIsReadUnderItsNewNameFirst(t *testing.T) {
	serializer.Register(movedKey(""))
	serializer.RegisterAlias("example.com/app.movedKey", movedKey(""))
	now, err := serializer.MarshalKey(movedKey("cart"))
	if err != nil {
		t.Fatal(err)
	}
	const here, there = "github.com/holdfast-go/holdfast/gorillastore.movedKey", "example.com/app.movedKey"
	before := strings.Replace(now, "\xd9"+string(rune(len(here)))+here, string([]byte{0xa0 | byte(len(there))})+there, 1)
	if before == now {
		t.Fatalf("%q does not name the type", now)
	}
	value := func(v any) []byte {
		b, err := serializer.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for range 20 { // maps are read in any order
		values := map[any]any{}
		if err := new(Store).decode("app", values, map[string][]byte{before: value(1), now: value(2), "s1": value(3)}); err != nil {
			t.Fatal(err)
		}
		if len(values) != 2 || values[movedKey("cart")] != 2 {
			t.Fatalf("got %v", values)
		}
	}
	values := map[any]any{}
	if err := new(Store).decode("app", values, map[string][]byte{before: value(1)}); err != nil || values[movedKey("cart")] != 1 {
		t.Fatalf("got %v, %v", values, err)
	}
}
