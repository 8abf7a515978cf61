package serializer

import "reflect"

// This file decides how slices and arrays are kept: byte for byte, or element by element, a nil
// slice apart from an empty one.

var bytesPlan = plan{
	enc: func(e *encoder, v reflect.Value) error {
		if v.IsNil() {
			e.nil()
		} else {
			e.bytes(v.Bytes())
		}
		return nil
	},
	dec: func(d *decoder, v reflect.Value) error {
		if d.null() {
			return nil
		}
		b, err := d.bin()
		if err != nil {
			return err
		}
		v.SetBytes(append([]byte{}, b...))
		return nil
	},
}

var byteArrayPlan = plan{
	enc: func(e *encoder, v reflect.Value) error {
		if !v.CanAddr() { // Bytes wants to point into the array
			addressable := reflect.New(v.Type()).Elem()
			addressable.Set(v)
			v = addressable
		}
		if v.Len() == 0 {
			e.bytes([]byte{})
		} else {
			e.bytes(v.Bytes())
		}
		return nil
	},
	dec: func(d *decoder, v reflect.Value) error {
		b, err := d.bin()
		if err != nil {
			return err
		}
		if len(b) != v.Len() {
			return mismatch(v.Type().String())
		}
		if len(b) > 0 {
			copy(v.Bytes(), b)
		}
		return nil
	},
}

func slicePlan(t reflect.Type, elem *plan) plan {
	size := t.Elem().Size()
	return plan{
		enc: func(e *encoder, v reflect.Value) error {
			if v.IsNil() {
				e.nil()
				return nil
			}
			e.spend(v.Len(), size)
			return e.elements(v, elem)
		},
		dec: func(d *decoder, v reflect.Value) error {
			if d.null() {
				return nil
			}
			n, err := d.array()
			if err != nil {
				return err
			}
			if err := d.spend(n, size); err != nil {
				return err
			}
			v.Set(reflect.MakeSlice(t, n, n))
			return d.elements(v, elem)
		},
	}
}

// decStrings reads the most common list without looking at its elements through reflection.
func decStrings(d *decoder, v reflect.Value) error {
	list, err := d.strings()
	if err == nil {
		*v.Addr().Interface().(*[]string) = list
	}
	return err
}

func arrayPlan(t reflect.Type, elem *plan) plan {
	if !arrayFits(uint64(t.Len()), t.Elem()) {
		return refused("the array is too large")
	}
	return plan{
		enc: func(e *encoder, v reflect.Value) error { return e.elements(v, elem) },
		dec: func(d *decoder, v reflect.Value) error {
			n, err := d.array()
			if err != nil {
				return err
			}
			if n != t.Len() {
				return mismatch(t.String())
			}
			return d.elements(v, elem)
		},
	}
}

func (e *encoder) elements(v reflect.Value, elem *plan) error {
	if err := e.enter(1, v.Type()); err != nil {
		return err
	}
	n := v.Len()
	e.arrayLen(n)
	for i := range n {
		if err := elem.enc(e, v.Index(i)); err != nil {
			return under(err, index(i))
		}
	}
	e.leave(1)
	return nil
}

func (d *decoder) elements(v reflect.Value, elem *plan) error {
	for i := range v.Len() {
		if err := elem.dec(d, v.Index(i)); err != nil {
			return under(err, index(i))
		}
	}
	return nil
}
