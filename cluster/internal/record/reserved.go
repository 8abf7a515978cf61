package record

import "strings"

// This file decides which attributes are this library's own, beside those of the app, and how they
// change. They are merged like any attribute. The app does not see them, and no save of the app's
// attributes changes or removes them, also one that replaces the whole session.

// ReservedPrefix begins the names of reserved attributes. Drivers give the app's attributes other
// names. It differs from the prefixes of marks (marks.go).
const ReservedPrefix = "\x00holdfast/"

// IsReserved reports whether the name is one of a reserved attribute.
func IsReserved(name string) bool {
	return name != "" && name[0] == 0 && strings.HasPrefix(name, ReservedPrefix)
}
