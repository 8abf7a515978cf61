// This file decides the layout of the bytes that Codec writes, so that a store can cut them into attributes and put them
// together again without decoding a value.

package serializer

import (
	"bytes"
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
	list, ok := cut(b)
	if !ok {
		return nil, false
	}
	attrs = make(map[string][]byte, len(list))
	for _, a := range list {
		attrs[string(a.name)] = a.value
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

// attr adds an attribute to a container.
func (e *encoder) attr(prefix, name string, value []byte) {
	e.buf = binary.AppendUvarint(e.buf, uint64(len(prefix)+len(name)))
	e.buf = append(append(e.buf, prefix...), name...)
	e.buf = appendText(e.buf, value)
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// An attr is a part of a container, in the container's memory.
type attr struct{ name, value []byte }

// cut returns the attributes of a container, in order: the deadline, whose name sorts first, and the session values.
func cut(b []byte) ([]attr, bool) {
	if len(b) < 2 || b[0] != containerMagic || b[1] != containerVersion {
		return nil, false
	}
	b = b[2:]
	list := make([]attr, 0, 16)
	for len(b) > 0 {
		var a attr
		var ok bool
		if a.name, b, ok = cutText(b); !ok || !containerName(string(a.name)) {
			return nil, false
		}
		if a.value, b, ok = cutText(b); !ok || len(a.value) == 0 {
			return nil, false
		}
		if len(list) > 0 && bytes.Compare(list[len(list)-1].name, a.name) >= 0 {
			return nil, false
		}
		list = append(list, a)
	}
	if len(list) == 0 || string(list[0].name) != DeadlineAttr {
		return nil, false
	}
	return list, true
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
