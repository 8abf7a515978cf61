package serializer

import (
	"bytes"
	"reflect"
)

// This file has the package's two main functions. They never panic, whatever the value or the
// bytes.

// Marshal returns the bytes of one value. Equal values give equal bytes. The error is an
// [*UnsupportedTypeError] for a value that Unmarshal could not bring back.
func Marshal(v any) ([]byte, error) {
	e := newEncoder()
	defer e.free()
	if err := e.value(v); err != nil {
		return nil, err
	}
	return bytes.Clone(e.buf), nil
}

// value writes v as a whole value: at the start of an empty encoder.
func (e *encoder) value(v any) (err error) {
	defer func() {
		if recover() != nil { // not printed: what a marshaler panics with may quote the value
			err = unsupported(reflect.TypeOf(v), "a method of it panicked: mend the method, or keep another type")
		}
	}()
	if err := e.any(v); err != nil {
		return err
	}
	if len(e.buf) > maxSize {
		return unsupported(reflect.TypeOf(v), reasonTooLarge)
	}
	if !e.pad() {
		return unsupported(reflect.TypeOf(v), "it takes far more memory than bytes: leave out what is empty")
	}
	return nil
}

// Unmarshal returns the value that Marshal has turned into b, with the same Go type. It neither
// changes nor keeps b.
//
// The error wraps [ErrCorrupt] if b is damaged or no longer fits its Go type, and is an
// [*UnregisteredTypeError] if this program does not know that type.
func Unmarshal(b []byte) (any, error) { return new(decoder).value(b) }

// value reads b as a whole value.
func (d *decoder) value(b []byte) (v any, err error) {
	defer func() {
		if recover() != nil {
			v, err = nil, corrupt("a method of its type panicked")
		}
	}()
	if err := check(b); err != nil {
		return nil, err
	}
	d.b, d.pos, d.budget = b, 0, countable(len(b))
	if b[0] == 0x93 {
		v, err = d.padded()
	} else {
		v, err = d.any()
	}
	if err != nil {
		return nil, err // not what was read before the damage
	}
	return v, nil
}
