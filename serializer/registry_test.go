package serializer

import (
	"encoding/gob"
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
	if _, ok := registeredType("conflict.three"); ok {
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
