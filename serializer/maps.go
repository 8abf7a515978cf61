package serializer

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
)

// This file decides the order in which maps are written, and which keys come back as the same key.

// sortAsEncoded sorts keys as their encodings sort: shorter ones first.
func sortAsEncoded(keys []string) {
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}

// plainKey says whether keys of a type always come back as the same key; others are tried.
func plainKey(t reflect.Type) bool {
	if isCustom(t) {
		return false
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return plainKey(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); !f.IsExported() || fieldTag(f.Tag) != tagKeep || !plainKey(f.Type) {
				return false
			}
		}
		return true
	}
	return false
}

// oddKey says whether a comparable type has values that are no keys, or not equal to themselves.
func oddKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Interface, reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return true
	case reflect.Array:
		return oddKey(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if oddKey(t.Field(i).Type) {
				return true
			}
		}
	}
	return false
}

func mapPlan(t reflect.Type, key, elem *plan) plan {
	plain, odd := plainKey(t.Key()), oddKey(t.Key()) // key may not be complete yet
	layout := layoutOf(t)
	return plan{
		enc: func(e *encoder, v reflect.Value) error {
			if v.IsNil() {
				e.nil()
				return nil
			}
			if err := e.enter(1, t); err != nil {
				return err
			}
			e.spent += layout.memory(v.Len())
			err := e.entries(v, key, elem, plain)
			e.leave(1)
			return err
		},
		dec: func(d *decoder, v reflect.Value) error {
			if d.null() {
				return nil
			}
			n, err := d.mapLen()
			if err != nil {
				return err
			}
			if err := d.spendMap(n, layout); err != nil {
				return err
			}
			m := reflect.MakeMapWithSize(t, n)
			if n == 0 { // and so no key and no element, which may be as large as an array type can be
				v.Set(m)
				return nil
			}
			k, x := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			for range n {
				k.SetZero()
				x.SetZero()
				if err := key.dec(d, k); err != nil {
					return under(err, entry)
				}
				if odd && !isKey(k) {
					return under(corrupt("a map key that cannot be one"), entry)
				}
				if err := elem.dec(d, x); err != nil {
					return under(err, entry)
				}
				m.SetMapIndex(k, x)
			}
			if m.Len() != n {
				return corrupt("a map holds a key twice")
			}
			v.Set(m)
			return nil
		},
	}
}

// entries writes the entries sorted by the bytes of their keys.
func (e *encoder) entries(m reflect.Value, key, elem *plan, plain bool) error {
	if m.Len() == 0 { // and so no key and no element, which may be as large as an array type can be
		e.mapLen(0)
		return nil
	}
	keys := newEncoder()
	defer keys.free()
	keys.key, keys.depth = true, e.depth
	items := make([]mapItem, 0, m.Len())
	t := m.Type()
	k, values := reflect.New(t.Key()).Elem(), reflect.MakeSlice(reflect.SliceOf(t.Elem()), m.Len(), m.Len())
	for it := m.MapRange(); it.Next(); {
		from := len(keys.buf)
		k.SetIterKey(it)
		if err := keys.mapKey(k, key, plain); err != nil {
			return under(err, entry)
		}
		if len(keys.buf) > maxSize {
			return unsupported(t, reasonTooLarge)
		}
		values.Index(len(items)).SetIterValue(it)
		items = append(items, mapItem{from: uint32(from), to: uint32(len(keys.buf)), value: uint32(len(items))})
	}
	sortItems(items, keys.buf)
	e.spent += keys.spent
	e.mapLen(len(items))
	for _, it := range items {
		e.raw(keys.buf[it.from:it.to])
		if err := elem.enc(e, values.Index(int(it.value))); err != nil {
			return under(err, entry)
		}
	}
	return nil
}

// A mapItem is where an entry's key and value stand.
type mapItem struct {
	rank     uint64 // the first bytes in which keys differ
	from, to uint32 // the key's bytes
	value    uint32 // the value's index
}

// sortItems sorts by the bytes of the keys. All struct keys of a map begin alike, with the names of
// their fields, and so the bytes behind what the first key shares with the others decide in most
// cases.
func sortItems(items []mapItem, buf []byte) {
	if len(items) == 0 {
		return
	}
	first := buf[items[0].from:items[0].to]
	shared := len(first)
	for _, it := range items[1:] {
		shared = sharedPrefix(first[:shared], buf[it.from:it.to])
	}
	for i := range items {
		var b [8]byte
		copy(b[:], buf[int(items[i].from)+shared:items[i].to])
		items[i].rank = binary.BigEndian.Uint64(b[:])
	}
	slices.SortFunc(items, func(a, b mapItem) int {
		switch {
		case a.rank < b.rank:
			return -1
		case a.rank > b.rank:
			return 1
		}
		return bytes.Compare(buf[a.from:a.to], buf[b.from:b.to])
	})
}

// sharedPrefix returns the number of bytes that a and b begin with alike.
func sharedPrefix(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// mapKey writes a key, and refuses one that does not come back equal: NaN, pointers, times with a
// monotonic reading, structs with unexported fields.
func (e *encoder) mapKey(k reflect.Value, p *plan, plain bool) error {
	t, odd := k.Type(), p.oddKey
	if t.Kind() == reflect.Interface && !k.IsNil() {
		t = k.Elem().Type()
		inside := planFor(t)
		plain, odd = inside.plainKey, inside.oddKey || !t.Comparable()
	}
	if plain {
		return p.enc(e, k)
	}
	if odd && !k.Comparable() {
		return unsupported(t, "it cannot be a map key: its == would panic")
	}
	from := len(e.buf)
	if err := p.enc(e, k); err != nil {
		return err
	}
	if !e.back.IsValid() || e.back.Type() != k.Type() {
		e.back = reflect.New(k.Type()).Elem()
	}
	e.back.SetZero()
	e.trial = decoder{b: e.buf[from:], budget: maxSize}
	if err := p.dec(&e.trial, e.back); err != nil || !k.Equal(e.back) {
		return unsupported(t, "as a map key it would not come back equal to itself: use a string, a number, or a struct of these")
	}
	return nil
}

// isKey says whether v can be found again in a map.
func isKey(v reflect.Value) bool {
	if v.Kind() == reflect.Interface && !v.IsNil() && planFor(v.Elem().Type()).plainKey {
		return true
	}
	return v.Comparable() && v.Equal(v)
}
