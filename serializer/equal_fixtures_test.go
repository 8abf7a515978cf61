package serializer

import (
	"bytes"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"math/big"
	"math/rand/v2"
)

type (
	// shuffled gobs a map, and so is encoded in another order each time.
	shuffled struct{ m map[string]decimal }

	// decimal behaves as shopspring's Decimal v1.4.0: its zero value is encoded in one form, and in
	// another once it has been decoded.
	decimal struct {
		value *big.Int
		exp   int32
	}

	// annotated is a map in random order, of decimals that remember what they were read from.
	annotated struct{ m map[string]noted }

	noted struct {
		decimal
		raw []byte
	}

	// handle is known by an ID to its Equal method, as entities are.
	handle struct {
		ID   int
		Name string
	}

	// salted is encoded with another salt each time, and keeps it.
	salted struct{ text, salt string }

	// loop is decoded into a list that ends in itself, or a very long one.
	loop struct{ next *loopLink }

	loopLink struct {
		n    int
		next *loopLink
	}

	// coin is encoded beside chance, as what encrypts itself is; it is comparable and comes back
	// equal.
	coin struct{ heads bool }

	// version.0, version.1 and version.2 stand for one type in three versions of a program.
	profileBefore struct{ Name string }
	profileAfter  struct{ Name, Mail string }
	profileWide   struct {
		Mail  string
		Name  string
		Extra []int
	}
)

func (s shuffled) GobEncode() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(s.m)
	return b.Bytes(), err
}

func (s *shuffled) GobDecode(b []byte) error { return gob.NewDecoder(bytes.NewReader(b)).Decode(&s.m) }

func (a annotated) GobEncode() ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(a.m)
	return b.Bytes(), err
}

func (a *annotated) GobDecode(b []byte) error { return gob.NewDecoder(bytes.NewReader(b)).Decode(&a.m) }

func (n noted) GobEncode() ([]byte, error) { return n.decimal.MarshalBinary() }
func (n *noted) GobDecode(b []byte) error {
	n.raw = bytes.Clone(b)
	return n.decimal.UnmarshalBinary(b)
}

func (d decimal) MarshalBinary() ([]byte, error) {
	value, err := d.value.GobEncode()
	return append(binary.BigEndian.AppendUint32(nil, uint32(d.exp)), value...), err
}

func (d *decimal) UnmarshalBinary(b []byte) error {
	if len(b) < 4 {
		return errors.New("too short")
	}
	d.exp, d.value = int32(binary.BigEndian.Uint32(b)), new(big.Int)
	return d.value.GobDecode(b[4:])
}

func (d decimal) GobEncode() ([]byte, error) { return d.MarshalBinary() }
func (d *decimal) GobDecode(b []byte) error  { return d.UnmarshalBinary(b) }
func (h handle) Equal(other handle) bool     { return h.ID == other.ID }
func (s salted) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint64([]byte(s.text), rand.Uint64()), nil
}

func (s *salted) UnmarshalBinary(b []byte) error {
	s.text, s.salt = string(b[:len(b)-8]), string(b[len(b)-8:])
	return nil
}

func (l loop) MarshalBinary() ([]byte, error) {
	return binary.BigEndian.AppendUint64([]byte{byte(l.next.n)}, rand.Uint64()), nil
}

func (l *loop) UnmarshalBinary(b []byte) error {
	l.next = &loopLink{n: int(b[0])}
	l.next.next = l.next
	if b[0] == 0xff {
		for range 2 * maxCompared {
			l.next = &loopLink{n: 0xff, next: l.next}
		}
	}
	return nil
}

func (c coin) MarshalBinary() ([]byte, error) {
	b := binary.BigEndian.AppendUint64([]byte{0}, rand.Uint64())
	if c.heads {
		b[0] = 1
	}
	return b, nil
}

func (c *coin) UnmarshalBinary(b []byte) error {
	c.heads = b[0] == 1
	return nil
}

func init() {
	for _, v := range []any{shuffled{}, annotated{}, decimal{}, handle{}, salted{}, loop{}, coin{}} {
		Register(v)
	}
	RegisterName("version.0", profileBefore{})
	RegisterName("version.1", profileAfter{})
	RegisterName("version.2", profileWide{})
}
