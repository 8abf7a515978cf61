package scsstore

// This file decides how the bytes of an scs codec become the attributes of a
// record, and back.

import "github.com/holdfast-go/holdfast/serializer"

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
