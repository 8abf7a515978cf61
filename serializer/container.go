package serializer

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"
)

// This file decides the layout of the bytes that Codec writes, so that a store can cut them into
// attributes and put them together again without decoding a value.

// A container is these two bytes, the deadline, and then in the order of the session keys: the
// length of the key as a varint, the key, the value. The deadline and each value are the length as
// a varint and the bytes that Marshal gives. gob never starts with the first byte, and text does
// not either.
const (
	containerMagic   = 0xc1
	containerVersion = 1
)

// Split cuts the container that Codec.Encode wrote into attributes: one for each session value,
// named as by [MarshalKey], and [DeadlineAttr]. It decodes no value, and the attributes share the
// memory of b. ok is false if b is no container, as with the bytes of another codec.
func Split(b []byte) (attrs map[string][]byte, ok bool) {
	var few [16]item
	deadline, list, ok := cut(b, few[:0])
	if !ok {
		return nil, false
	}
	attrs = make(map[string][]byte, 1+len(list))
	attrs[DeadlineAttr] = deadline
	names := keysOf(list, stringKey)
	for _, item := range list {
		end := len(stringKey) + len(item.key)
		attrs[names[:end]] = item.value
		names = names[end:]
	}
	return attrs, true
}

// Splittable reports whether Split can have returned attrs: a deadline and values under string
// keys, and nothing else. A store calls it before Join, because a record may also hold attributes
// that another codec or driver wrote.
func Splittable(attrs map[string][]byte) bool {
	for name, value := range attrs {
		if name != DeadlineAttr && !strings.HasPrefix(name, stringKey) || len(value) == 0 {
			return false
		}
	}
	_, ok := attrs[DeadlineAttr]
	return ok
}

// Join returns the container that Split cuts into attrs, the same bytes each time. It returns nil
// if attrs are not Splittable.
func Join(attrs map[string][]byte) []byte {
	if !Splittable(attrs) {
		return nil
	}
	size := 2
	var few [16]string
	names := few[:0]
	for name, value := range attrs {
		size += 2*binary.MaxVarintLen32 + len(name) + len(value)
		names = append(names, name)
	}
	slices.Sort(names)
	b := append(make([]byte, 0, size), containerMagic, containerVersion)
	b = appendText(b, attrs[DeadlineAttr])
	for _, name := range names {
		if name != DeadlineAttr {
			b = appendText(b, name[len(stringKey):])
			b = appendText(b, attrs[name])
		}
	}
	return b
}

func appendText[T string | []byte](b []byte, text T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// An item is a session value in a container, in the container's memory.
type item struct{ key, value []byte }

// keysOf returns the keys of all items, one behind the other, each with the prefix. As parts of one
// string they cost one allocation together.
func keysOf(list []item, prefix string) string {
	size := 0
	for _, item := range list {
		size += len(prefix) + len(item.key)
	}
	var all strings.Builder
	all.Grow(size)
	for _, item := range list {
		all.WriteString(prefix)
		all.Write(item.key)
	}
	return all.String()
}

// cut returns the parts of a container, the session values appended to list. It accepts one form
// only of each set of attributes (keys in strict order, lengths in their shortest form), so that
// comparing bytes is comparing sessions.
func cut(b []byte, list []item) (deadline []byte, items []item, ok bool) {
	if len(b) < 2 || b[0] != containerMagic || b[1] != containerVersion {
		return nil, nil, false
	}
	deadline, b, ok = cutText(b[2:])
	if !ok || len(deadline) == 0 {
		return nil, nil, false
	}
	for len(b) > 0 {
		var next item
		if next.key, b, ok = cutText(b); !ok {
			return nil, nil, false
		}
		if next.value, b, ok = cutText(b); !ok || len(next.value) == 0 {
			return nil, nil, false
		}
		if len(list) > 0 && bytes.Compare(list[len(list)-1].key, next.key) >= 0 {
			return nil, nil, false
		}
		list = append(list, next)
	}
	return deadline, list, true
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
