package serializer

import (
	"bytes"
	"math"
	"reflect"
	"unsafe"
)

// This file decides when two encodings hold the same value: by what they decode to, since an
// untouched value may be encoded to other bytes than those it was read from.

// Equal reports whether a and b, two encodings as [Marshal] returns them, hold the same value.
// Marshal gives equal bytes for equal values of all types that it encodes by itself. Equal is for
// the other types: a type whose own method encodes a map in random order; a type whose zero value
// encodes to another form once it has been decoded, such as shopspring's Decimal; and a struct that
// has lost or gained a field in this version of the program.
//
// Two values are the same if this program cannot tell one from the other after reading them: they
// have the same type, and are deeply equal in all fields, or encode to the same bytes by the type's
// own methods. So a nil slice differs from an empty slice, 0 from -0, and a time in one zone from
// the same instant in another; a NaN is the same as a NaN. Equal does not call the Equal method of
// a type, which may compare an ID alone.
//
// If the bytes are equal, Equal returns true without reading them. Unreadable bytes are equal to no
// other bytes. Equal does not panic, and takes no more memory than reading and writing both values
// a few times.
func Equal(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	x, err := Unmarshal(a)
	if err != nil {
		return false
	}
	y, err := Unmarshal(b)
	if err != nil {
		return false
	}
	same, methods := sameValue(x, y)
	if same || !methods {
		return same
	}
	// What methods have encoded and decoded once more has the one form in which it would be stored
	// from now on.
	if x, err = again(x); err != nil {
		return false
	}
	if y, err = again(y); err != nil {
		return false
	}
	same, _ = sameValue(x, y)
	return same
}

// again returns v as it comes back after Marshal and Unmarshal.
func again(v any) (any, error) {
	b, err := Marshal(v)
	if err != nil {
		return nil, err
	}
	return Unmarshal(b)
}

// sameValue compares two decoded values. methods says whether it met types whose methods gave
// different bytes.
func sameValue(x, y any) (same, methods bool) {
	defer func() {
		if recover() != nil { // a method of a type
			same, methods = false, false
		}
	}()
	c := comparison{met: map[pair]bool{}}
	same = c.same(reflect.ValueOf(x), reflect.ValueOf(y))
	return same, c.methods
}

// A comparison is reflect.DeepEqual with three differences: values that are encoded to the same
// bytes are the same, floats are compared by their bits, and a NaN is a NaN. The first difference
// that it meets is final.
type comparison struct {
	met     map[pair]bool // pointers, maps and slices being compared: what a type's own method builds may be a cycle
	depth   int
	methods bool
}

// maxCompared is how deep values are compared: what a type's own method builds may be a list of a
// million links, and Go cannot recover from a stack that is full. What lies deeper counts as
// changed.
const maxCompared = 10_000

type pair struct {
	a, b unsafe.Pointer
	len  int
	typ  reflect.Type
}

func (c *comparison) same(a, b reflect.Value) bool {
	if !a.IsValid() || !b.IsValid() {
		return a.IsValid() == b.IsValid()
	}
	t := a.Type()
	if t != b.Type() || c.depth == maxCompared {
		return false
	}
	c.depth++
	defer func() { c.depth-- }()
	// In unexported fields, which only methods fill, there is nothing but the parts to look at.
	if a.CanInterface() {
		switch {
		case t == builtins[tagTime]:
			return sameBytes(t, a, b)
		case isCustom(t):
			if sameBytes(t, a, b) {
				return true
			}
			c.methods = true
		}
	}
	return c.parts(a, b)
}

// sameBytes says whether two values of one type have the same body.
func sameBytes(t reflect.Type, a, b reflect.Value) bool {
	x, y := newEncoder(), newEncoder()
	defer x.free()
	defer y.free()
	p := planFor(t)
	return p.enc(x, a) == nil && p.enc(y, b) == nil && bytes.Equal(x.buf, y.buf)
}

func (c *comparison) parts(a, b reflect.Value) bool {
	switch a.Kind() {
	case reflect.Float32, reflect.Float64:
		return sameFloat(a.Float(), b.Float())
	case reflect.Complex64, reflect.Complex128:
		x, y := a.Complex(), b.Complex()
		return sameFloat(real(x), real(y)) && sameFloat(imag(x), imag(y))
	case reflect.Interface:
		return c.same(a.Elem(), b.Elem())
	case reflect.Struct:
		for i := range a.NumField() {
			if !c.same(a.Field(i), b.Field(i)) {
				return false
			}
		}
		return true
	case reflect.Array:
		return c.elements(a, b)
	case reflect.Slice:
		return a.IsNil() == b.IsNil() && a.Len() == b.Len() && (c.known(a, b, a.Len()) || c.elements(a, b))
	case reflect.Pointer:
		return a.IsNil() == b.IsNil() && (c.known(a, b, 0) || c.same(a.Elem(), b.Elem()))
	case reflect.Map:
		return a.IsNil() == b.IsNil() && a.Len() == b.Len() && (c.known(a, b, 0) || c.entries(a, b))
	case reflect.Func:
		return a.IsNil() && b.IsNil()
	default: // numbers, strings, and what is only the same in the same place: channels and raw pointers
		return a.Equal(b)
	}
}

// known says whether two pointers, maps or slices need not be compared, since they are, or are
// being compared already.
func (c *comparison) known(a, b reflect.Value, n int) bool {
	p := pair{a.UnsafePointer(), b.UnsafePointer(), n, a.Type()}
	if p.a == p.b || c.met[p] {
		return true
	}
	c.met[p] = true
	return false
}

func (c *comparison) elements(a, b reflect.Value) bool {
	for i := range a.Len() {
		if !c.same(a.Index(i), b.Index(i)) {
			return false
		}
	}
	return true
}

func (c *comparison) entries(a, b reflect.Value) bool {
	for it := a.MapRange(); it.Next(); {
		other := b.MapIndex(it.Key())
		if !other.IsValid() || !c.same(it.Value(), other) {
			return false
		}
	}
	return true
}

func sameFloat(x, y float64) bool {
	return math.Float64bits(x) == math.Float64bits(y) || math.IsNaN(x) && math.IsNaN(y)
}
