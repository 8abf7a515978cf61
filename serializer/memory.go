package serializer

import (
	"bytes"
	"math/bits"
	"reflect"
)

// This file decides how much memory bytes may ask for. Encoder and decoder count the same way, so
// that what is written can be read.

// What a value takes in memory is bounded by budgetBase + budgetFactor × the length of its bytes,
// all of it: slices, maps and pointees, the copies in between, and the texts themselves, for which
// contentFactor is set aside. Every allocation is counted before it is made. Small maps come near
// the bound. A struct that is large in memory and small in bytes, such as one with a buffer that is
// not exported, passes it; the encoder then pads its bytes until they pay for the memory, up to
// maxPadding.
const (
	budgetBase    = 4 << 10
	budgetFactor  = 128
	contentFactor = 2
	maxPadding    = 4 << 10
)

// Allocations that do not depend on a Go type: the box of a value in an interface, and a zone that
// is not the reader's.
const (
	boxMemory  = 32
	zoneMemory = 256
)

var (
	anySize         = reflect.TypeFor[any]().Size()
	stringSize      = reflect.TypeFor[string]().Size()
	intSize         = reflect.TypeFor[int]().Size()
	stringMapLayout = layoutOf(reflect.TypeFor[map[string]any]())
)

func budget(length int) int { return budgetBase + budgetFactor*length }

// countable is the part of the budget that is counted allocation by allocation.
func countable(length int) int { return budgetBase + (budgetFactor-contentFactor)*length }

// spend takes n × size bytes, one allocation, from the budget.
func (d *decoder) spend(n int, size uintptr) error {
	if high, low := bits.Mul64(uint64(n), uint64(size)); high > 0 || low > uint64(max(0, d.budget)) {
		return errTooHeavy()
	}
	if d.budget -= allocated(n * int(size)); d.budget < 0 {
		return errTooHeavy()
	}
	return nil
}

func errTooHeavy() error { return corrupt("needs far more memory than it has bytes") }

// spend counts what decoder.spend will take.
func (e *encoder) spend(n int, size uintptr) { e.spent += allocated(n * int(size)) }

// allocated is at least what the runtime takes for an allocation of so many bytes.
func allocated(size int) int {
	switch {
	case size <= 256:
		return (size + 15) &^ 15
	case size <= 32<<10:
		return size + size/5
	default:
		return size + 8<<10
	}
}

// boxed is what a value of type t takes that is made on its own and then put into an interface,
// which copies it.
func boxed(t reflect.Type) uintptr {
	switch t.Kind() {
	case reflect.Pointer, reflect.Map:
		return t.Size()
	}
	return uintptr(2 * allocated(int(t.Size())))
}

// A mapLayout is what a map type takes in memory.
type mapLayout struct {
	slot   int // for a key and an element, side by side
	beside int // for an entry's parts of more than 128 bytes, which have an allocation of their own
	temps  int // for the key and the element that are being read
}

func layoutOf(t reflect.Type) mapLayout {
	l := mapLayout{}
	for _, part := range [...]reflect.Type{t.Key(), t.Elem()} {
		size := int(part.Size())
		l.temps += allocated(size)
		if size > 128 {
			l.beside += allocated(size)
			size = 8
		}
		l.slot += (size + 7) &^ 7
		if size == 0 {
			l.slot += 8 // Go pads a struct that ends in nothing
		}
	}
	return l
}

// memory is at least what a map of n entries takes when it is made for that many: room for eight of
// them, or for up to two and a half times n, since the runtime doubles and splits.
func (l mapLayout) memory(n int) int {
	slots := n * 5 / 2
	switch {
	case n == 0:
		return 64
	case n <= 8:
		slots = 8
	}
	return 64 + allocated(slots*(l.slot+1)) + n*l.beside + l.temps
}

func (d *decoder) spendMap(n int, l mapLayout) error {
	if n > 0 && l.beside > max(0, d.budget)/n {
		return errTooHeavy()
	}
	if d.budget -= l.memory(n); d.budget < 0 {
		return errTooHeavy()
	}
	return nil
}

// pad makes the bytes of a whole value pay for its memory. Only a pair of type and value can need
// that; it becomes a list of three, with as many zero bytes as are missing.
func (e *encoder) pad() bool {
	missing := e.spent - countable(len(e.buf))
	if missing <= 0 {
		return true
	}
	n := (missing + budgetFactor - contentFactor - 1) / (budgetFactor - contentFactor)
	if n > maxPadding || e.buf[0] != 0x92 {
		return false
	}
	e.buf[0] = 0x93
	e.bytes(make([]byte, n))
	return true
}

// padded reads what pad has written.
func (d *decoder) padded() (any, error) {
	d.pos++
	v, err := d.tagged()
	if err != nil {
		return nil, err
	}
	padding, err := d.bin()
	if err != nil {
		return nil, err
	}
	if len(bytes.Trim(padding, "\x00")) > 0 {
		return nil, corrupt("something follows the value")
	}
	return v, nil
}
