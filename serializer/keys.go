// This file decides the names of attributes: one per session value, apart from the names that the stores keep for themselves.

package serializer

import (
	"reflect"
)

const (
	// ReservedPrefix starts the attribute names that no session key ever gets, so that a store may use them for itself.
	ReservedPrefix = "!"
	// DeadlineAttr is the attribute in which Codec keeps a session's deadline.
	DeadlineAttr = ReservedPrefix + "deadline"
)

// The first byte of an attribute name says what follows it.
const (
	stringKey = "s" // the string itself
	otherKey  = "k" // the bytes that Marshal gives for the key
)

// MarshalKey returns the attribute name of a session key: a string, a number, a bool, or a comparable value of a registered
// type. Different keys have different names, also if they print alike: 1, int64(1) and "1". A key that UnmarshalKey would not
// bring back as an equal value, such as a slice, a pointer or NaN, is refused with an [*UnsupportedTypeError].
func MarshalKey(key any) (name string, err error) {
	if s, ok := key.(string); ok {
		return stringKey + s, nil
	}
	defer func() {
		if recover() != nil {
			name, err = "", unsupported(reflect.TypeOf(key), "a method of it panicked")
		}
	}()
	e := newEncoder()
	defer e.free()
	e.key = true
	if err := e.mapKey(reflect.ValueOf(&key).Elem(), planFor(builtins[tagAny]), false); err != nil {
		return "", err
	}
	return otherKey + string(e.buf), nil
}

// UnmarshalKey returns the session key that MarshalKey made name of. The error is as Unmarshal's; a reserved name is an
// [ErrCorrupt].
func UnmarshalKey(name string) (any, error) {
	if name == "" {
		return nil, corrupt("an empty attribute name")
	}
	switch name[:1] {
	case stringKey:
		return name[1:], nil
	case otherKey:
		key, err := Unmarshal([]byte(name[1:]))
		if err != nil {
			return nil, err
		}
		if again, err := MarshalKey(key); err != nil || again != name {
			return nil, corrupt("an attribute name that no session key has")
		}
		return key, nil
	}
	return nil, corrupt("an attribute name that no session key has")
}
