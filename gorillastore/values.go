package gorillastore

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how the values of a session become attributes of a record, one each, and back.

// encode returns the session's values as attributes. Equal values have equal bytes, so a value that
// did not change is not written.
func encode(session *sessions.Session) (map[string][]byte, error) {
	attrs := make(map[string][]byte, len(session.Values))
	for key, value := range session.Values {
		if key == maxAgeKey {
			return nil, fmt.Errorf("gorillastore: session %q: key %q cannot be stored: the store keeps the session's MaxAge under it", session.Name(), key)
		}
		if text, ok := key.(string); ok && strings.HasPrefix(text, flashPrefix) {
			return nil, fmt.Errorf("gorillastore: session %q: key %q cannot be stored: the store keeps flashes under such keys", session.Name(), key)
		}
		name, err := serializer.MarshalKey(key)
		if err != nil {
			return nil, fmt.Errorf("gorillastore: session %q: key %s cannot be stored: %w", session.Name(), shown(key), err)
		}
		b, err := serializer.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("gorillastore: session %q: the value of key %s, a %T, cannot be stored: %w", session.Name(), shown(key), value, err)
		}
		attrs[name] = b
	}
	return attrs, nil
}

// keepUntouched puts back the stored bytes of each value that the app has left alone. It is needed
// because some types encode to other bytes each time, and a struct may have a field that this
// version of the program does not know. Writing such a value would overwrite the change of another
// request, or drop the field. A value that the app has changed in place encodes to other bytes than
// it was loaded from, and counts as changed.
//
// A key keeps its stored name in the same way. If the type of a key has moved, the key is written
// under another name now (serializer.RegisterAlias). With two names it would be two keys: instances
// that run different versions of the program would each change a key of their own, and the older
// version could not read both.
func keepUntouched(attrs, stored map[string][]byte) {
	for name := range stored {
		if _, kept := attrs[name]; kept || name == maxAgeAttr {
			continue
		}
		now, moved := nameNow(name)
		if b, written := attrs[now]; moved && written && stored[now] == nil {
			delete(attrs, now)
			attrs[name] = b
		}
	}
	for name, b := range attrs {
		if before, ok := stored[name]; ok && !bytes.Equal(before, b) && serializer.Equal(before, b) {
			attrs[name] = before
		}
	}
}

// decode fills values with the attributes of the record of a session of that name: with all of
// them, or with none and an error.
func (s *Store) decode(session string, values map[any]any, attrs map[string][]byte) error {
	for name, b := range attrs {
		if name == maxAgeAttr || isFlash(name) {
			continue
		}
		key, value, what, err := decodeOne(name, b)
		if err == nil && superseded(name, key, attrs) {
			continue
		}
		if err == nil {
			values[key] = value
			continue
		}
		if err = s.unreadable(session, key, err); err != nil {
			clear(values)
			return fmt.Errorf("%w: %s of session %q: %w", ErrUndecodable, what, session, err)
		}
	}
	return s.joinFlashes(session, values, attrs)
}

// nameNow returns the name under which the key of an attribute is written now, and whether that is
// another one.
func nameNow(name string) (now string, moved bool) {
	key, err := serializer.UnmarshalKey(name)
	if err != nil {
		return "", false
	}
	now, err = serializer.MarshalKey(key)
	return now, err == nil && now != name
}

// superseded reports whether an attribute has the name that its key had before the key's type
// moved, while there is also an attribute under the key's new name: see serializer.RegisterAlias.
func superseded(name string, key any, attrs map[string][]byte) bool {
	if _, ok := key.(string); ok {
		return false
	}
	now, err := serializer.MarshalKey(key)
	if err != nil || now == name {
		return false
	}
	_, both := attrs[now]
	return both
}

// decodeOne returns a key and its value. After an error, what names the part that could not be
// read, and key is not nil if the key could be read.
func decodeOne(name string, b []byte) (key, value any, what string, err error) {
	if key, err = serializer.UnmarshalKey(name); err != nil {
		return nil, nil, "a key", err
	}
	if value, err = serializer.Unmarshal(b); err != nil {
		return key, nil, "key " + shown(key), err
	}
	return key, value, "", nil
}

// unreadable asks the app what to do with a session that cannot be read in full.
func (s *Store) unreadable(session string, key any, err error) error {
	if s.OnDecodeError == nil {
		return err
	}
	return s.OnDecodeError(session, key, err)
}

// shown names a key in an error: a string, bool or number by its value, any other key by its type,
// since it may hold a secret.
func shown(key any) string {
	switch key.(type) {
	case string:
		return fmt.Sprintf("%.100q", key)
	case bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		return fmt.Sprintf("%v", key)
	}
	return fmt.Sprintf("of type %T", key)
}
