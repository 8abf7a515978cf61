package serializer

import (
	"reflect"
	"time"
)

// This file decides how a Go type is told from bytes: tags for the types known everywhere, names
// for registered ones, and constructors for the slices, arrays, maps and pointers made of them.

// The tags are part of the format: append only.
const (
	tagNone byte = iota
	tagAny
	tagBool
	tagInt
	tagInt8
	tagInt16
	tagInt32
	tagInt64
	tagUint
	tagUint8
	tagUint16
	tagUint32
	tagUint64
	tagFloat32
	tagFloat64
	tagComplex64
	tagComplex128
	tagString
	tagTime
	tagDuration
	tagBytes
	tagAnys
	tagStringMap
	tagAnyMap
	tagStrings
	tagInts
	tagStringStrings
	tagEmpty
	tagPointer // the constructors: first in a descriptor that is an array
	tagSlice
	tagArray
	tagMap
	tagCount
)

// builtins are the types that need no registration and take one byte to name.
var builtins = [tagCount]reflect.Type{
	tagAny:           reflect.TypeFor[any](),
	tagBool:          reflect.TypeFor[bool](),
	tagInt:           reflect.TypeFor[int](),
	tagInt8:          reflect.TypeFor[int8](),
	tagInt16:         reflect.TypeFor[int16](),
	tagInt32:         reflect.TypeFor[int32](),
	tagInt64:         reflect.TypeFor[int64](),
	tagUint:          reflect.TypeFor[uint](),
	tagUint8:         reflect.TypeFor[uint8](),
	tagUint16:        reflect.TypeFor[uint16](),
	tagUint32:        reflect.TypeFor[uint32](),
	tagUint64:        reflect.TypeFor[uint64](),
	tagFloat32:       reflect.TypeFor[float32](),
	tagFloat64:       reflect.TypeFor[float64](),
	tagComplex64:     reflect.TypeFor[complex64](),
	tagComplex128:    reflect.TypeFor[complex128](),
	tagString:        reflect.TypeFor[string](),
	tagTime:          reflect.TypeFor[time.Time](),
	tagDuration:      reflect.TypeFor[time.Duration](),
	tagBytes:         reflect.TypeFor[[]byte](),
	tagAnys:          reflect.TypeFor[[]any](),
	tagStringMap:     reflect.TypeFor[map[string]any](),
	tagAnyMap:        reflect.TypeFor[map[any]any](),
	tagStrings:       reflect.TypeFor[[]string](),
	tagInts:          reflect.TypeFor[[]int](),
	tagStringStrings: reflect.TypeFor[map[string]string](),
	tagEmpty:         reflect.TypeFor[struct{}](),
}

var builtinTags = func() map[reflect.Type]byte {
	m := make(map[reflect.Type]byte)
	for tag, t := range builtins {
		if t != nil {
			m[t] = byte(tag)
		}
	}
	return m
}()

const (
	// maxTypeDepth is how deep constructors may nest in a type, such as 2 in []*T.
	maxTypeDepth = 16
	// maxArray is the largest array type, in bytes and in elements.
	maxArray = maxSize
	// maxForeignTypes bounds the types that bytes can make this process build: the runtime never
	// forgets a type.
	maxForeignTypes = 4096
)
