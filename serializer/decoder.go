package serializer

import (
	"reflect"
	"time"
)

// This file decides how strictly bytes are read back: each form gives exactly one Go type, and
// memory is spent from a budget.

// A decoder reads one value that check has found well-formed. It does not use msgpack's Decoder,
// which takes bytes for strings and floats for integers, and believes the lengths it is told.
type decoder struct {
	b      []byte
	pos    int
	budget int // bytes that slices, maps and pointees may still take

	aliased bool // a type was named by an alias
}

func (d *decoder) peek() head { return readHead(d.b[d.pos:]) }

func mismatch(want string) error { return corrupt("holds another type than " + want) }

// null consumes a nil if one comes next.
func (d *decoder) null() bool {
	if d.pos < len(d.b) && d.b[d.pos] == 0xc0 {
		d.pos++
		return true
	}
	return false
}

func (d *decoder) bool() (bool, error) {
	h := d.peek()
	if h.kind != kindBool {
		return false, mismatch("bool")
	}
	d.pos += h.size
	return h.n == 1, nil
}

func (d *decoder) int() (int64, error) {
	h := d.peek()
	if h.kind != kindInt && (h.kind != kindUint || int64(h.n) < 0) {
		return 0, mismatch("a signed integer")
	}
	d.pos += h.size
	return int64(h.n), nil
}

func (d *decoder) uint() (uint64, error) {
	h := d.peek()
	if h.kind != kindUint {
		return 0, mismatch("an unsigned integer")
	}
	d.pos += h.size
	return h.n, nil
}

// float64 takes both forms: a struct field may have been narrower in an earlier version of the
// program, or be wider in a later one, with which this one shares sessions while both run.
func (d *decoder) float64() (float64, error) {
	h := d.peek()
	d.pos += h.size
	switch h.kind {
	case kindFloat64:
		return h.float64(), nil
	case kindFloat32:
		return float64(h.float32()), nil
	}
	return 0, mismatch("float64")
}

// str and bin return what is in the bytes, not a copy. They look at the length although check has,
// because the names of a struct's fields may be anywhere: see structPlan.
func (d *decoder) str() ([]byte, error) { return d.text(kindStr, "a string") }
func (d *decoder) bin() ([]byte, error) { return d.text(kindBin, "bytes") }

func (d *decoder) text(k kind, want string) ([]byte, error) {
	h := d.peek()
	if h.kind != k {
		return nil, mismatch(want)
	}
	start := d.pos + h.size
	if h.n > uint64(len(d.b)-start) {
		return nil, corrupt("a length runs past the end")
	}
	d.pos = start + int(h.n)
	return d.b[start:d.pos:d.pos], nil
}

// array and mapLen return counts that check has found to be true.
func (d *decoder) array() (int, error)  { return d.count(kindArray, "a list") }
func (d *decoder) mapLen() (int, error) { return d.count(kindMap, "a map") }

func (d *decoder) count(k kind, want string) (int, error) {
	h := d.peek()
	if h.kind != k {
		return 0, mismatch(want)
	}
	d.pos += h.size
	return int(h.n), nil
}

// raw skips one value and returns its bytes.
func (d *decoder) raw() ([]byte, error) {
	n, err := walk(d.b[d.pos:], maxDepth)
	if err != nil {
		return nil, err
	}
	d.pos += n
	return d.b[d.pos-n : d.pos : d.pos], nil
}

// any reads what encoder.any wrote.
func (d *decoder) any() (any, error) {
	if err := d.spend(1, boxMemory); err != nil {
		return nil, err
	}
	h := d.peek()
	switch h.kind {
	case kindNil:
		d.pos += h.size
		return nil, nil
	case kindBool:
		d.pos += h.size
		return h.n == 1, nil
	case kindInt, kindUint:
		return d.goInt()
	case kindFloat32:
		d.pos += h.size
		return h.float32(), nil
	case kindFloat64:
		d.pos += h.size
		return h.float64(), nil
	case kindStr:
		b, err := d.str()
		return string(b), err
	case kindBin:
		b, err := d.bin()
		return append([]byte{}, b...), err
	case kindArray:
		if h.n == 2 {
			d.pos += h.size
			return d.tagged()
		}
	}
	return nil, corrupt("a value without its type")
}

