package gorillastore_test

import (
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides what may be stored, and how it comes back.

type registered struct{ N int }

type contextKey string

func init() {
	serializer.Register(registered{})
	serializer.Register(&registered{})
	serializer.Register(contextKey(""))
}

func TestValuesComeBackAsTheyWent(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	values := map[any]any{
		"string": "s", "empty": "", "nil": nil, "bool": true, "int": 1, "int8": int8(-8), "int64": int64(1) << 62, "uint64": uint64(1) << 63,
		"float32": float32(0.5), "float64": 1e300, "bytes": []byte{0, 1, 255}, "time": time.Date(2024, 2, 29, 1, 2, 3, 4, time.UTC),
		"duration": 90 * time.Second, "strings": []string{"a", "b"}, "anys": []any{1, "two", []any{3.0}}, "map": map[string]any{"k": int16(1)},
		"ints": map[int]string{1: "a"}, "struct": registered{1}, "pointer": &registered{2},
		1: "int key", int64(1): "int64 key", "1": "string key", true: "bool key", contextKey("k"): "typed key", "k": "same text",
	}
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		for k, v := range values {
			session.Values[k] = v
		}
		u.save(session, r, w)
	})
	got := u.see(store, "app").values
	for k, v := range values {
		if !reflect.DeepEqual(got[k], v) {
			t.Errorf("%T %v: got %T %v, want %T %v", k, k, got[k], got[k], v, v)
		}
	}
	if len(got) != len(values) {
		t.Errorf("%d values came back, want %d", len(got), len(values))
	}
}

// What would not come back is refused with the key and the type, and nothing is written: not even
// the good values beside it.
func TestValuesThatCannotBeStored(t *testing.T) {
	_, c, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	for _, test := range []struct {
		key, value any
		says       []string
	}{
		{"cart", discarded{N: 424242}, []string{`"app"`, `"cart"`, "gorillastore_test.discarded"}},
		{"cart", []any{discarded{N: 424242}}, []string{`"cart"`, "gorillastore_test.discarded"}},
		{"notify", make(chan int), []string{`"notify"`, "chan int"}},
		{discarded{N: 424242}, "v", []string{"type gorillastore_test.discarded"}},
		{42, func() {}, []string{"42", "func()"}},
	} {
		resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
			session := u.open(store, r, "app")
			session.Values["user"] = "changed"
			session.Values[test.key] = test.value
			err := session.Save(r, w)
			var unsupported *serializer.UnsupportedTypeError
			if !errors.As(err, &unsupported) {
				t.Errorf("%v: %v", test.says, err)
				return
			}
			for _, s := range test.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("%q does not say %s", err, s)
				}
			}
			if strings.Contains(err.Error(), "424242") {
				t.Errorf("%q shows the value", err)
			}
			if err := store.RenewID(r, w, session); !errors.As(err, &unsupported) {
				t.Errorf("RenewID: %v", err)
			}
		})
		if given(resp, "app") != nil {
			t.Errorf("%v: a cookie was set", test.says)
		}
		u.want(store, "app", "user", "ann")
	}
	if s := c.Stats(); s.Saves != 1 {
		t.Errorf("%d saves, want the first one only", s.Saves)
	}
}

func TestSessionThatIsTooLarge(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	u.set(store, "app", "user", "ann")
	resp := u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		session.Values["blob"] = make([]byte, 2<<20)
		if err := session.Save(r, w); !errors.Is(err, cluster.ErrTooLarge) || !strings.Contains(err.Error(), `"app"`) || !strings.Contains(err.Error(), "limit") {
			t.Errorf("Save: %v", err)
		}
		delete(session.Values, "blob")
		session.Values["after"] = true
		u.save(session, r, w)
	})
	if given(resp, "app") == nil {
		t.Error("no cookie from the second save")
	}
	u.want(store, "app", "user", "ann")
	u.want(store, "app", "after", true)
}

// Values that are posted again are recognised: of two requests, the one that changes nothing does
// not win over the one that does.
func TestUnchangedValuesAreNotWritten(t *testing.T) {
	_, _, store := start(t)
	u := newUser(t)
	values := map[any]any{"m": map[string]any{"a": 1, "b": 2, "c": 3, "d": 4}, "s": registered{1}, "f": 0.1, "t": time.Unix(1, 2).UTC(), "l": []any{1, "x"}}
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		session := u.open(store, r, "app")
		for k, v := range values {
			session.Values[k] = v
		}
		u.save(session, r, w)
	})
	u.visit(func(w http.ResponseWriter, r *http.Request) {
		slow := u.open(store, r, "app")
		for k := range values {
			u.set(store, "app", k, "changed meanwhile")
		}
		for k, v := range values {
			slow.Values[k] = v
		}
		u.save(slow, r, w)
	})
	for k := range values {
		u.want(store, "app", k, "changed meanwhile")
	}
}
