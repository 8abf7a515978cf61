package scsstore

import (
	"bytes"
	"maps"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how the bytes of an scs codec become the attributes of a
// record, and back, and which attributes the app has changed.

// wholeName is the attribute that holds the bytes of a codec that this package
// cannot cut into values. No session value has such a name.
const wholeName = serializer.ReservedPrefix + "scs"

// fromPayload returns the attributes that b is stored as: one for each session value
// where b was written by serializer.Codec, otherwise one in all.
func fromPayload(b []byte) map[string][]byte {
	if attrs, ok := serializer.Split(b); ok {
		return attrs
	}
	return map[string][]byte{wholeName: b}
}

// toPayload returns the bytes that the attributes came from. Where both
// kinds meet, because instances with different codecs saved at the same time, the
// whole one is complete and the others may not be. Attributes that no commit has
// left like this give no bytes at all, for the codec to refuse.
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

// keep puts the bytes that were found in the place of those that hold the same value:
// an attribute that the app left alone is no change, whatever its type makes of it when
// it is encoded again.
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

// own takes from now what was found already, and reports whether a value is left: what
// the app has added or changed. Of a session in one piece nobody can tell.
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
