package serializer

import (
	"bytes"
	"encoding/binary"
	"reflect"
)

// A writer of hostile bytes: choices decides, one byte at a time, on a type and then on a body that
// fits it more or less, with as few bytes as can be for as much memory as can be.
type writer struct {
	choices []byte
	out     []byte
}

func (w *writer) choose(n int) int {
	if len(w.choices) == 0 {
		return 0
	}
	c := int(w.choices[0]) % n
	w.choices = w.choices[1:]
	return c
}

var (
	plainTags  = []byte{tagBool, tagInt8, tagInt, tagUint8, tagFloat64, tagComplex128, tagString, tagTime, tagDuration, tagBytes, tagAny, tagAnys, tagStringMap, tagAnyMap, tagStrings, tagInts, tagStringStrings, tagEmpty}
	namedParts = []any{Point{}, Item{}, Tree{}, heavy{}, wideItem{}, sparse{}, nullID{}, decimal{}, ID{}, Digest{}, Flags{}, Weights{}, places{}}
	lengths    = []uint64{0, 1, 2, 8, 129, 1 << 10, 1 << 16, 1 << 23, 1 << 26}
)

// typ writes a type and returns it; nil where bytes may not name it.
func (w *writer) typ(levels int) reflect.Type {
	from := len(w.out)
	switch kind := w.choose(8); {
	case kind < 2 || levels == 0:
		w.out = append(w.out, plainTags[w.choose(len(plainTags))])
	case kind == 2:
		v := namedParts[w.choose(len(namedParts))]
		d, err := describe(reflect.TypeOf(v))
		if err != nil {
			panic(err)
		}
		w.out = append(w.out, d.bytes...)
	case kind == 3:
		w.out = append(w.out, 0x92, tagPointer)
		w.typ(levels - 1)
	case kind == 4:
		w.out = append(w.out, 0x92, tagSlice)
		w.typ(levels - 1)
	case kind == 5:
		w.out = append(w.out, 0x93, tagArray, 0xce)
		w.out = binary.BigEndian.AppendUint32(w.out, uint32(lengths[w.choose(len(lengths))]))
		w.typ(levels - 1)
	default:
		w.out = append(w.out, 0x93, tagMap)
		w.typ(levels - 1)
		w.typ(levels - 1)
	}
	d, err := resolve(w.out[from:], maxTypeDepth)
	if err != nil {
		return nil
	}
	return d.typ
}

// maxWritten keeps one input from taking seconds.
const maxWritten = 1 << 13

func (w *writer) body(t reflect.Type, levels int) {
	how := w.choose(16)
	switch {
	case how == 15: // what does not fit
		w.out = append(w.out, byte(w.choose(256)))
	case t == nil || levels == 0 || len(w.out) > maxWritten:
		w.out = append(w.out, 0xc0)
	case isCustom(t):
		w.out = append(w.out, 0x90)
	default:
		w.parts(t, how, levels-1)
	}
}

func (w *writer) parts(t reflect.Type, how, levels int) {
	switch t.Kind() {
	case reflect.Bool:
		w.out = append(w.out, byte(0xc2+how%2))
	case reflect.Float32, reflect.Float64:
		w.out = append(w.out, 0xca, byte(how), byte(w.choose(256)), 0, 0)
	case reflect.Complex64, reflect.Complex128:
		w.out = append(w.out, 0x92, 0xca, byte(how), byte(w.choose(256)), 0, 0, 0xca, 0, 0, 0, 0)
	case reflect.String:
		w.out = append(w.out, 0xa0|byte(how))
		for range how {
			w.out = append(w.out, byte(w.choose(256)))
		}
	case reflect.Interface:
		if how%2 == 0 {
			w.out = append(w.out, 0xc0)
			return
		}
		w.out = append(w.out, 0x92)
		w.body(w.typ(2), levels)
	case reflect.Pointer:
		if how < 3 {
			w.out = append(w.out, 0xc0)
			return
		}
		if nilable(t.Elem()) {
			w.out = append(w.out, 0x91)
		}
		w.body(t.Elem(), levels)
	case reflect.Slice, reflect.Array:
		w.list(t, how, levels)
	case reflect.Map:
		n := []int{0, 0, 0, 1, 1, 2, 7, 8, 9, 15, 100}[how%11]
		w.out = append(w.out, 0xde, 0, byte(n))
		for range n {
			w.body(t.Key(), levels)
			w.body(t.Elem(), levels)
		}
	case reflect.Struct:
		if t == builtins[tagTime] {
			w.out = append(w.out, 0x93, byte(how), 0, 0xd1, byte(w.choose(100)), byte(w.choose(256)))
			return
		}
		w.out = append(w.out, 0x90)
	default:
		w.out = append(w.out, byte(how))
	}
}

func (w *writer) list(t reflect.Type, how, levels int) {
	n := []int{0, 1, 2, 3, 9, 33, 200, 1000}[how%8]
	if t.Kind() == reflect.Array && how < 12 {
		n = min(t.Len(), 1<<12)
	}
	if t.Elem().Kind() == reflect.Uint8 {
		w.out = append(w.out, 0xc5, byte(n>>8), byte(n))
		w.out = append(w.out, make([]byte, n)...)
		return
	}
	w.out = append(w.out, 0xdc, byte(n>>8), byte(n))
	from := len(w.out)
	w.body(t.Elem(), levels)
	if one := w.out[from:]; n > 0 && n*len(one) < 1<<16 {
		one = bytes.Clone(one)
		for range n - 1 {
			w.out = append(w.out, one...)
		}
	}
}

// hostileFrom returns the bytes that choices stand for.
func hostileFrom(choices []byte) []byte {
	w := &writer{choices: choices}
	w.out = append(w.out, 0x92)
	w.body(w.typ(4), 8)
	return w.out
}
