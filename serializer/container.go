// This file decides the layout of the bytes that Codec writes, so that a store can cut them into attributes and put them
// together again without decoding a value.

package serializer

import (
	"encoding/binary"
	"maps"
	"slices"
	"strings"
)

// A container is these two bytes and then, for each attribute in the order of the names: the length of the name as a varint,
// the name, the length of the value as a varint, the value. gob never starts with the first byte, text neither.
const (
	containerMagic   = 0xc1
	containerVersion = 1
)

// Split cuts what Codec.Encode wrote into attributes: one for each session value, named as by [MarshalKey], and
// [DeadlineAttr]. It decodes no value, and the values share b's memory. ok is false for bytes that are no such container, such
// as those of another codec.
func Split(b []byte) (attrs map[string][]byte, ok bool) {
	attrs = map[string][]byte{}
	ok = eachAttr(b, func(name, value []byte) { attrs[string(name)] = value })
	if _, deadline := attrs[DeadlineAttr]; !ok || !deadline {
		return nil, false
	}
	return attrs, true
}

// Splittable says whether attrs are attributes that Split can have returned: a deadline and values under string keys, and
// nothing else.
func Splittable(attrs map[string][]byte) bool {
	for name, value := range attrs {
		if !containerName(name) || len(value) == 0 {
			return false
		}
	}
	_, ok := attrs[DeadlineAttr]
	return ok
}

func containerName(name string) bool {
	return name == DeadlineAttr || strings.HasPrefix(name, stringKey)
}

// Join returns the container of attrs, and the same bytes each time; nil if attrs are not Splittable. Splitting it gives attrs.
func Join(attrs map[string][]byte) []byte {
	if !Splittable(attrs) {
		return nil
	}
	size := 2
	for name, value := range attrs {
		size += 2*binary.MaxVarintLen32 + len(name) + len(value)
	}
	b := append(make([]byte, 0, size), containerMagic, containerVersion)
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		b = appendText(b, name)
		b = appendText(b, attrs[name])
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// eachAttr calls f for each attribute of a container, and returns false as soon as b does not read as one.
func eachAttr(b []byte, f func(name, value []byte)) bool {
	if len(b) < 2 || b[0] != containerMagic || b[1] != containerVersion {
		return false
	}
	b = b[2:]
	for last := ""; len(b) > 0; {
		name, rest, ok := cutText(b)
		if !ok || !containerName(string(name)) || string(name) <= last {
			return false
		}
		value, rest, ok := cutText(rest)
		if !ok || len(value) == 0 {
			return false
		}
		f(name, value)
		last, b = string(name), rest
	}
	return true
}

// cutText takes a length and that many bytes from the front of b.
func cutText(b []byte) (text, rest []byte, ok bool) {
	n, size := binary.Uvarint(b)
	if size <= 0 || n > uint64(len(b)-size) || size > 1 && b[size-1] == 0 {
		return nil, nil, false
	}
	end := size + int(n)
	return b[size:end:end], b[end:], true
}
