package serializer

import (
	"encoding/binary"
	"math"
)

// This file decides what bytes are well-formed: it reads msgpack heads and walks whole values
// before anything trusts them.

const (
	// maxDepth is how deep msgpack arrays and maps may nest in one value, when written and when
	// read.
	maxDepth = 200
	// maxSize is the longest encoding of one value, in bytes: far above what memcached stores, far
	// below what a length can count.
	maxSize = 64 << 20
)

type kind uint8

const (
	kindBad kind = iota
	kindNil
	kindBool
	kindInt // one that may be negative
	kindUint
	kindFloat32
	kindFloat64
	kindStr
	kindBin
	kindArray
	kindMap
	kindExt // only in what a type's own methods write
)

// A head is the start of one msgpack value: its kind, its number, bits or length, and how many
// bytes the head itself takes.
type head struct {
	n    uint64
	size int
	kind kind
}

// readHead reads the head at the start of b; kindBad when b is cut off or starts with the reserved
// code. The length it reports is not yet compared with what follows; an extension's counts its
// type.
func readHead(b []byte) head {
	if len(b) == 0 {
		return head{}
	}
	switch c := b[0]; {
	case c <= 0x7f:
		return head{kind: kindUint, n: uint64(c), size: 1}
	case c >= 0xe0:
		return head{kind: kindInt, n: uint64(int64(int8(c))), size: 1}
	case c >= 0xa0 && c <= 0xbf:
		return head{kind: kindStr, n: uint64(c & 0x1f), size: 1}
	case c >= 0x90 && c <= 0x9f:
		return head{kind: kindArray, n: uint64(c & 0xf), size: 1}
	case c >= 0x80 && c <= 0x8f:
		return head{kind: kindMap, n: uint64(c & 0xf), size: 1}
	default:
		return readLongHead(c, b[1:])
	}
}

func readLongHead(c byte, b []byte) head {
	form := longHeads[c]
	if len(b) < int(form.width) {
		return head{}
	}
	var n uint64
	switch form.width {
	case 0:
		n = uint64(form.value)
	case 1:
		n = uint64(b[0])
	case 2:
		n = uint64(binary.BigEndian.Uint16(b))
	case 4:
		n = uint64(binary.BigEndian.Uint32(b))
	case 8:
		n = binary.BigEndian.Uint64(b)
	}
	switch form.kind {
	case kindExt:
		n++ // the type stands behind the length
	case kindBad:
		return head{}
	}
	if form.signed {
		shift := 64 - 8*uint(form.width)
		n = uint64(int64(n<<shift) >> shift)
	}
	return head{kind: form.kind, n: n, size: 1 + int(form.width)}
}

// longHeads are the codes of more than one form in a byte; the one that is missing here is refused.
var longHeads = [256]struct {
	kind   kind
	width  uint8
	value  uint8
	signed bool
}{
	0xc0: {kind: kindNil},
	0xc2: {kind: kindBool, value: 0},
	0xc3: {kind: kindBool, value: 1},
	0xc4: {kind: kindBin, width: 1},
	0xc5: {kind: kindBin, width: 2},
	0xc6: {kind: kindBin, width: 4},
	0xc7: {kind: kindExt, width: 1},
	0xc8: {kind: kindExt, width: 2},
	0xc9: {kind: kindExt, width: 4},
	0xca: {kind: kindFloat32, width: 4},
	0xcb: {kind: kindFloat64, width: 8},
	0xcc: {kind: kindUint, width: 1},
	0xcd: {kind: kindUint, width: 2},
	0xce: {kind: kindUint, width: 4},
	0xcf: {kind: kindUint, width: 8},
	0xd0: {kind: kindInt, width: 1, signed: true},
	0xd1: {kind: kindInt, width: 2, signed: true},
	0xd2: {kind: kindInt, width: 4, signed: true},
	0xd3: {kind: kindInt, width: 8, signed: true},
	0xd4: {kind: kindExt, value: 1},
	0xd5: {kind: kindExt, value: 2},
	0xd6: {kind: kindExt, value: 4},
	0xd7: {kind: kindExt, value: 8},
	0xd8: {kind: kindExt, value: 16},
	0xd9: {kind: kindStr, width: 1},
	0xda: {kind: kindStr, width: 2},
	0xdb: {kind: kindStr, width: 4},
	0xdc: {kind: kindArray, width: 2},
	0xdd: {kind: kindArray, width: 4},
	0xde: {kind: kindMap, width: 2},
	0xdf: {kind: kindMap, width: 4},
}

// walk returns the length of the one value at the start of b. It fails on lengths and counts that
// do not fit into what remains, on nesting beyond depth levels, and on unknown codes, extensions
// among them. It allocates nothing but the error, and takes no longer than b has bytes, since every
// element has at least one.
func walk(b []byte, depth int) (int, error) { return walkWith(b, depth, kindBad) }

// walkWith is walk for bytes in which values of one more kind may occur.
func walkWith(b []byte, depth int, also kind) (int, error) {
	if len(b) > 0 { // most values are small numbers and short texts
		switch c := b[0]; {
		case c <= 0x7f:
			return 1, nil
		case c >= 0xa0 && c <= 0xbf && int(c&0x1f) < len(b):
			return 1 + int(c&0x1f), nil
		}
	}
	h := readHead(b)
	if h.kind == kindExt && also != kindExt {
		h.kind = kindBad
	}
	switch h.kind {
	case kindBad:
		return 0, corrupt("cut off, or an unknown msgpack code")
	case kindStr, kindBin, kindExt:
		if h.n > uint64(len(b)-h.size) {
			return 0, corrupt("a length runs past the end")
		}
		return h.size + int(h.n), nil
	case kindArray, kindMap:
		if depth == 0 {
			return 0, corrupt("nested too deeply")
		}
		items := h.n
		if h.kind == kindMap {
			items *= 2
		}
		at := h.size
		for range items {
			n, err := walkWith(b[at:], depth-1, also)
			if err != nil {
				return 0, err
			}
			at += n
		}
		return at, nil
	default:
		return h.size, nil
	}
}

// check says whether b is exactly one well-formed value.
func check(b []byte) error {
	if len(b) > maxSize {
		return corrupt("longer than a value may be")
	}
	n, err := walk(b, maxDepth)
	if err != nil {
		return err
	}
	if n != len(b) {
		return corrupt("something follows the value")
	}
	return nil
}

// checkForeign says whether b is well-formed msgpack, which msgpack's own Decoder may be given: it
// believes every length.
func checkForeign(b []byte) error {
	for len(b) > 0 {
		n, err := walkWith(b, maxDepth, kindExt)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

func (h head) float32() float32 { return math.Float32frombits(uint32(h.n)) }
func (h head) float64() float64 { return math.Float64frombits(h.n) }
