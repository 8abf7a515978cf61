package memcached

import (
	"bytes"
	"encoding/base64"
	"hash/maphash"
	"iter"
)

// This file decides how the keys of a server are kept: a million of them in 33 bytes each, not in
// the 100 and more of a slice of strings that are names of sessions.

// KeyList are keys of a server that have one prefix. It does not change any more; the zero value
// is empty.
type KeyList struct {
	prefix string
	count  int
	// blocks hold the keys without their prefix, one behind the other: a byte that says how long
	// it is, and then the key. One that is base64 of 32 bytes, as the name of a session, is kept
	// decoded, behind the byte isBase64. No key reaches over the end of a block.
	blocks [][]byte
}

const (
	keyBlock  = 64 << 10
	maxKey    = 250                // bytes of a key: memcached has none that are longer
	isBase64  = 255                // no length
	base64Of  = 32                 // bytes
	mostBlock = 1<<32/keyBlock - 1 // a position in the blocks has 32 bits
)

// strict has one encoding for each value, and refuses all others.
var strict = base64.RawURLEncoding.Strict()

// Len returns how many keys there are.
func (l *KeyList) Len() int { return l.count }

// All are the keys, each once, in no order.
func (l *KeyList) All() iter.Seq[string] {
	return func(yield func(string) bool) {
		name := []byte(l.prefix)
		for _, b := range l.blocks {
			for len(b) > 0 {
				kept := keptIn(b)
				b = b[len(kept):]
				if kept[0] == isBase64 {
					name = strict.AppendEncode(name[:len(l.prefix)], kept[1:])
				} else {
					name = append(name[:len(l.prefix)], kept[1:]...)
				}
				if !yield(string(name)) {
					return
				}
			}
		}
	}
}

// keptIn returns the first of what is kept in b, as it is kept.
func keptIn(b []byte) []byte {
	if b[0] == isBase64 {
		return b[:1+base64Of]
	}
	return b[:1+int(b[0])]
}

// bytes is the memory that the list takes.
func (l *KeyList) bytes() int { return len(l.blocks) * keyBlock }

// add adds what comes behind the prefix of a key. It returns false when the list is full.
func (l *KeyList) add(rest []byte) (at position, ok bool) {
	last := len(l.blocks) - 1
	if last < 0 || keyBlock-len(l.blocks[last]) < 1+len(rest) {
		if len(l.blocks) == mostBlock {
			return 0, false
		}
		l.blocks = append(l.blocks, make([]byte, 0, keyBlock))
		last++
	}
	b := l.blocks[last]
	at = position(last*keyBlock + len(b))
	l.blocks[last] = appendKept(b, rest)
	l.count++
	return at, true
}

// appendKept appends what comes behind the prefix of a key, as it is kept.
func appendKept(b, rest []byte) []byte {
	if len(rest) == strict.EncodedLen(base64Of) {
		if whole, err := strict.AppendDecode(append(b, isBase64), rest); err == nil {
			return whole
		}
	}
	return append(append(b, byte(len(rest))), rest...)
}

// position is where a key is kept.
type position uint32

func (l *KeyList) at(p position) []byte { return keptIn(l.blocks[p/keyBlock][p%keyBlock:]) }

// keySet is which keys a list has, while it is made of several that have keys in common. It takes
// some 8 bytes a key: only the positions, in a table with open addressing.
type keySet struct {
	list  *KeyList
	seed  maphash.Seed
	table []position // and one more; 0 is free. The length is a power of two.
	room  [1 + maxKey]byte
}

func newKeySet(l *KeyList) *keySet {
	return &keySet{list: l, seed: maphash.MakeSeed(), table: make([]position, 1<<10)}
}

// add adds what comes behind the prefix of a key to the list, unless it is there. It returns false
// when the list is full.
func (s *keySet) add(rest []byte) bool {
	kept := appendKept(s.room[:0], rest)
	place := s.find(kept)
	if s.table[place] != 0 {
		return true
	}
	at, ok := s.list.add(rest)
	if !ok {
		return false
	}
	s.table[place] = at + 1
	if s.list.count > len(s.table)/4*3 {
		s.grow()
	}
	return true
}

// find returns the place in the table where a key is, or where it belongs.
func (s *keySet) find(kept []byte) int {
	mask := len(s.table) - 1
	place := int(maphash.Bytes(s.seed, kept)) & mask
	for s.table[place] != 0 && !bytes.Equal(s.list.at(s.table[place]-1), kept) {
		place = (place + 1) & mask
	}
	return place
}

func (s *keySet) grow() {
	old := s.table
	s.table = make([]position, 2*len(old))
	for _, p := range old {
		if p != 0 {
			s.table[s.find(s.list.at(p-1))] = p
		}
	}
}
