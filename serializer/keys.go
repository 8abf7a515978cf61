package serializer

import (
	"reflect"
)

// This file decides the names of attributes: one per session value, apart from the names that the
// stores keep for themselves.

const (
	// ReservedPrefix starts the attribute names that no session key ever gets, so that a store may
	// use them for itself.
	ReservedPrefix = "!"
	// DeadlineAttr is the attribute in which Codec keeps a session's deadline.
	DeadlineAttr = ReservedPrefix + "deadline"
)

// The first byte of an attribute name says what follows it.
const (
	stringKey = "s" // the string itself
	otherKey  = "k" // the bytes that Marshal gives for the key
)

// MarshalKey returns the attribute name of a session key: a string, a number, a bool, or a
// comparable value of a registered type. Different keys have different names, also if they print
// alike, as 1, int64(1) and "1" do. The error is an [*UnsupportedTypeError] for a key that
// UnmarshalKey would not bring back as an equal value, such as a slice, a pointer or NaN, and for a
// key whose own methods encode it in several ways.
func MarshalKey(key any) (name string, err error) {
	if s, ok := key.(string); ok {
		return stringKey + s, nil
	}
	defer func() {
		if recover() != nil {
			name, err = "", unsupported(reflect.TypeOf(key), "a method of it panicked: mend the method, or keep another type")
		}
	}()
	e := newEncoder()
	defer e.free()
	e.key = true
	if err := e.mapKey(reflect.ValueOf(&key).Elem(), planFor(builtins[tagAny]), false); err != nil {
		return "", err
	}
	if name = otherKey + string(e.buf); key == nil || planFor(reflect.TypeOf(key)).plainKey {
		return name, nil
	}
	if again, err := e.sameKey(); err != nil || otherKey+again != name {
		return "", unsupported(reflect.TypeOf(key), "as a session key it would come back under another name: use a string")
	}
	return name, nil
}

// sameKey reads back the key that was written, and returns the bytes that it is written as then.
func (e *encoder) sameKey() (string, error) {
	key, err := Unmarshal(e.buf)
	if err != nil {
		return "", err
	}
	e.reset()
	e.key = true
	err = e.any(key)
	return string(e.buf), err
}

// UnmarshalKey returns the session key of an attribute name that MarshalKey has made. If the key's
// type has an alias, it also accepts the name that the key had under the type's old name. The
// errors are those of Unmarshal; a name that begins with ReservedPrefix is an [ErrCorrupt].
func UnmarshalKey(name string) (any, error) {
	if name == "" {
		return nil, corrupt("an empty attribute name")
	}
	switch name[:1] {
	case stringKey:
		return name[1:], nil
	case otherKey:
		d := new(decoder)
		key, err := d.value([]byte(name[1:]))
		if err != nil {
			return nil, err
		}
		if again, err := MarshalKey(key); err != nil || again != name && !d.aliased {
			return nil, corrupt("an attribute name that no session key has")
		}
		return key, nil
	}
	return nil, corrupt("an attribute name that no session key has")
}
