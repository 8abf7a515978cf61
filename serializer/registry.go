package serializer

import (
	"fmt"
	"reflect"
	"sync"
)

// This file decides which named types are known, and by which name bytes tell them.

var (
	registryMu sync.RWMutex // guards below
	typeNames  = map[reflect.Type]string{}
	namedTypes = map[string]reflect.Type{}
	aliases    = map[string]reflect.Type{} // names that are read and never written
)

// Register makes the type of value known under its package path and name, such as
// "example.com/shop.Cart", so that values of it, pointers to it, and slices, arrays and maps of it
// can be kept. Call it when the program starts, in an init function or in main, and with the same
// types in every program that shares sessions. A pointer registers the type it points to, an
// unnamed type such as []Cart the named types it is made of; types that need no registration are
// ignored.
//
// For a type that may later move to another package or be renamed, use [RegisterName]; for a type
// that has moved already, [RegisterAlias].
//
// Unlike gob's Register, it does not decide between Cart and *Cart: a value comes back with the
// type that it was stored with. An app that called gob.Register(Cart{}) and stored &Cart{} has read
// a Cart; now it reads a *Cart. docs/coming-from-gob.md has a table.
//
// Like gob's Register it panics if the name already belongs to another type, if the type already
// has another name, or if value is nil: each is a mistake in the program, found before the first
// request.
func Register(value any) {
	t := reflect.TypeOf(value)
	if t == nil {
		panic("serializer: Register called with nil, which has no type")
	}
	register(t)
}

// RegisterName is Register with a name that the caller chooses, for types that may later move or be
// renamed. The name is stored in the bytes, so that a type which has moved can be registered under
// its former name, and still reads and writes the same bytes. An unnamed type itself gets the name.
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

// RegisterAlias makes values that were stored under an old name readable as the type of value, for
// a type that has moved to another package or was renamed and is now registered under its new name.
// New bytes have the new name. Sessions with either name can be read, and a value that a request
// leaves alone keeps its bytes. Instances of the former version cannot read the new name: first
// deploy a version that has an alias for it, or keep the old name with [RegisterName] while both
// versions run.
//
// The default name of a type is its package path and name, such as "example.com/shop.Cart";
// [UnregisteredTypeError] has the name that is missing. RegisterAlias panics if value is nil, if
// the name is empty, or if it belongs to another type.
func RegisterAlias(oldName string, value any) {
	t := reflect.TypeOf(value)
	if t == nil {
		panic("serializer: RegisterAlias called with nil, which has no type")
	}
	if oldName == "" {
		panic("serializer: RegisterAlias called with an empty name")
	}
	t = pointee(t)
	registryMu.Lock()
	defer registryMu.Unlock()
	mustBeFree(oldName, t)
	aliases[oldName] = t
}

// mustBeFree panics if a name belongs to a type other than t.
func mustBeFree(name string, t reflect.Type) {
	for _, names := range [...]map[string]reflect.Type{namedTypes, aliases} {
		if known, ok := names[name]; ok && known != t {
			panic(fmt.Sprintf("serializer: registering duplicate types for %q: %v and %v: give one of them a name of its own with RegisterName", name, known, t))
		}
	}
}

// pointee strips the pointers that have no name of their own.
func pointee(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer && t.Name() == "" {
		t = t.Elem()
	}
	return t
}

// register walks down to the types that have a name, or that, like an unnamed struct, have no parts
// to be named by.
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
	mustBeFree(name, t)
	if known, ok := typeNames[t]; ok && known != name {
		panic(fmt.Sprintf("serializer: registering duplicate names for %v: %q and %q: for a name that is only to be read use RegisterAlias", t, known, name))
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

// registeredType returns the type of a name, and whether the name is an alias; nil if there is
// none.
func registeredType(name string) (t reflect.Type, alias bool) {
	registryMu.RLock()
	defer registryMu.RUnlock()
	if t, ok := namedTypes[name]; ok {
		return t, false
	}
	t, alias = aliases[name]
	return t, alias
}
