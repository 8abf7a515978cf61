package serializer

import (
	"reflect"
	"time"
)

// This file decides how one value becomes bytes: which forms stand for themselves and which carry
// their type in front.

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
