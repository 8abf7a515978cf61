// This file decides how much memory bytes may ask for. Encoder and decoder count the same way, so that what is written can be
// read.

package serializer

// Memory for slices, maps and pointees is bounded by budgetBase + budgetFactor × the length of the bytes. Small maps come near
// it; lists of structs that are large in memory and small in bytes would pass it, and the encoder refuses them. Only what depends
// on a Go type is counted: in []any, []string, []int and map[string]any every byte takes less than budgetFactor.
const (
	budgetBase   = 4 << 10
	budgetFactor = 128
)

func budget(length int) int { return budgetBase + budgetFactor*length }

// spend takes n × size bytes from the budget.
func (d *decoder) spend(n int, size uintptr) error {
	if n > 0 && uint64(size) > uint64(d.budget)/uint64(n) {
		return corrupt("needs far more memory than it has bytes")
	}
	d.budget -= n * int(size)
	return nil
}

// spend counts what decoder.spend will take.
func (e *encoder) spend(n int, size uintptr) { e.spent += n * int(size) }

// mapMemory is about what a map of n entries takes: room for eight of them, or for up to two and a half times n, with keys and
// elements of more than 128 bytes on their own.
func mapMemory(n int, key, elem uintptr) uintptr {
	slots := uintptr(n) * 5 / 2
	switch {
	case n == 0:
		slots = 0
	case n <= 8:
		slots = 8
	}
	size := uintptr(64)
	for _, part := range [...]uintptr{key, elem} {
		if part > 128 {
			size += uintptr(n) * part
			part = 8
		}
		size += slots * part
	}
	return size + slots
}
