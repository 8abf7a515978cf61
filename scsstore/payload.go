package scsstore

import (
	"bytes"
	"maps"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how the bytes of an scs codec become the attributes of a
// record, and back, and which attributes the app has changed.

// wholeName is the attribute that holds the whole session, if its codec is one whose bytes this
// package cannot cut into values. No session value has such a name.
const wholeName = serializer.ReservedPrefix + "scs"

// fromPayload returns the attributes that b is stored as: one for each session value
// where b was written by serializer.Codec, otherwise one in all.
func fromPayload(b []byte) map[string][]byte {
	if attrs, ok := serializer.Split(b); ok {
		return attrs
	}
	return map[string][]byte{wholeName: b}
}

// toPayload returns the bytes that the attributes came from. If a record has both the whole session
// and single values, because instances with different codecs saved at the same time, the whole
// session counts: it is complete, and the single values may not be. Attributes that no commit can
// have left give no bytes at all, and the codec refuses these.
func toPayload(attrs map[string][]byte) []byte {
	if b, ok := attrs[wholeName]; ok {
		return b
	}
	return serializer.Join(attrs)
}

// whole reports whether the attributes are those of a session in one piece.
func whole(attrs map[string][]byte) bool {
	_, ok := attrs[wholeName]
	return ok
}

// keep puts the found bytes of an attribute in the place of new bytes that hold the same value. So
// an attribute that the app left alone counts as unchanged, also if its type encodes to other bytes
// each time.
func keep(found, now map[string][]byte) {
	for name, value := range now {
		if was, ok := found[name]; ok && same(name, was, value) {
			now[name] = was
		}
	}
}

func same(name string, a, b []byte) bool {
	return bytes.Equal(a, b) || name != wholeName && serializer.Equal(a, b)
}

// own removes from now the values that were found already, and reports whether a value is left: one
// that the app has added or changed. It is false for a session that is stored as one attribute,
// whose values cannot be told apart.
func own(found, now map[string][]byte) (any bool) {
	if whole(now) || whole(found) {
		return false
	}
	maps.DeleteFunc(now, func(name string, value []byte) bool {
		was, ok := found[name]
		return ok && name != serializer.DeadlineAttr && same(name, was, value)
	})
	return len(now) > 1 // the deadline is always there
}
