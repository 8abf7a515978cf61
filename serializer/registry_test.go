package serializer

import (
	"bytes"
	"encoding/gob"
	"errors"
	"strings"
	"testing"
	"time"
)

type (
	regA       struct{ A int }
	regB       struct{ B int }
	regC       struct{ C int }
	regD       struct{ D int }
	regList    []regA
	box[T any] struct{ V T }

	moved    struct{ A int }
	movedKey string
)

func panics(f func()) (said string) {
	defer func() { said, _ = recover().(string) }()
	f()
	return ""
}

func TestRegisteringTwiceIsFine(t *testing.T) {
	for range 2 {
		Register(regA{})
		Register(&regA{})
		Register([]*regA{})
		Register(map[string]regA{})
		RegisterName("the b", regB{})
		RegisterName("the b", &regB{})
	}
	for _, v := range []any{1, "", []byte{}, time.Time{}, time.Second, []any{}, map[string]any{}, map[any]any{}, [][]int{}, struct{}{}, new(any)} {
		Register(v)
	}
	RegisterName("when", time.Time{}) // ignored, and so in no conflict with the line above
	if b, err := Marshal(regA{}); err != nil || !strings.Contains(string(b), "github.com/holdfast-go/holdfast/serializer.regA") {
		t.Errorf("a type is not told by its package and name: %q, %v", b, err)
	}
	for _, v := range []any{regA{1}, &regA{1}, []regA{{1}}, map[string]*regA{"a": {1}}, regB{2}, &regB{2}} {
		b, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, got, v)
	}
}

func TestTypesMadeOfUnnamedOnesAreRegisteredWithThem(t *testing.T) {
	Register(map[regC][]box[*regD]{})
	Register(struct{ Q int }{})
	for _, v := range []any{regC{1}, []box[*regD]{{&regD{2}}}, struct{ Q int }{3}, []struct{ Q int }{{3}}} {
		b, err := Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Unmarshal(b)
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, got, v)
	}
	if _, err := Marshal(regD{}); err == nil {
		t.Error("regD is only a type argument, and was registered")
	}
}

func TestAnUnnamedTypeMayHaveAName(t *testing.T) {
	RegisterName("the lists", []regList{})
	v := []regList{{{1}}}
	b, err := Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), "the lists") {
		t.Errorf("%q", b)
	}
	got, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, v)
}

func TestConflictingRegistrationsPanicAsGobDoes(t *testing.T) {
	type (
		one struct{ A int }
		two struct{ A int }
	)
	for _, c := range []struct {
		name          string
		first, second func(register func(string, any))
		says          string
	}{
		{
			"one name, two types",
			func(r func(string, any)) { r("conflict.name", one{}) }, func(r func(string, any)) { r("conflict.name", two{}) },
			"duplicate types",
		},
		{
			"one type, two names",
			func(r func(string, any)) { r("conflict.two", two{}) }, func(r func(string, any)) { r("conflict.three", two{}) },
			"duplicate names",
		},
	} {
		c.first(RegisterName)
		said := panics(func() { c.second(RegisterName) })
		if !strings.Contains(said, c.says) {
			t.Errorf("%s: said %q", c.name, said)
		}
		c.first(gob.RegisterName)
		if theirs := panics(func() { c.second(gob.RegisterName) }); !strings.Contains(theirs, c.says) {
			t.Errorf("%s: gob said %q", c.name, theirs)
		}
	}
	if typ, _ := registeredType("conflict.three"); typ != nil {
		t.Error("a refused name was kept")
	}
	for name, f := range map[string]func(){
		"nil":          func() { Register(nil) },
		"nil, named":   func() { RegisterName("nothing", nil) },
		"without name": func() { RegisterName("", regA{}) },
	} {
		if said := panics(f); said == "" {
			t.Errorf("%s: no panic, or none that says anything", name)
		}
	}
}

func TestATypeMayBeRegisteredAfterItWasRefused(t *testing.T) {
	type late struct{ A int }
	if _, err := Marshal([]late{{1}}); err == nil {
		t.Fatal("it was accepted")
	}
	Register(late{})
	b, err := Marshal([]late{{1}})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(b)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, []late{{1}})
}

