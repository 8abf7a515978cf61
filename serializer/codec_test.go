package serializer

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
)

var _ scs.Codec = Codec{}

func TestASessionThroughScs(t *testing.T) {
	manager := scs.New()
	manager.Codec = Codec{}
	put := map[string]any{
		"string": "cart", "bool": true, "int": 7, "int64": int64(math.MinInt64), "int32": int32(-3), "float": 2.5, "bytes": []byte{1, 2},
		"time": noon, "nil": nil, "user": fullUser(), "list": []any{"a", 1}, "flash": "saved",
	}
	ctx, err := manager.Load(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range put {
		manager.Put(ctx, key, value)
	}
	manager.RememberMe(ctx, true)
	token, _, err := manager.Commit(ctx)
	if err != nil {
		t.Fatal(err)
	}
	expected := manager.Deadline(ctx)

	ctx, err = manager.Load(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	if got := manager.Deadline(ctx); !got.Equal(expected) || got.Location() != time.UTC {
		t.Errorf("deadline %v, want %v", got, expected)
	}
	for key, value := range put {
		mustEqual(t, manager.Get(ctx, key), value)
	}
	mustEqual(t, manager.GetString(ctx, "string"), "cart")
	mustEqual(t, manager.GetBool(ctx, "bool"), true)
	mustEqual(t, manager.GetInt(ctx, "int"), 7)
	mustEqual(t, manager.GetInt64(ctx, "int64"), int64(math.MinInt64))
	mustEqual(t, manager.GetInt32(ctx, "int32"), int32(-3))
	mustEqual(t, manager.GetFloat(ctx, "float"), 2.5)
	mustEqual(t, manager.GetBytes(ctx, "bytes"), []byte{1, 2})
	mustEqual(t, manager.GetTime(ctx, "time"), noon)
	mustEqual(t, manager.PopString(ctx, "flash"), "saved")
	if _, _, err := manager.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	ctx, err = manager.Load(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, manager.PopString(ctx, "flash"), "")
	if manager.Exists(ctx, "flash") || !manager.Exists(ctx, "nil") || len(manager.Keys(ctx)) != len(put) {
		t.Errorf("keys are %q", manager.Keys(ctx))
	}
}

// gorilla keeps flashes as []any under a string key, and values under keys of any type.
func TestASessionOfGorilla(t *testing.T) {
	values := map[any]any{"_flash": []any{"saved", 1}, UserKey(0): fullUser(), 7: "seven"}
	values["_flash"] = append(values["_flash"].([]any), "more")
	attrs := map[string][]byte{}
	for key, value := range values {
		name, err := MarshalKey(key)
		if err != nil {
			t.Fatal(err)
		}
		if attrs[name], err = Marshal(value); err != nil {
			t.Fatal(err)
		}
	}
	back := map[any]any{}
	for name, b := range attrs {
		key, err := UnmarshalKey(name)
		if err != nil {
			t.Fatal(err)
		}
		if back[key], err = Unmarshal(b); err != nil {
			t.Fatal(err)
		}
	}
	mustEqual(t, back, values)
}

func TestEqualSessionsGiveEqualBytes(t *testing.T) {
	build := func(keys string) []byte {
		values := map[string]any{}
		for _, k := range keys {
			values[string(k)] = map[any]any{string(k): 1, 1: string(k)}
		}
		b, err := Codec{}.Encode(noon.In(far), values)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for range 10 {
		if !bytes.Equal(build("abcdefghijklmnopqrstuvwxyz"), build("zyxwvutsrqponmlkjihgfedcba")) {
			t.Fatal("they differ")
		}
	}
}

func TestTheDeadlinesZoneDoesNotMatter(t *testing.T) {
	here, err := Codec{}.Encode(noon, nil)
	if err != nil {
		t.Fatal(err)
	}
	there, err := Codec{}.Encode(noon.In(far), nil)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(here, there) {
		t.Errorf("%x and %x", here, there)
	}
	zoned, err := Marshal(noon.In(far))
	if err != nil {
		t.Fatal(err)
	}
	deadline, _, err := Codec{}.Decode(Join(map[string][]byte{DeadlineAttr: zoned}))
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, deadline, noon)
}

func TestAnEmptySession(t *testing.T) {
	for _, values := range []map[string]any{nil, {}} {
		b, err := Codec{}.Encode(time.Time{}, values)
		if err != nil {
			t.Fatal(err)
		}
		deadline, got, err := Codec{}.Decode(b)
		if err != nil || !deadline.IsZero() || got == nil || len(got) != 0 {
			t.Errorf("got %v, %v, %v", deadline, got, err)
		}
	}
}

func TestAnEncodeErrorNamesTheKeyAndTheType(t *testing.T) {
	_, err := Codec{}.Encode(noon, map[string]any{"name": "hunter2", "basket": []any{unregistered{}}})
	var refused *UnsupportedTypeError
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), `"basket"`) || !strings.Contains(err.Error(), "serializer.unregistered") {
		t.Errorf("got %v", err)
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a value in %v", err)
	}
}

