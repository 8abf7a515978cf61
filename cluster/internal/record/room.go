package record

// This file decides how much memory a record takes that a process keeps.

// What the parts of a record take in memory beside the bytes of names and values: a generous count,
// so that a bound on memory holds.
const (
	recordRoom    = 256
	attributeRoom = 96
)

// Room is about how many bytes of memory the record takes, once it is Compact.
func (r *Record) Room() int64 {
	if r == nil {
		return 0
	}
	n := recordRoom
	for i := range r.attrs {
		n += attributeRoom + len(r.attrs[i].name) + len(r.attrs[i].value)
	}
	return int64(n)
}

// Compact returns the record with values of its own: those of a record that was decoded share the
// bytes that came from the node.
func (r *Record) Compact() *Record {
	if r == nil || r.tombstone {
		return r
	}
	out := *r
	size := 0
	for i := range r.attrs {
		size += len(r.attrs[i].value)
	}
	room := make([]byte, 0, size)
	out.attrs = make([]attribute, len(r.attrs))
	for i, a := range r.attrs {
		if a.value != nil {
			n := len(room)
			room = append(room, a.value...)
			a.value = room[n:len(room):len(room)]
		}
		out.attrs[i] = a
	}
	return &out
}
