package serializer

import (
	"reflect"
	"sync"
)

// This file decides how a type is written in front of a value, and which types bytes may make this
// process build.

// A descriptor is a type, how it is written, and how its values are.
type descriptor struct {
	typ     reflect.Type
	bytes   []byte
	depth   int  // nesting of bytes
	aliased bool // bytes name a type by an alias, and so are not how it is written
	plan    *plan
}

var (
	// described holds a *descriptor per reflect.Type. Refusals are not kept: the type may yet be
	// registered.
	described sync.Map

	namedMu sync.RWMutex               // guards below
	named   = map[string]*descriptor{} // by bytes
	foreign int                        // how many composite types of named were first met in bytes
)

// describe returns the descriptor of the type of a value that is about to be written.
func describe(t reflect.Type) (*descriptor, error) {
	if d, ok := described.Load(t); ok {
		return d.(*descriptor), nil
	}
	e := newEncoder()
	defer e.free()
	depth, err := e.typ(t, maxTypeDepth)
	if err != nil {
		return nil, err
	}
	d := &descriptor{typ: t, bytes: append([]byte(nil), e.buf...), depth: depth, plan: planFor(t)}
	described.Store(t, d)
	namedMu.Lock()
	named[string(d.bytes)] = d
	namedMu.Unlock()
	return d, nil
}

// typ writes a type and returns how deep what it wrote nests.
func (e *encoder) typ(t reflect.Type, levels int) (int, error) {
	if tag, ok := builtinTags[t]; ok {
		e.buf = append(e.buf, tag)
		return 0, nil
	}
	if name, ok := registeredName(t); ok {
		e.string(name)
		return 0, nil
	}
	if t.Name() != "" {
		return 0, unsupported(t, reasonFor(t))
	}
	if levels == 0 {
		return 0, unsupported(t, "its type is nested deeper than this package keeps: give an inner part a named type and register it")
	}
	parts := []reflect.Type{}
	switch t.Kind() {
	case reflect.Pointer:
		e.buf = append(e.buf, 0x92, tagPointer)
		parts = append(parts, t.Elem())
	case reflect.Slice:
		e.buf = append(e.buf, 0x92, tagSlice)
		parts = append(parts, t.Elem())
	case reflect.Array:
		if !arrayFits(uint64(t.Len()), t.Elem()) {
			return 0, unsupported(t, "the array is too large: use a slice")
		}
		e.buf = append(e.buf, 0x93, tagArray)
		e.uint(uint64(t.Len()))
		parts = append(parts, t.Elem())
	case reflect.Map:
		e.buf = append(e.buf, 0x93, tagMap)
		parts = append(parts, t.Key(), t.Elem())
	default:
		return 0, unsupported(t, reasonFor(t))
	}
	deepest := 0
	for _, part := range parts {
		depth, err := e.typ(part, levels-1)
		if err != nil {
			return 0, err
		}
		deepest = max(deepest, depth)
	}
	return deepest + 1, nil
}

// reasonFor says why a type has no descriptor, and what to do.
func reasonFor(t reflect.Type) string {
	if _, ok := bodyless[t.Kind()]; ok {
		return "a " + t.Kind().String() + " means nothing outside this process"
	}
	return "it is not registered: call serializer.Register with a value of this type when the program starts"
}

// bodyless are the kinds of which only the zero value comes back, and that only as a struct field.
var bodyless = map[reflect.Kind]bool{
	reflect.Chan: true, reflect.Func: true, reflect.UnsafePointer: true, reflect.Uintptr: true,
}

// arrayFits bounds array types in bytes, and in elements for those that take no bytes.
func arrayFits(n uint64, elem reflect.Type) bool {
	return n <= maxArray/max(1, uint64(elem.Size()))
}

// resolve returns the descriptor that raw, one well-formed value, stands for.
func resolve(raw []byte, levels int) (*descriptor, error) {
	namedMu.RLock()
	d, full := named[string(raw)], foreign >= maxForeignTypes
	namedMu.RUnlock()
	if d != nil {
		return d, nil
	}
	r := &decoder{b: raw}
	h := r.peek()
	var t reflect.Type
	var err error
	var aliased bool
	switch h.kind {
	case kindUint:
		if h.n < uint64(tagCount) {
			t = builtins[h.n]
		}
	case kindStr:
		name := string(raw[h.size:])
		if t, aliased = registeredType(name); t == nil {
			return nil, &UnregisteredTypeError{Name: name}
		}
	case kindArray:
		if levels == 0 || full {
			return nil, corrupt("deeper or more types than this process builds from bytes")
		}
		t, err = r.composite(levels - 1)
		aliased = r.aliased
	}
	if err != nil {
		return nil, err
	}
	if t == nil {
		return nil, corrupt("unknown type")
	}
	d = &descriptor{typ: t, bytes: append([]byte(nil), raw...), aliased: aliased, plan: planFor(t)}
	namedMu.Lock()
	defer namedMu.Unlock()
	if known := named[string(raw)]; known != nil {
		return known, nil
	}
	if h.kind == kindArray {
		foreign++
	}
	named[string(d.bytes)] = d
	return d, nil
}

// composite reads a type made of other types; nil for a constructor that does not exist. Every part
// goes through resolve, so that what a refused type has made the runtime build is counted too.
func (d *decoder) composite(levels int) (reflect.Type, error) {
	n, err := d.array()
	if err != nil {
		return nil, err
	}
	ctor, err := d.uint()
	if err != nil {
		return nil, err
	}
	length := uint64(0)
	switch {
	case ctor == uint64(tagPointer) && n == 2, ctor == uint64(tagSlice) && n == 2, ctor == uint64(tagMap) && n == 3:
	case ctor == uint64(tagArray) && n == 3:
		if length, err = d.uint(); err != nil {
			return nil, err
		}
	default:
		return nil, nil
	}
	part, err := d.part(levels)
	if err != nil {
		return nil, err
	}
	switch byte(ctor) {
	case tagPointer:
		return reflect.PointerTo(part), nil
	case tagSlice:
		return reflect.SliceOf(part), nil
	case tagArray:
		if !arrayFits(length, part) {
			return nil, corrupt("an array type is too large")
		}
		return reflect.ArrayOf(int(length), part), nil
	}
	elem, err := d.part(levels)
	if err != nil {
		return nil, err
	}
	if !part.Comparable() {
		return nil, corrupt("a map type with keys that cannot be compared")
	}
	return reflect.MapOf(part, elem), nil
}

func (d *decoder) part(levels int) (reflect.Type, error) {
	raw, err := d.raw()
	if err != nil {
		return nil, err
	}
	desc, err := resolve(raw, levels)
	if err != nil {
		return nil, err
	}
	d.aliased = d.aliased || desc.aliased
	return desc.typ, nil
}
