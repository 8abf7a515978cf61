package serializer

import (
	"reflect"
	"strings"
)

// This file decides what the tags of a struct's field say about keeping it.

type tagWord int

const (
	tagKeep tagWord = iota
	tagDrop         // the field is left out, as an unexported one is
	tagAsk          // the field must be zero, until a tag says which of both is meant
)

// hiddenFromJSON is why a field with json:"-" is refused. Left out without a word it would come
// back zero where gob brings it back, and a flag such as MustChangePassword would be gone; kept
// without a word, what the tag hides from browsers, such as a password's hash, would lie on the
// nodes.
const hiddenFromJSON = `the field has the tag json:"-", and the nodes may be no place for it: add msgpack:"-" to leave it out, ` +
	`or a msgpack tag with its name to keep it`

// fieldTag reads the tags of a field. msgpack:"-" drops it: the bytes are msgpack. Other words in
// the tags, such as another name, mean nothing here.
func fieldTag(tag reflect.StructTag) tagWord {
	own, ok := tag.Lookup("msgpack")
	switch name, _, _ := strings.Cut(own, ","); {
	case name == "-":
		return tagDrop
	case !ok && tag.Get("json") == "-":
		return tagAsk
	}
	return tagKeep
}
