package serializer

import (
	"bytes"
	"reflect"
)

// This file decides how structs are kept: exported fields under their names, so that fields may
// come, go and change places between two versions of a program.

// A structPlan knows a struct type's shape: the names of its fields in order. A struct is an array
// of its shape and its fields' values. The first struct of a type in a value carries the shape
// itself, the following ones the offset of it, so that a list of structs names its fields once. An
// offset, unlike a count of shapes, stays right when a reader skips a field.
type structPlan struct {
	fields []field
	byName map[string]int // into fields
	shape  []byte         // as written
	left   []leftField    // exported fields that cannot be kept: refused unless zero
}

type leftField struct {
	index  int
	reason string
}

type field struct {
	name  string
	index int
	plan  *plan
}

func (m planner) structPlan(t reflect.Type) plan {
	s := &structPlan{byName: map[string]int{}}
	dropped := 0
	for i := range t.NumField() {
		f := t.Field(i)
		tag := fieldTag(f.Tag)
		switch {
		case !f.IsExported():
		case tag == tagDrop:
			dropped++
		case len(f.Name) > maxFieldName:
			return refused("it has a field with a name longer than this package keeps")
		case bodyless[f.Type.Kind()]:
			s.left = append(s.left, leftField{i, reasonFor(f.Type) + `: tag the field msgpack:"-" to leave it out`})
		case tag == tagAsk:
			s.left = append(s.left, leftField{i, hiddenFromJSON})
		default:
			s.byName[f.Name] = len(s.fields)
			s.fields = append(s.fields, field{f.Name, i, m.plan(f.Type)})
		}
	}
	if len(s.fields) == 0 && t.NumField() > len(s.left)+dropped {
		return refused("it has no exported fields, and neither GobEncode and GobDecode, MarshalBinary and UnmarshalBinary, nor MarshalText and UnmarshalText")
	}
	e := newEncoder()
	e.arrayLen(len(s.fields))
	for _, f := range s.fields {
		e.string(f.name)
	}
	s.shape = append([]byte(nil), e.buf...)
	e.free()
	return plan{enc: s.enc, dec: s.dec}
}

func (s *structPlan) enc(e *encoder, v reflect.Value) error {
	for _, left := range s.left {
		if f := v.Field(left.index); !f.IsZero() {
			return under(unsupported(f.Type(), left.reason), "."+v.Type().Field(left.index).Name)
		}
	}
	if err := e.enter(2, v.Type()); err != nil { // the struct, and the shape inside it
		return err
	}
	e.depth--
	if len(s.fields) == 0 {
		e.arrayLen(0)
		e.leave(1)
		return nil
	}
	e.arrayLen(1 + len(s.fields))
	e.shape(s)
	for i := range s.fields {
		f := &s.fields[i]
		if err := f.plan.enc(e, v.Field(f.index)); err != nil {
			return under(err, "."+f.name)
		}
	}
	e.leave(1)
	return nil
}

// shape writes the shape, or where it already stands. Map keys are moved after they are written,
// and so refer to nothing.
func (e *encoder) shape(s *structPlan) {
	if !e.key {
		for _, known := range e.shapes {
			if known.of == s {
				e.uint(uint64(known.at))
				return
			}
		}
		e.shapes = append(e.shapes, shape{s, len(e.buf)})
	}
	e.raw(s.shape)
}

func (s *structPlan) dec(d *decoder, v reflect.Value) error {
	n, err := d.array()
	if err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	at, err := d.shape(s)
	if err != nil {
		return err
	}
	if bytes.HasPrefix(d.b[at:], s.shape) && n == 1+len(s.fields) {
		for i := range s.fields {
			if err := s.decField(d, v, i); err != nil {
				return err
			}
		}
		return nil
	}
	return s.decOther(d, v, at, n-1)
}

// shape returns the offset of the shape of the struct that is being read, and moves to its first
// field.
func (d *decoder) shape(s *structPlan) (int, error) {
	at := d.pos
	if bytes.HasPrefix(d.b[at:], s.shape) {
		d.pos += len(s.shape)
		return at, nil
	}
	h := d.peek()
	switch {
	case h.kind == kindArray:
		_, err := d.raw()
		return at, err
	case h.kind == kindUint && h.n < uint64(d.pos):
		d.pos += h.size
		return int(h.n), nil
	}
	return 0, mismatch("a struct")
}

// maxFieldName is the longest name of a field, in bytes: a long one, referred to by very many small
// structs, would take very long.
const maxFieldName = 255

// decOther reads a struct that was written with other fields, or in another order: by a version of
// the program before or after this one. Every name costs a value behind it, so that a shape used
// again and again takes no more time than its bytes.
func (s *structPlan) decOther(d *decoder, v reflect.Value, at, n int) error {
	names := decoder{b: d.b, pos: at}
	if count, err := names.array(); err != nil || count != n {
		return corrupt("a struct does not fit its field names")
	}
	for range n {
		name, err := names.str()
		if err != nil {
			return err
		}
		if len(name) > maxFieldName {
			return corrupt("a struct with a field name that is too long")
		}
		i, ok := s.byName[string(name)]
		if !ok {
			if _, err := d.raw(); err != nil {
				return err
			}
			continue
		}
		if err := s.decField(d, v, i); err != nil {
			return err
		}
	}
	return nil
}

// decField reads one field. nil leaves it zero: that is how a pointer field that has become a plain
// one since reads a nil.
func (s *structPlan) decField(d *decoder, v reflect.Value, i int) error {
	if d.null() {
		return nil
	}
	f := &s.fields[i]
	if err := f.plan.dec(d, v.Field(f.index)); err != nil {
		return under(err, "."+f.name)
	}
	return nil
}
