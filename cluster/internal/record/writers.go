package record

import "slices"

// This file decides the place of each writer in a record's table.

// fewWriters is how many writers of a table are searched for one by one. A session is saved by
// the processes of one app: they are few, and such a search needs no memory. But a record may name
// a writer of its own for each attribute, and then the search alone would make each save of that
// session quadratic.
const fewWriters = 16

// writerTable lists the writers of a record in the order in which it names them.
type writerTable struct {
	few  [fewWriters]uint64
	size int
	rest []uint64       // those behind the few; nil where there are none
	at   map[uint64]int // the place of each of the rest
}

// place returns the writer's place, and adds a writer that is new.
func (t *writerTable) place(w uint64) int {
	if i := slices.Index(t.few[:min(t.size, fewWriters)], w); i >= 0 {
		return i
	}
	if i, known := t.at[w]; known {
		return i
	}
	i := t.size
	t.size++
	if i < fewWriters {
		t.few[i] = w
		return i
	}
	if t.at == nil {
		t.at = map[uint64]int{}
	}
	t.rest, t.at[w] = append(t.rest, w), i
	return i
}

// writer returns the writer at that place.
func (t *writerTable) writer(i int) uint64 {
	if i < fewWriters {
		return t.few[i]
	}
	return t.rest[i-fewWriters]
}
