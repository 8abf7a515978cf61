package serializer

import (
	"encoding/binary"
	"math"
)

// This file decides how msgpack's own forms are written: each in its shortest one.

// string writes short texts itself: most are, and maps of struct keys are made of them.
func (e *encoder) string(s string) {
	if len(s) < 32 {
		e.buf = append(append(e.buf, 0xa0|byte(len(s))), s...)
		return
	}
	_ = e.mp.EncodeString(s)
}

// int and uint write the numbers from zero on themselves, for the same reason, in their shortest
// form.
func (e *encoder) int(n int64) {
	if n >= 0 {
		e.uint(uint64(n))
		return
	}
	_ = e.mp.EncodeInt(n)
}

func (e *encoder) uint(n uint64) {
	switch {
	case n < 128:
		e.buf = append(e.buf, byte(n))
	case n <= math.MaxUint8:
		e.buf = append(e.buf, 0xcc, byte(n))
	case n <= math.MaxUint16:
		e.buf = binary.BigEndian.AppendUint16(append(e.buf, 0xcd), uint16(n))
	case n <= math.MaxUint32:
		e.buf = binary.BigEndian.AppendUint32(append(e.buf, 0xce), uint32(n))
	default:
		e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xcf), n)
	}
}

func (e *encoder) bool(v bool) {
	code := byte(0xc2)
	if v {
		code = 0xc3
	}
	e.buf = append(e.buf, code)
}

func (e *encoder) arrayLen(n int) {
	if n < 16 {
		e.buf = append(e.buf, 0x90|byte(n))
		return
	}
	_ = e.mp.EncodeArrayLen(n)
}

func (e *encoder) float64(f float64) {
	e.buf = binary.BigEndian.AppendUint64(append(e.buf, 0xcb), math.Float64bits(e.canonical(f)))
}

func (e *encoder) nil()              { e.buf = append(e.buf, 0xc0) }
func (e *encoder) bytes(b []byte)    { _ = e.mp.EncodeBytes(b) }
func (e *encoder) mapLen(n int)      { _ = e.mp.EncodeMapLen(n) }
func (e *encoder) raw(b []byte)      { e.buf = append(e.buf, b...) }
func (e *encoder) float32(f float32) { _ = e.mp.EncodeFloat32(float32(e.canonical(float64(f)))) }

// canonical makes the two zeros one in a map key, where Go counts them as the same key.
func (e *encoder) canonical(f float64) float64 {
	if e.key && f == 0 {
		return 0
	}
	return f
}
