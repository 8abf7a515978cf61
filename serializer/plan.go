package serializer

import (
	"math"
	"reflect"
	"sync"
)

// This file decides how values of a Go type are written and read once the type is known: one plan
// per type, made once.

// A plan writes and reads the body of values of one type.
type plan struct {
	enc func(*encoder, reflect.Value) error
	dec func(*decoder, reflect.Value) error // into a settable zero value

	plainKey bool // as a map key, a value always comes back as the same key
	oddKey   bool // a value may be no key at all: there may be a NaN in it, or a slice
}

var (
	plans  sync.Map   // *plan per reflect.Type, complete
	planMu sync.Mutex // held while plans are made, so that types that contain themselves are made once
)

func planFor(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	planMu.Lock()
	defer planMu.Unlock()
	m := planner{}
	p := m.plan(t)
	for t, p := range m {
		plans.Store(t, p)
	}
	return p
}

// A planner holds the plans of the types that one type is made of, some of them not yet filled in.
type planner map[reflect.Type]*plan

func (m planner) plan(t reflect.Type) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	if p, ok := m[t]; ok {
		return p
	}
	p := &plan{}
	m[t] = p
	*p = m.make(t)
	p.plainKey, p.oddKey = plainKey(t), oddKey(t)
	return p
}

func (m planner) make(t reflect.Type) plan {
	if t == builtins[tagTime] {
		return timePlan
	}
	if p, ok := m.customPlan(t); ok {
		return p
	}
	switch t.Kind() {
	case reflect.Bool:
		return boolPlan
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return intPlan
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return uintPlan
	case reflect.Float32:
		return float32Plan
	case reflect.Float64:
		return float64Plan
	case reflect.Complex64, reflect.Complex128:
		return complexPlan
	case reflect.String:
		return stringPlan
	case reflect.Interface:
		return interfacePlan()
	case reflect.Pointer:
		return pointerPlan(t, m.plan(t.Elem()))
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Uint8 {
			return bytesPlan
		}
		p := slicePlan(t, m.plan(t.Elem()))
		if t == builtins[tagStrings] {
			p.dec = decStrings
		}
		return p
	case reflect.Array:
		if t.Elem().Kind() == reflect.Uint8 {
			return byteArrayPlan
		}
		return arrayPlan(t, m.plan(t.Elem()))
	case reflect.Map:
		return mapPlan(t, m.plan(t.Key()), m.plan(t.Elem()))
	case reflect.Struct:
		return m.structPlan(t)
	default:
		return refused(reasonFor(t))
	}
}

// refused is the plan of a type that cannot be kept.
func refused(reason string) plan {
	return plan{
		enc: func(_ *encoder, v reflect.Value) error { return unsupported(v.Type(), reason) },
		dec: func(_ *decoder, v reflect.Value) error { return corrupt("a type that is never written") },
	}
}

// nilable says whether the body of a type can be nil, so that a pointer to it needs a wrapping to
// tell the two nils apart.
func nilable(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map, reflect.Interface:
		return true
	}
	return false
}

var boolPlan = plan{
	enc: func(e *encoder, v reflect.Value) error { e.bool(v.Bool()); return nil },
	dec: func(d *decoder, v reflect.Value) error {
		b, err := d.bool()
		v.SetBool(b)
		return err
	},
}

var intPlan = plan{
	enc: func(e *encoder, v reflect.Value) error { e.int(v.Int()); return nil },
	dec: func(d *decoder, v reflect.Value) error {
		n, err := d.int()
		if err != nil {
			return err
		}
		if v.OverflowInt(n) {
			return tooLarge(v.Type())
		}
		v.SetInt(n)
		return nil
	},
}

var uintPlan = plan{
	enc: func(e *encoder, v reflect.Value) error { e.uint(v.Uint()); return nil },
	dec: func(d *decoder, v reflect.Value) error {
		n, err := d.uint()
		if err != nil {
			return err
		}
		if v.OverflowUint(n) {
			return tooLarge(v.Type())
		}
		v.SetUint(n)
		return nil
	},
}