// damaged is a session of three values, one of which cannot be read.
func damaged(t *testing.T, bad []byte) []byte {
	t.Helper()
	b, err := Codec{}.Encode(noon, map[string]any{"a": 1, "bad": 2, "c": "three"})
	if err != nil {
		t.Fatal(err)
	}
	attrs, _ := Split(b)
	attrs["sbad"] = bad
	return Join(attrs)
}

func TestAValueThatCannotBeReadFailsTheSessionByDefault(t *testing.T) {
	_, values, err := Codec{}.Decode(damaged(t, []byte{0xc1}))
	if !errors.Is(err, ErrCorrupt) || !strings.Contains(err.Error(), `"bad"`) || values != nil {
		t.Errorf("got %v, %v", values, err)
	}
	var missing *UnregisteredTypeError
	_, _, err = Codec{}.Decode(damaged(t, []byte("\x92\xa4gone\x90")))
	if !errors.As(err, &missing) || missing.Name != "gone" || !strings.Contains(err.Error(), `"bad"`) {
		t.Errorf("got %v", err)
	}
}

func TestAValueThatCannotBeReadMayBeDropped(t *testing.T) {
	var dropped []string
	codec := Codec{OnDecodeError: func(key string, err error) error {
		if !errors.Is(err, ErrCorrupt) {
			t.Errorf("got %v", err)
		}
		dropped = append(dropped, key)
		return nil
	}}
	deadline, values, err := codec.Decode(damaged(t, []byte{0xc1}))
	if err != nil {
		t.Fatal(err)
	}
	mustEqual(t, deadline, noon)
	mustEqual(t, values, map[string]any{"a": 1, "c": "three"})
	mustEqual(t, dropped, []string{"bad"})
}

func TestASessionThatCannotBeReadMayBeDropped(t *testing.T) {
	good := damaged(t, []byte{1})
	attrs, _ := Split(good)
	attrs[DeadlineAttr] = []byte{1}
	noTime := Join(attrs)
	attrs[DeadlineAttr] = []byte{0xc1}
	for name, b := range map[string][]byte{
		"nothing": nil, "cut off": good[:len(good)-1], "gob": []byte("\x0d\xff\x81"), "no time": noTime, "no value": Join(attrs),
	} {
		if _, _, err := (Codec{}).Decode(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
		calls := 0
		codec := Codec{OnDecodeError: func(key string, err error) error {
			calls++
			if key != "" || !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: %q, %v", name, key, err)
			}
			return nil
		}}
		deadline, values, err := codec.Decode(b)
		if err != nil || !deadline.IsZero() || values == nil || len(values) != 0 || calls != 1 {
			t.Errorf("%s: %v, %v, %v after %d calls", name, deadline, values, err, calls)
		}
	}
}

func TestOnDecodeErrorMayReplaceTheError(t *testing.T) {
	mine := errors.New("mine")
	codec := Codec{OnDecodeError: func(string, error) error { return mine }}
	for name, b := range map[string][]byte{"value": damaged(t, []byte{0xc1}), "session": nil} {
		if _, values, err := codec.Decode(b); err != mine || values != nil {
			t.Errorf("%s: %v, %v", name, values, err)
		}
	}
}
