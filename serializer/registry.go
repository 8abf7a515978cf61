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
// types in every program that shares sessions. A pointer registers what it points to, an unnamed
// type such as []Cart the named types it is made of; types that need no registration are ignored.
//
// A type that may move to another package or be renamed one day wants [RegisterName]; one that has
// moved already, [RegisterAlias].
//
// Unlike gob's Register, it does not decide between Cart and *Cart: a value comes back as what it
// was stored as. An app that called gob.Register(Cart{}), stored &Cart{} and so read a Cart now
// reads a *Cart. docs/coming-from-gob.md has a table.
//
// Like gob's Register it panics when the name already stands for another type, or the type already
// has another name, or value is nil: that is a mistake in the program, and there is no request yet
// to fail.
func Register(value any) {
	t := reflect.TypeOf(value)
	if t == nil {
		panic("serializer: Register called with nil, which has no type")
	}
	register(t)
}

// RegisterName is Register with a name of the caller's choice, for types that may later move or be
// renamed: the name is what is stored, so that a type which has moved can be registered under the
// name of before, and reads and writes what it did. An unnamed type is itself known under the name.
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

// RegisterAlias makes what was stored under an old name readable as the type of value, for a type
// that has moved to another package or was renamed and is now registered under its new name. What
// is written has the new name; sessions with either can be read, and what a request leaves alone
// keeps its bytes. Instances of the version before cannot read the new name: let them learn it
// first by an alias of their own, or keep to the old name with [RegisterName] while both run.
//
// The name of an unmoved type is its package path and name, such as "example.com/shop.Cart"; the
// error about a missing type quotes it. RegisterAlias panics when value is nil, or the name empty
// or known for another type.
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

// mustBeFree panics if a name stands for another type than t.
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
