// This file decides the order in which maps are written, and which keys come back as the same key.

package serializer

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// sortAsEncoded sorts keys as their encodings sort: shorter ones first.
func sortAsEncoded(keys []string) {
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	})
}

// plainKey are the kinds of keys that always come back as the same key; others are tried.
func plainKey(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return !isCustom(t)
	}
	return false
}

func mapPlan(t reflect.Type, key, elem *plan) plan {
	plain := plainKey(t.Key())
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
				if !plain && !isKey(k) {
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
	type item struct {
		from, to int
		value    reflect.Value
	}
	keys := newEncoder()
	defer keys.free()
	keys.key, keys.depth = true, e.depth
	items := make([]item, 0, m.Len())
	for it := m.MapRange(); it.Next(); {
		from := len(keys.buf)
		if err := keys.mapKey(it.Key(), key, plain); err != nil {
			return under(err, entry)
		}
		items = append(items, item{from, len(keys.buf), it.Value()})
	}
	slices.SortFunc(items, func(a, b item) int {
		return bytes.Compare(keys.buf[a.from:a.to], keys.buf[b.from:b.to])
	})
	e.spent += keys.spent
	e.mapLen(len(items))
	for _, it := range items {
		e.raw(keys.buf[it.from:it.to])
		if err := elem.enc(e, it.value); err != nil {
			return under(err, entry)
		}
	}
	return nil
}

// mapKey writes a key, and refuses one that does not come back equal: NaN, pointers, times with a monotonic reading, structs
// with unexported fields.
func (e *encoder) mapKey(k reflect.Value, p *plan, plain bool) error {
	if plain || k.Kind() == reflect.Interface && !k.IsNil() && plainKey(k.Elem().Type()) {
		return p.enc(e, k)
	}
	t := k.Type()
	if k.Kind() == reflect.Interface && !k.IsNil() {
		t = k.Elem().Type()
	}
	if !k.Comparable() {
		return unsupported(t, "it cannot be a map key")
	}
	from := len(e.buf)
	if err := p.enc(e, k); err != nil {
		return err
	}
	back := reflect.New(k.Type()).Elem()
	if err := p.dec(&decoder{b: e.buf[from:], budget: maxSize}, back); err != nil || !k.Equal(back) {
		return unsupported(t, "as a map key it would not come back equal to itself")
	}
	return nil
}

// isKey says whether v can be found again in a map.
func isKey(v reflect.Value) bool { return v.Comparable() && v.Equal(v) }
