package serializer

import (
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// This file decides what can go wrong and what an error tells: types, field names and positions,
// never a value.

// ErrCorrupt is wrapped by every error about bytes that this package cannot have written for the
// present Go types: they are damaged, cut off, followed by other bytes, or were written when a Go
// type had another shape.
var ErrCorrupt = errors.New("serializer: corrupt bytes")

// UnsupportedTypeError is the error about a value that Marshal refuses because it would not come
// back as it is.
type UnsupportedTypeError struct {
	Type   reflect.Type // the Go type that cannot be kept
	Path   string       // where it is inside the value, such as ".Cart[2].Price"; "" for the value itself
	Reason string       // why it cannot be kept, and what to do about it

	cause error // what the type's own marshaler answered; not printed, since it may quote the value
}

func (e *UnsupportedTypeError) Error() string {
	where := ""
	if e.Path != "" {
		where = " at " + e.Path
	}
	return fmt.Sprintf("serializer: cannot keep a value of type %v%s: %s", e.Type, where, e.Reason)
}

// Unwrap returns the error of the type's own marshaler, if that is what refused the value.
func (e *UnsupportedTypeError) Unwrap() error { return e.cause }

// UnregisteredTypeError is the error about bytes that hold a value of a type that this program has
// not registered.
type UnregisteredTypeError struct {
	Name string // the name the type was registered under where the bytes were written
}

func (e *UnregisteredTypeError) Error() string {
	name := e.Name
	if len(name) > maxShownName {
		name = name[:maxShownName] + "…"
	}
	return fmt.Sprintf("serializer: no type is registered here as %q: call serializer.Register with a value of that type when the program starts, or, "+
		"if the type has moved or was renamed since, serializer.RegisterName with this name, or RegisterAlias to only read it", name)
}

// maxShownName keeps a hostile type name from filling a log.
const maxShownName = 200

// corruptError is an ErrCorrupt with a place and, if a type's own unmarshaler refused, its error to
// inspect but not to print.
type corruptError struct {
	what  string
	path  string
	cause error
}

func (e *corruptError) Error() string {
	where := ""
	if e.path != "" {
		where = " at " + e.path
	}
	return ErrCorrupt.Error() + where + ": " + e.what
}

func (e *corruptError) Unwrap() []error {
	if e.cause == nil {
		return []error{ErrCorrupt}
	}
	return []error{ErrCorrupt, e.cause}
}

// reasonTooLarge is why a value beyond maxSize is refused.
const reasonTooLarge = "the value is too large: keep it in a database, and its key in the session"

func corrupt(what string) error { return &corruptError{what: what} }

func unsupported(t reflect.Type, reason string) error {
	return &UnsupportedTypeError{Type: t, Reason: reason}
}

// maxPath bounds the path of an error about a cycle, which would otherwise repeat itself hundreds
// of times: its end is kept.
const maxPath = 160

// under puts a path segment in front of the place an error names.
func under(err error, segment string) error {
	switch e := err.(type) {
	case *UnsupportedTypeError:
		e.Path = join(segment, e.Path)
	case *corruptError:
		e.path = join(segment, e.path)
	}
	return err
}

func join(segment, path string) string {
	switch {
	case len(path) < maxPath:
		return segment + path
	case strings.HasPrefix(path, "…"):
		return path
	}
	return "…" + path
}

func index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// entry stands for a place in a map: the keys of maps inside values may be as private as the
// values.
const entry = "[*]"
