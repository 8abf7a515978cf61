package serializer

import (
	"bytes"
	"reflect"
)

// This file decides what the package's two main functions promise: no panic, whatever the value or
// the bytes.

// Marshal returns the bytes of one value. Equal values give equal bytes. A value that Unmarshal
// could not bring back is refused with an [*UnsupportedTypeError].
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
			err = unsupported(reflect.TypeOf(v), "a method of it panicked")
		}
	}()
	if err := e.any(v); err != nil {
		return err
	}
	if len(e.buf) > maxSize {
		return unsupported(reflect.TypeOf(v), "the value is too large")
	}
	if !e.pad() {
		return unsupported(reflect.TypeOf(v), "it takes far more memory than bytes")
	}
	return nil
}

// Unmarshal returns the value that b was made of by Marshal, with the same Go type. It never
// changes b, nor keeps it.
//
// The error wraps [ErrCorrupt] if b is damaged or does not fit its Go type any more, and is an
// [*UnregisteredTypeError] if that type is not known in this program.
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
