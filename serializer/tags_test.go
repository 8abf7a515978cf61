package serializer

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

type (
	tagged struct {
		Name    string
		Secret  string `msgpack:"-"`
		Cached  []Item `msgpack:"-,omitempty" json:"cached"`
		Renamed string `msgpack:"other" json:"name"`
		Dash    string `json:"-,"` //lint:ignore SA5008 this is how a field gets the name "-"
		Both    string `json:"-" msgpack:"Both"`
		Never   string `json:"-" msgpack:"-"`
		hook    func()
		Hook    func() `msgpack:"-"`
		Point   `msgpack:"-"`
	}

	hidden struct {
		Name     string
		Password string `json:"-"`
		Point    `json:"-"`
	}

	// untagged is what tagged and hidden were before they got their tags.
	untagged struct{ Name, Secret, Password, Never string }

	secretOnly struct {
		Secret string `msgpack:"-"`
	}
)

func init() {
	Register(tagged{})
	Register(hidden{})
	Register(secretOnly{})
	RegisterName("tags.0", untagged{})
}

func TestFieldsTaggedAsNotForMsgpackAreLeftOut(t *testing.T) {
	full := tagged{
		"Ada", "hunter2", []Item{{SKU: "hunter2"}}, "kept", "kept too", "kept as well", "hunter2", func() {}, func() {}, Point{1, 2},
	}
	for _, v := range []any{full, []*tagged{&full}, map[string]any{"a": full}} {
		if b := mustMarshal(t, v); bytes.Contains(b, []byte("hunter2")) || bytes.Contains(b, []byte("Secret")) {
			t.Errorf("%q", b)
		}
	}
	got, err := Unmarshal(mustMarshal(t, full))
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, got, tagged{Name: "Ada", Renamed: "kept", Dash: "kept too", Both: "kept as well"})
	comesBack(t, []secretOnly{{}, {}})
}

// The app hides the field from browsers; only its author can say whether the nodes may have it.
func TestFieldsHiddenFromJSONAreRefusedWithAWord(t *testing.T) {
	for path, v := range map[string]any{
		".Password":     hidden{Name: "Ada", Password: "hunter2"},
		".Point":        &hidden{Point: Point{X: 1}},
		"[1].Password":  []hidden{{}, {Password: "hunter2"}},
		"[*][0].Passwo": map[string]any{"a": []any{hidden{Password: "hunter2"}}},
	} {
		_, err := Marshal(v)
		var refused *UnsupportedTypeError
		if !errors.As(err, &refused) || !strings.HasPrefix(refused.Path, path) {
			t.Fatalf("%s: %v", path, err)
		}
		if says := err.Error(); !strings.Contains(says, `json:"-"`) || !strings.Contains(says, `msgpack:"-"`) || strings.Contains(says, "hunter2") {
			t.Errorf("%s: %v", path, err)
		}
	}
	comesBack(t, hidden{Name: "Ada"})
}

// A field that got its tag while sessions with it were stored comes back zero, and is no reason to
// write them anew.
func TestATagHidesWhatIsStoredAlready(t *testing.T) {
	stored := mustMarshal(t, untagged{"Ada", "hunter2", "hunter2", "hunter2"})
	for _, v := range []any{tagged{Name: "Ada"}, hidden{Name: "Ada"}} {
		other := mustMarshal(t, v)
		renamed := append(append([]byte{0x92}, mustDescribe(t, v)...), stored[len("\x92\xa6tags.0"):]...)
		got, err := Unmarshal(renamed)
		if err != nil {
			t.Fatal(err)
		}
		mustEqual(t, got, v)
		if !Equal(renamed, other) {
			t.Errorf("%T: a change", v)
		}
	}
}

func TestAFieldThatCannotBeKeptMayBeLeftOutByATag(t *testing.T) {
	_, err := Marshal(User{Callback: func() {}})
	if err == nil || !strings.Contains(err.Error(), `msgpack:"-"`) {
		t.Error(err)
	}
}