var float32Plan = plan{
	enc: func(e *encoder, v reflect.Value) error { e.float32(float32(v.Float())); return nil },
	dec: func(d *decoder, v reflect.Value) error {
		f, err := d.float64()
		if err != nil {
			return err
		}
		if !fitsFloat32(f) {
			return tooLarge(v.Type())
		}
		v.SetFloat(f)
		return nil
	},
}

var float64Plan = plan{
	enc: func(e *encoder, v reflect.Value) error { e.float64(v.Float()); return nil },
	dec: func(d *decoder, v reflect.Value) error {
		f, err := d.float64()
		if err != nil {
			return err
		}
		v.SetFloat(f)
		return nil
	},
}

// complexPlan writes real and imaginary part, as float64 for either size: a float32 survives that
// unchanged.
var complexPlan = plan{
	enc: func(e *encoder, v reflect.Value) error {
		if err := e.enter(1, v.Type()); err != nil {
			return err
		}
		c := v.Complex()
		e.arrayLen(2)
		e.float64(real(c))
		e.float64(imag(c))
		e.leave(1)
		return nil
	},
	dec: func(d *decoder, v reflect.Value) error {
		n, err := d.array()
		if err != nil {
			return err
		}
		if n != 2 {
			return mismatch(v.Type().String())
		}
		re, err := d.float64()
		if err != nil {
			return err
		}
		im, err := d.float64()
		if err != nil {
			return err
		}
		if c := complex(re, im); v.Kind() == reflect.Complex128 || fitsFloat32(re) && fitsFloat32(im) {
			v.SetComplex(c)
			return nil
		}
		return tooLarge(v.Type())
	},
}

// fitsFloat32 is gob's rule: what is rounded fits.
func fitsFloat32(f float64) bool { return !(math.Abs(f) > math.MaxFloat32) || math.IsInf(f, 0) }

// tooLarge is the error about a number that another version of the program keeps in a larger type.
// Cut off it would be another number; gob refuses it too.
func tooLarge(t reflect.Type) error {
	return corrupt("the number is too large for " + t.String())
}

var stringPlan = plan{
	enc: func(e *encoder, v reflect.Value) error { e.string(v.String()); return nil },
	dec: func(d *decoder, v reflect.Value) error {
		b, err := d.str()
		v.SetString(string(b))
		return err
	},
}

// interfacePlan writes the value inside with its type. It is a function because values lead back to
// plans.
func interfacePlan() plan {
	return plan{
		enc: func(e *encoder, v reflect.Value) error { return e.any(v.Interface()) },
		dec: func(d *decoder, v reflect.Value) error {
			x, err := d.any()
			if err != nil || x == nil {
				return err
			}
			xv := reflect.ValueOf(x)
			if !xv.Type().AssignableTo(v.Type()) {
				return corrupt("a type that does not implement " + v.Type().String())
			}
			v.Set(xv)
			return nil
		},
	}
}

func pointerPlan(t reflect.Type, elem *plan) plan {
	wrap := nilable(t.Elem())
	return plan{
		enc: func(e *encoder, v reflect.Value) error {
			if v.IsNil() {
				e.nil()
				return nil
			}
			e.spend(1, t.Elem().Size())
			if !wrap {
				return elem.enc(e, v.Elem())
			}
			if err := e.enter(1, t); err != nil {
				return err
			}
			e.arrayLen(1)
			err := elem.enc(e, v.Elem())
			e.leave(1)
			return err
		},
		dec: func(d *decoder, v reflect.Value) error {
			if d.null() {
				return nil
			}
			if wrap {
				if n, err := d.array(); err != nil || n != 1 {
					return mismatch(t.String())
				}
			}
			if err := d.spend(1, t.Elem().Size()); err != nil {
				return err
			}
			p := reflect.New(t.Elem())
			if err := elem.dec(d, p.Elem()); err != nil {
				return err
			}
			v.Set(p)
			return nil
		},
	}
}