// shop is the package that moved and movedKey were in before.
const shop = "example.com/shop."

func underOldName(t *testing.T, v any) []byte {
	t.Helper()
	b := mustMarshal(t, v)
	for _, name := range []string{"moved", "movedKey"} {
		now := "github.com/holdfast-go/holdfast/serializer." + name
		then := shop + name
		b = bytes.ReplaceAll(b, append([]byte{0xd9, byte(len(now))}, now...), append([]byte{0xa0 | byte(len(then))}, then...))
	}
	return b
}

func TestATypeThatHasMovedIsReadUnderBothNames(t *testing.T) {
	Register(moved{})
	Register(movedKey(""))
	values := []any{
		moved{1},
		&moved{2},
		[]moved{{3}},
		map[string]*moved{"a": {4}},
		[]any{[]*moved{{5}}, nil},
		map[movedKey]moved{"b": {7}},
		map[any]any{movedKey("c"): [1]moved{{8}}},
	}
	for _, v := range values {
		_, err := Unmarshal(underOldName(t, v))
		var missing *UnregisteredTypeError
		if !errors.As(err, &missing) || !strings.HasPrefix(missing.Name, shop+"moved") {
			t.Fatalf("%T: %v", v, err)
		}
		if says := err.Error(); !strings.Contains(says, "RegisterName") || !strings.Contains(says, "RegisterAlias") || !strings.Contains(says, missing.Name) {
			t.Errorf("%T: %v", v, err)
		}
	}
	RegisterAlias(shop+"moved", &moved{})
	RegisterAlias(shop+"movedKey", movedKey(""))
	RegisterAlias(shop+"moved", moved{}) // again is fine
	for _, v := range values {
		old, now := underOldName(t, v), mustMarshal(t, v)
		got, err := Unmarshal(old)
		if err != nil {
			t.Fatalf("%T: %v", v, err)
		}
		mustEqual(t, got, v)
		if written := mustMarshal(t, got); !bytes.Equal(written, now) || bytes.Contains(written, []byte(shop)) {
			t.Errorf("%T is written under the old name: %q", v, written)
		}
		if !Equal(old, now) {
			t.Errorf("%T: another name is a change", v)
		}
		comesBack(t, v)
	}
}

func TestAKeyOfATypeThatHasMovedIsRead(t *testing.T) {
	Register(movedKey(""))
	RegisterAlias(shop+"movedKey", movedKey(""))
	name, err := MarshalKey(movedKey("cart"))
	if err != nil {
		t.Fatal(err)
	}
	old := otherKey + string(underOldName(t, movedKey("cart")))
	for _, name := range []string{name, old} {
		if key, err := UnmarshalKey(name); err != nil || key != movedKey("cart") {
			t.Errorf("%q: %v, %v", name, key, err)
		}
	}
}

func TestAnAliasThatStandsForAnotherTypeIsAMistake(t *testing.T) {
	type renamed struct{ A int }
	Register(regA{})
	RegisterAlias("alias.of.regB", regB{})
	for name, f := range map[string]func(){
		"nil":                      func() { RegisterAlias("alias.nil", nil) },
		"without name":             func() { RegisterAlias("", regA{}) },
		"the name of another type": func() { RegisterAlias("github.com/holdfast-go/holdfast/serializer.regA", renamed{}) },
		"another type's alias":     func() { RegisterAlias("alias.of.regB", renamed{}) },
		"a name that is an alias":  func() { RegisterName("alias.of.regB", renamed{}) },
	} {
		if said := panics(f); said == "" {
			t.Errorf("%s: no panic, or none that says anything", name)
		}
	}
	if _, err := Marshal(renamed{1}); err == nil {
		t.Error("an alias that was refused registered its type")
	}
	RegisterAlias("alias.of.renamed", renamed{})
	if _, err := Marshal(renamed{1}); err == nil {
		t.Error("a type that has only an alias has no name to be written under")
	}
}
