// Package serializer turns session values into bytes and back to the same Go type: an int comes
// back as an int, as with encoding/gob, and takes far fewer bytes.
//
// [Marshal] and [Unmarshal] are for one value, [MarshalKey] and [UnmarshalKey] for the name of its
// attribute, and [Codec] is for a whole session of the scs library. Each session value is one
// attribute of a stored session, so that two requests that change different values at the same time
// both keep their change. [Split] cuts the bytes of Codec into these attributes, and [Join] puts
// the attributes together again, both without decoding a value.
//
// # What can be kept
//
//	nil, bool, string, []byte              as they are
//	int, int8 … int64, uint, uint8 …       as they are; not uintptr
//	float32, float64, complex64/128        as they are, NaN and negative zero too
//	time.Time                              instant and offset; see below
//	time.Duration                          as it is
//	slices, arrays and maps of these       nil stays nil, empty stays empty
//	any, as element or field               with the type of the value inside
//	pointers to these                      a nil pointer keeps its type; two pointers to one value become two values
//	named types and structs                when registered
//
// A named type that is not in this list has to be registered with [Register] when the program
// starts, as with gob, but only where the bytes must name it: as a value of a session, or inside an
// any or another interface. Fields of a registered struct may be of any type. Registering T
// registers T, *T, []T, map[string]T and so on, and each comes back as what it was.
//
// Structs keep their exported fields under their names. Fields may be added, removed, reordered and
// widened between two versions of a program: an unknown field is skipped, a missing field is zero.
// Unexported fields are left out, as by gob. An embedded struct is a field with the name of its
// type. A field of a func, chan or uintptr type must be zero.
//
// A field with the tag msgpack:"-" is left out too. A field with json:"-" must be zero, because the
// tag does not say whether the nodes may have it or the app needs it: add msgpack:"-" to leave it
// out, or a msgpack tag with its name to keep it. Other tags mean nothing here.
//
// A type with GobEncode and GobDecode, or with MarshalBinary and UnmarshalBinary, is kept by these
// methods: url.URL, big.Int, netip.Addr. So is a struct with MarshalMsgpack and UnmarshalMsgpack,
// or EncodeMsgpack and DecodeMsgpack, and a struct without exported fields with MarshalText and
// UnmarshalText. If a struct with exported fields has such methods only from an embedded type, they
// are not used, because they know nothing of its other fields. The zero value of a type with
// methods comes back as zero, whatever its methods do. For any other value, Marshal gives the bytes
// of the first method to the second, and refuses the value if the second returns an error.
//
// A type that moves to another package or gets another name keeps its sessions with [RegisterName]
// or [RegisterAlias].
//
// A time.Time in UTC comes back in UTC. Any other comes back in the local zone if that has the same
// offset at that moment, and else in a zone without a name. The monotonic clock reading is dropped.
// This is what gob does.
//
// Marshal refuses a value that would not come back, with an [*UnsupportedTypeError] that names the
// type and the place inside the value: channels, functions, unregistered types, cycles, and map
// keys that do not come back equal, such as pointers and NaN. No error of this package shows a
// value, or a key of a map inside a value.
//
// # Coming from gob
//
// A value comes back with the type that it was stored with: gob turns &Cart{} into a Cart if Cart
// was registered, and the other way round; here it stays a *Cart. docs/coming-from-gob.md has this
// and the other differences, in tables that are made by running both encoders.
//
// # Equal values, equal bytes
//
// Maps are written in the order of their keys, at every depth, so that comparing bytes tells
// whether a value has changed. If a type's own methods encode one value in several ways, or the
// stored bytes come from another version of the program, [Equal] tells.
//
// # Format
//
// A value is one msgpack value. nil, bool, int, float32, float64, string and []byte are msgpack's
// own. Every other type is an array of two: the type, and the body. The type is a number for the
// types in the table above and some common ones made of them, a string for a registered type, and
// an array for pointers, slices, arrays and maps of other types. In the body, slices and arrays are
// arrays, lists of bytes are bin, maps are maps; a pointer is what it points to, or nil. A struct
// is an array: its field names, and then their values; the second and following structs of one type
// in a value have, for the names, the offset at which these stand already. What a type's own
// methods write is bin, and their zero value, where they do not bring it back, an empty array. A
// value that needs padding is an array of three, the third being bin of zeros. Extensions are not
// used.
//
// msgpack's Encoder writes the bytes. Its Decoder is not used: it takes bytes for strings, and
// believes every length.
//
// # Limits
//
// No length in the bytes is trusted. Before Unmarshal decodes anything, it walks through all bytes:
// every length must fit into the bytes that remain, and nothing may follow the value. The limits
// hold for writing and for reading alike:
//
//   - 64 MiB for a value, and for an array type
//   - 200 msgpack arrays and maps in one another; a value in an interface counts one more
//   - 16 pointers, slices, arrays and maps in one another in a type
//   - memory of 4 KiB and 128 times the length of the bytes, counted before it is allocated; a
//     value that needs more, such as a struct with a large field that is not exported, gets up to 4
//     KiB of padding, and beyond that is refused
//
// Reading builds at most 4096 composite types that the process has not written itself, because the
// runtime never frees a type. A type's own methods may panic without harm, but nothing limits how
// much memory they take.
//
// # Reading order
//
// marshal.go has Marshal and Unmarshal, keys.go the names of attributes, codec.go and container.go
// the sessions of scs, former.go those that another codec wrote, equal.go Equal. registry.go says which types are known. any.go writes one
// value, into the bytes of encoder.go and in the forms of forms.go, and decoder.go reads it.
// descriptor.go and types.go have its type, plan.go its body: one plan a type, with lists.go,
// maps.go, structs.go, tags.go, times.go and custom.go. wire.go checks bytes before they are
// decoded, memory.go how much memory they may ask for, errors.go what an error tells.
package serializer
