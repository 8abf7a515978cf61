// This file decides which named types are known, and by which name bytes tell them.

package serializer

import (
	"fmt"
	"reflect"
	"sync"
)

var (
	registryMu sync.RWMutex // guards below
	typeNames  = map[reflect.Type]string{}
	namedTypes = map[string]reflect.Type{}
)

// Register makes the type of value known under its package path and name, such as "example.com/shop.Cart", so that values of
// it, pointers to it, and slices, arrays and maps of it can be kept. Call it when the program starts, in an init function or
// in main, and with the same types in every program that shares sessions. A pointer registers what it points to, an unnamed
// type such as []Cart the named types it is made of; types that need no registration are ignored.
//
// Like gob's Register it panics when the name already stands for another type, or the type already has another name, or
// value is nil: that is a mistake in the program, and there is no request yet to fail.
func Register(value any) {
	t := reflect.TypeOf(value)
	if t == nil {
		panic("serializer: Register called with nil, which has no type")
	}
	register(t)
}

// RegisterName is Register with a name of the caller's choice, for types that may later move or be renamed. An unnamed type is
// itself known under the name.
func RegisterName(name string, value any) {
	t := reflect.TypeOf(value)
	if t == nil {
		panic("serializer: RegisterName called with nil, which has no type")
	}
	if name == "" {
		panic("serializer: RegisterName called with an empty name")
	}
	registerName(name, pointee(t))
}

// pointee strips the pointers that have no name of their own.
func pointee(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	return t
}

// register walks down to the types that have a name, or that, like an unnamed struct, have no parts to be named by.
func register(t reflect.Type) {
	if t.Name() == "" {
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			register(t.Elem())
			return
		case reflect.Map:
			register(t.Key())
			register(t.Elem())
			return
		}
	}
	name := t.String()
	if t.PkgPath() != "" {
		name = t.PkgPath() + "." + t.Name()
	}
	registerName(name, t)
}

func registerName(name string, t reflect.Type) {
	if _, ok := builtinTags[t]; ok {
		return
	}
	registryMu.Lock()
	defer registryMu.Unlock()
	if known, ok := namedTypes[name]; ok && known != t {
		panic(fmt.Sprintf("serializer: registering duplicate types for %q: %v and %v", name, known, t))
	}
	if known, ok := typeNames[t]; ok && known != name {
		panic(fmt.Sprintf("serializer: registering duplicate names for %v: %q and %q", t, known, name))
	}
	namedTypes[name] = t
	typeNames[t] = name
}

func registeredName(t reflect.Type) (string, bool) {
	registryMu.RLock()
	defer registryMu.RUnlock()
	name, ok := typeNames[t]
	return name, ok
}

func registeredType(name string) (reflect.Type, bool) {
	registryMu.RLock()
	defer registryMu.RUnlock()
	t, ok := namedTypes[name]
	return t, ok
}
