package main

// This file holds the mutants of how values become bytes and back.

var values = []rule{
	one("serializer: an empty map makes room for a key when it is written", "(*encoder).entries",
		"if m.Len() == 0 {", "if false {"),
	one("serializer: lengths are believed", "walkWith", `
			if h.n > uint64(len(b)-h.size) {
				return 0, corrupt("a length runs past the end")
			}`, ""),
	one("serializer: nesting has no end", "walkWith", `
			if depth == 0 {
				return 0, corrupt("nested too deeply")
			}`, ""),
	one("serializer: a few bytes may ask for any memory", "(*decoder).spend", `
			if high, low := bits.Mul64(uint64(n), uint64(size)); high > 0 || low > uint64(max(0, d.budget)) {
				return errTooHeavy()
			}
			if d.budget -= allocated(n * int(size)); d.budget < 0 {`, "if bits.Len(0) > 0 {"),
	one("serializer: a map without entries makes a key and an element", "mapPlan",
		"if n == 0 {", "if n < 0 {"),
	one("serializer: the key and the element that are read into cost nothing", "layoutOf",
		"l.temps += allocated(size)", ""),
	one("serializer: the copy in an interface costs nothing", "boxed",
		"return uintptr(2 * allocated(int(t.Size())))", "return t.Size()"),
	one("serializer: padding may hold anything", "(*decoder).padded",
		`if len(bytes.Trim(padding, "\x00")) > 0 {`, `if false && bytes.Trim(padding, "") != nil {`),
	one("serializer: what follows a value is ignored", "check",
		"if n != len(b) {", "if n > len(b) {"),
	one("serializer: maps are written in any order", "sortAsEncoded",
		"return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))", "return 0 * cmp.Compare(len(a), len(b)) * strings.Compare(a, b)"),
	one("serializer: any key looks like its text", "MarshalKey",
		"name = otherKey + string(e.buf); key == nil", "name = stringKey + string(e.buf); key == nil"),
	one("serializer: a key may have another name each time", "MarshalKey",
		"|| otherKey+again != name {", "|| again == name {"),
	one("serializer: a key has a name under the old name of its type only", "UnmarshalKey",
		"&& !d.aliased {", "{"),
	one("serializer: other bytes are another value", "Equal",
		"same, methods := sameValue(x, y)", "same, methods := false, false"),
	one("serializer: what methods have built is compared by its bytes alone", "(*comparison).same",
		"c.methods = true", "return false"),
	one("serializer: values are compared in the form in which they were stored", "Equal",
		"if same || !methods {", "if same || !methods || true {"),
	one("serializer: an empty list is no list", "(*comparison).parts",
		"return a.IsNil() == b.IsNil() && a.Len() == b.Len() && (c.known(a, b, a.Len()) || c.elements(a, b))",
		"return a.Len() == b.Len() && (c.known(a, b, a.Len()) || c.elements(a, b))"),
	one("serializer: one instant is one time", "(*comparison).same",
		"return sameBytes(t, a, b)", "return a.Field(1).Int() == b.Field(1).Int()"),
	one("serializer: methods write their zero", "planner.customPlan",
		"if v.IsZero() && !readsZero() {", "if false && !readsZero() {"),
	one("serializer: what methods wrote is believed", "planner.customPlan",
		"if !e.key {", "if false {"),
	one("serializer: msgpack's decoder sees every length", "decodeMsgpack",
		"func decodeMsgpack(v any, b []byte) error { if err := checkForeign(b); err != nil {",
		"func decodeMsgpack(v any, b []byte) error { if err := checkForeign(b); false {"),
	one("serializer: msgpack's tag means nothing", "fieldTag",
		"return tagDrop", "return tagKeep"),
	one("serializer: json's tag means nothing", "fieldTag",
		"return tagAsk", "return tagKeep"),
	one("serializer: a type that has moved is unknown", "registeredType",
		"t, alias = aliases[name]", ""),
	one("serializer: a NaN is a key", "mapPlan",
		"if odd && !isKey(k) {", "if odd && false && !isKey(k) {"),
	one("serializer: a number that does not fit is cut off", "intPlan",
		"if v.OverflowInt(n) {", "if false {"),
}
