package gorillastore

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how flashes are stored: each as an attribute of its own. So of two requests that
// add a flash at the same time neither loses that of the other, and a request that shows flashes
// removes those that it has shown.
//
// To the app they are one list, under the key of sessions.Session.AddFlash. A list that an older version
// has stored as one value comes first in it, and stays one value until it is shown.

// flashKey is the key of the list where AddFlash was given none.
const flashKey = "_flash"

// flashPrefix begins the keys under which single flashes are stored; when it was added follows, and a
// random text. They have the form of an app's keys, as maxAgeKey: an instance of an older version that
// shares the nodes keeps them.
const flashPrefix = "holdfast/gorillastore.flash."

var (
	flashAttr       = attrOf(flashKey)
	flashAttrPrefix = attrOf(flashPrefix)
)

// attrOf is the attribute of a key that is text.
func attrOf(key string) string {
	name, err := serializer.MarshalKey(key)
	if err != nil {
		panic(err) // a string can always be a key
	}
	return name
}

// isFlash reports whether the attribute is a single flash.
func isFlash(attr string) bool { return strings.HasPrefix(attr, flashAttrPrefix) }

// flashesIn are the attributes of single flashes, the oldest first.
func flashesIn(attrs map[string][]byte) (names []string) {
	for name := range attrs {
		if isFlash(name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// joinFlashes puts the flashes into the session's list.
func (s *Store) joinFlashes(session string, values map[any]any, attrs map[string][]byte) error {
	names := flashesIn(attrs)
	if len(names) == 0 {
		return nil
	}
	list, _ := values[flashKey].([]any)
	for _, name := range names {
		flash, err := serializer.Unmarshal(attrs[name])
		if err != nil {
			if err = s.unreadable(session, flashKey, err); err != nil {
				clear(values)
				return fmt.Errorf("%w: a flash of session %q: %w", ErrUndecodable, session, err)
			}
			continue
		}
		list = append(list, flash)
	}
	values[flashKey] = list
	return nil
}

// splitFlashes has each flash be an attribute of its own. One that was stored keeps its attribute.
func splitFlashes(attrs map[string][]byte, session *sessions.Session, stored map[string][]byte) error {
	list, ok := session.Values[flashKey].([]any)
	if !ok || len(list) == 0 {
		return nil
	}
	encoded := make([][]byte, len(list))
	for i, flash := range list {
		b, err := serializer.Marshal(flash)
		if err != nil {
			return fmt.Errorf("gorillastore: session %q: a flash, a %T, cannot be stored: %w", session.Name(), flash, err)
		}
		encoded[i] = b
	}
	delete(attrs, flashAttr)
	if n := storedList(stored, encoded); n > 0 {
		attrs[flashAttr] = stored[flashAttr]
		encoded = encoded[n:]
	}
	left := flashesIn(stored)
	for i, b := range encoded {
		at := slices.IndexFunc(left, func(name string) bool { return isSameValue(stored[name], b) })
		if at >= 0 {
			attrs[left[at]] = stored[left[at]]
			left = slices.Delete(left, at, at+1)
			continue
		}
		attrs[attrOf(fmt.Sprintf("%s%016x.%04x.%s", flashPrefix, time.Now().UnixMicro(), i, rand.Text()))] = b
	}
	return nil
}

// storedList is how many of the flashes are a list that was stored as one value: all of it, or none.
func storedList(stored map[string][]byte, encoded [][]byte) int {
	b, ok := stored[flashAttr]
	if !ok {
		return 0
	}
	v, err := serializer.Unmarshal(b)
	list, ok := v.([]any)
	if err != nil || !ok || len(list) > len(encoded) {
		return 0
	}
	for i, flash := range list {
		if was, err := serializer.Marshal(flash); err != nil || !isSameValue(was, encoded[i]) {
			return 0
		}
	}
	return len(list)
}

func isSameValue(a, b []byte) bool { return bytes.Equal(a, b) || serializer.Equal(a, b) }
