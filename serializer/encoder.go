package serializer

import (
	"reflect"
	"sync"
	"time"

	"github.com/vmihailenco/msgpack/v5"
)

// This file decides how one value becomes bytes: which forms stand for themselves and which carry
// their type in front.

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

// string writes short texts itself: most are, and maps of struct keys are made of them.
func (e *encoder) string(s string) {
	if len(s) < 32 {
		e.buf = append(append(e.buf, 0xa0|byte(len(s))), s...)
		return
	}
	_ = e.mp.EncodeString(s)
}

// int and uint write small numbers themselves, for the same reason.
func (e *encoder) int(n int64) {
	if n >= 0 && n < 128 {
		e.buf = append(e.buf, byte(n))
		return
	}
	_ = e.mp.EncodeInt(n)
}

func (e *encoder) uint(n uint64) {
	if n < 128 {
		e.buf = append(e.buf, byte(n))
		return
	}
	_ = e.mp.EncodeUint(n)
}

func (e *encoder) nil()              { e.buf = append(e.buf, 0xc0) }
func (e *encoder) bytes(b []byte)    { _ = e.mp.EncodeBytes(b) }
func (e *encoder) bool(v bool)       { _ = e.mp.EncodeBool(v) }
func (e *encoder) arrayLen(n int)    { _ = e.mp.EncodeArrayLen(n) }
func (e *encoder) mapLen(n int)      { _ = e.mp.EncodeMapLen(n) }
func (e *encoder) raw(b []byte)      { e.buf = append(e.buf, b...) }
func (e *encoder) float64(f float64) { _ = e.mp.EncodeFloat64(e.canonical(f)) }
func (e *encoder) float32(f float32) { _ = e.mp.EncodeFloat32(float32(e.canonical(float64(f)))) }

// canonical makes the two zeros one in a map key, where Go counts them as the same key.
func (e *encoder) canonical(f float64) float64 {
	if e.key && f == 0 {
		return 0
	}
	return f
}

// enter opens n nested arrays or maps; leave closes them.
func (e *encoder) enter(n int, t reflect.Type) error {
	if e.depth+n > maxDepth {
		return unsupported(t, "it is a cycle, or nested deeper than this package keeps")
	}
	if len(e.buf) > maxSize {
		return unsupported(t, "the value is too large")
	}
	e.depth += n
	return nil
}

func (e *encoder) leave(n int) { e.depth -= n }

// any writes a value so that its Go type can be told from the bytes. nil, bool, int, float32,
// float64, string and []byte are msgpack's own forms; everything else is a pair of descriptor and
// body.
func (e *encoder) any(v any) error {
	e.spend(1, boxMemory)
	switch v := v.(type) {
	case nil:
		e.nil()
	case string:
		e.string(v)
	case int:
		e.int(int64(v))
	case bool:
		e.bool(v)
	case float64:
		e.float64(v)
	case float32:
		e.float32(v)
	case []byte:
		if v == nil {
			return e.reflected(v)
		}
		e.bytes(v)
	default:
		return e.tagged(v)
	}
	return nil
}

// tagged writes the most common of the remaining types without looking at them through reflection.
func (e *encoder) tagged(v any) error {
	var tag byte
	switch v.(type) {
	case int64:
		tag = tagInt64
	case uint64:
		tag = tagUint64
	case time.Duration:
		tag = tagDuration
	case time.Time:
		tag = tagTime
	case []any:
		tag = tagAnys
	case map[string]any:
		tag = tagStringMap
	case []string:
		tag = tagStrings
	case []int:
		tag = tagInts
	default:
		return e.reflected(v)
	}
	if err := e.enter(1, builtins[tag]); err != nil {
		return err
	}
	e.buf = append(e.buf, 0x92, tag)
	var err error
	switch v := v.(type) {
	case int64:
		e.int(v)
	case uint64:
		e.uint(v)
	case time.Duration:
		e.int(int64(v))
	case time.Time:
		err = e.time(v)
	case []any:
		err = e.anys(v)
	case map[string]any:
		err = e.stringMap(v)
	case []string:
		err = e.strings(v)
	case []int:
		err = e.ints(v)
	}
	e.leave(1)
	return err
}

// reflected writes a value of any other type.
func (e *encoder) reflected(v any) error {
	t := reflect.TypeOf(v)
	d, err := describe(t)
	if err != nil {
		return err
	}
	if err := e.enter(1+d.depth, t); err != nil {
		return err
	}
	e.buf = append(e.buf, 0x92)
	e.raw(d.bytes)
	e.leave(d.depth)
	e.spend(1, boxed(t))
	err = d.plan.enc(e, reflect.ValueOf(v))
	e.leave(1)
	return err
}

func (e *encoder) anys(v []any) error {
	if v == nil {
		e.nil()
		return nil
	}
	if err := e.enter(1, builtins[tagAnys]); err != nil {
		return err
	}
	e.spend(len(v), anySize)
	e.arrayLen(len(v))
	for i, item := range v {
		if err := e.any(item); err != nil {
			return under(err, index(i))
		}
	}
	e.leave(1)
	return nil
}

func (e *encoder) strings(v []string) error {
	if v == nil {
		e.nil()
		return nil
	}
	if err := e.enter(1, builtins[tagStrings]); err != nil {
		return err
	}
	e.spend(len(v), stringSize)
	e.arrayLen(len(v))
	for _, s := range v {
		e.string(s)
	}
	e.leave(1)
	return nil
}

func (e *encoder) ints(v []int) error {
	if v == nil {
		e.nil()
		return nil
	}
	if err := e.enter(1, builtins[tagInts]); err != nil {
		return err
	}
	e.spend(len(v), intSize)
	e.arrayLen(len(v))
	for _, n := range v {
		e.int(int64(n))
	}
	e.leave(1)
	return nil
}

func (e *encoder) stringMap(v map[string]any) error {
	if v == nil {
		e.nil()
		return nil
	}
	if err := e.enter(1, builtins[tagStringMap]); err != nil {
		return err
	}
	var few [16]string
	keys := few[:0]
	for k := range v {
		keys = append(keys, k)
	}
	sortAsEncoded(keys)
	e.spent += stringMapLayout.memory(len(keys))
	e.mapLen(len(keys))
	for _, k := range keys {
		e.string(k)
		if err := e.any(v[k]); err != nil {
			return under(err, entry)
		}
	}
	e.leave(1)
	return nil
}
