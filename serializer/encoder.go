package serializer

import (
	"reflect"
	"sync"

	"github.com/vmihailenco/msgpack/v5"
)

// This file decides where the bytes of one value are collected, and how deep and large it may be.

// An encoder collects the bytes of one value. msgpack's Encoder writes the numbers, strings and
// lengths into it.
type encoder struct {
	mp     *msgpack.Encoder
	buf    []byte
	depth  int     // msgpack arrays and maps that are open
	shapes []shape // the struct shapes written so far, with their offsets in buf
	spent  int     // what a decoder will take from its budget
	key    bool    // a map key is being written: its bytes must not depend on what was written before

	back  reflect.Value // what the last map key came back as
	trial decoder       // and what read it
}

type shape struct {
	of *structPlan
	at int
}

var encoders = sync.Pool{New: func() any {
	e := &encoder{}
	e.mp = msgpack.NewEncoder(e)
	return e
}}

func newEncoder() *encoder {
	e := encoders.Get().(*encoder)
	e.reset()
	return e
}

func (e *encoder) reset() {
	e.buf, e.depth, e.shapes, e.spent, e.key = e.buf[:0], 0, e.shapes[:0], 0, false
}

// maxPooled keeps one huge session from pinning its buffer for good.
const maxPooled = 64 << 10

func (e *encoder) free() {
	e.back, e.trial = reflect.Value{}, decoder{} // an idle encoder keeps no user's key
	if cap(e.buf) <= maxPooled {
		encoders.Put(e)
	}
}

// Write never fails, so the results of msgpack's Encode calls carry no news.
func (e *encoder) Write(p []byte) (int, error) {
	e.buf = append(e.buf, p...)
	return len(p), nil
}

func (e *encoder) WriteByte(c byte) error {
	e.buf = append(e.buf, c)
	return nil
}

// enter opens n nested arrays or maps; leave closes them.
func (e *encoder) enter(n int, t reflect.Type) error {
	if e.depth+n > maxDepth {
		return unsupported(t, "it is a cycle, or nested deeper than this package keeps: keep ids in the place of pointers")
	}
	if len(e.buf) > maxSize {
		return unsupported(t, reasonTooLarge)
	}
	e.depth += n
	return nil
}

func (e *encoder) leave(n int) { e.depth -= n }