func (d *decoder) goInt() (int, error) {
	n, err := d.int()
	if err == nil && int64(int(n)) != n {
		return 0, corrupt("an int that is too large for this machine")
	}
	return int(n), err
}

// tagged reads descriptor and body; the common types go without reflection.
func (d *decoder) tagged() (any, error) {
	if d.pos < len(d.b) {
		tag := d.b[d.pos]
		d.pos++
		switch tag {
		case tagInt64:
			return d.int()
		case tagUint64:
			return d.uint()
		case tagDuration:
			n, err := d.int()
			return time.Duration(n), err
		case tagTime:
			return d.time()
		case tagAnys:
			return d.anys()
		case tagStringMap:
			return d.stringMap()
		case tagStrings:
			return d.strings()
		case tagInts:
			return d.ints()
		}
		d.pos--
	}
	raw, err := d.raw()
	if err != nil {
		return nil, err
	}
	desc, err := resolve(raw, maxTypeDepth)
	if err != nil {
		return nil, err
	}
	d.aliased = d.aliased || desc.aliased
	if desc.typ.Kind() == reflect.Interface {
		return nil, corrupt("an interface is not the type of a value")
	}
	if err := d.spend(1, boxed(desc.typ)); err != nil {
		return nil, err
	}
	v := reflect.New(desc.typ).Elem()
	if err := desc.plan.dec(d, v); err != nil {
		return nil, err
	}
	return v.Interface(), nil
}

func (d *decoder) anys() ([]any, error) {
	if d.null() {
		return nil, nil
	}
	n, err := d.array()
	if err != nil {
		return nil, err
	}
	if err := d.spend(n, anySize); err != nil {
		return nil, err
	}
	list := make([]any, n)
	for i := range list {
		if list[i], err = d.any(); err != nil {
			return nil, under(err, index(i))
		}
	}
	return list, nil
}

func (d *decoder) strings() ([]string, error) {
	if d.null() {
		return nil, nil
	}
	n, err := d.array()
	if err != nil {
		return nil, err
	}
	if err := d.spend(n, stringSize); err != nil {
		return nil, err
	}
	list, from := make([]string, n), d.pos
	for i := range list {
		if _, err := d.str(); err != nil {
			return nil, under(err, index(i))
		}
	}
	// As parts of one string they cost one allocation together. Who keeps one of them keeps the
	// memory of all.
	all := string(d.b[from:d.pos])
	d.pos = from
	for i := range list {
		b, _ := d.str()
		end := d.pos - from
		list[i] = all[end-len(b) : end]
	}
	return list, nil
}

func (d *decoder) ints() ([]int, error) {
	if d.null() {
		return nil, nil
	}
	n, err := d.array()
	if err != nil {
		return nil, err
	}
	if err := d.spend(n, intSize); err != nil {
		return nil, err
	}
	list := make([]int, n)
	for i := range list {
		if list[i], err = d.goInt(); err != nil {
			return nil, under(err, index(i))
		}
	}
	return list, nil
}

func (d *decoder) stringMap() (map[string]any, error) {
	if d.null() {
		return nil, nil
	}
	n, err := d.mapLen()
	if err != nil {
		return nil, err
	}
	if err := d.spendMap(n, stringMapLayout); err != nil {
		return nil, err
	}
	m := make(map[string]any, n)
	for range n {
		k, err := d.str()
		if err != nil {
			return nil, under(err, entry)
		}
		if m[string(k)], err = d.any(); err != nil {
			return nil, under(err, entry)
		}
	}
	if len(m) != n {
		return nil, corrupt("a map holds a key twice")
	}
	return m, nil
}
