package serializer

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/internal/lineage"
)

// This file decides how an scs session becomes one run of bytes, and what happens to a value that
// can no longer be read.

// Codec encodes and decodes scs sessions. Set it as the Codec of an scs.SessionManager. The zero
// Codec is ready for use, and many goroutines may use one.
type Codec struct {
	// OnDecodeError decides what happens to a session value that cannot be read, for example
	// because its type was removed from the program. Decode calls it with the session key and the
	// error, on its own goroutine. If it returns nil, the session goes on without the value; if it
	// returns an error, Decode returns that.
	//
	// If the session as a whole cannot be read, perhaps because another codec wrote it, the key is
	// "". If OnDecodeError then returns nil, the session is empty and its deadline zero.
	//
	// If OnDecodeError is nil, Decode returns the error: every request of that user fails until the
	// session expires.
	OnDecodeError func(key string, err error) error
}

// Encode returns the container of a session: see [Split]. Equal sessions give equal bytes. If a
// value would not come back, the error names its session key and wraps an [*UnsupportedTypeError].
func (c Codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	out, e := newEncoder(), newEncoder()
	defer out.free()
	defer e.free()
	out.buf = append(out.buf, containerMagic, containerVersion)
	if err := e.value(deadline.UTC()); err != nil {
		return nil, fmt.Errorf("the session's deadline: %w", err)
	}
	out.buf = appendText(out.buf, e.buf)
	var few [16]string
	keys := few[:0]
	for key := range values {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		e.reset()
		if err := e.value(values[key]); err != nil {
			return nil, fmt.Errorf("session key %q: %w", key, err)
		}
		out.buf = appendText(out.buf, key)
		out.buf = appendText(out.buf, e.buf)
	}
	b := bytes.Clone(out.buf)
	lineage.Encoded(values, b)
	return b, nil
}

// Decode returns the deadline, in UTC, and the values of a session. Without an error the map is not
// nil. If a value cannot be read, the error names its session key and wraps the error of
// [Unmarshal]; if b is no container, it wraps [ErrCorrupt]. See OnDecodeError.
func (c Codec) Decode(b []byte) (deadline time.Time, values map[string]any, err error) {
	var few [16]item
	d := new(decoder)
	deadline, list, err := d.session(b, few[:0])
	if err != nil {
		if c.OnDecodeError == nil {
			return time.Time{}, nil, err
		}
		if err := c.OnDecodeError("", err); err != nil {
			return time.Time{}, nil, err
		}
		values = map[string]any{}
		lineage.Decoded(b, values)
		return time.Time{}, values, nil
	}
	values = make(map[string]any, len(list))
	keys := keysOf(list, "")
	for _, item := range list {
		key := keys[:len(item.key)]
		keys = keys[len(item.key):]
		v, err := d.value(item.value)
		if err == nil {
			values[key] = v
			continue
		}
		err = fmt.Errorf("session key %q: %w", key, err)
		if c.OnDecodeError != nil {
			err = c.OnDecodeError(key, err)
		}
		if err != nil {
			return time.Time{}, nil, err
		}
	}
	lineage.Decoded(b, values)
	return deadline, values, nil
}

// session returns the deadline, and list with the values, which are yet to be decoded.
func (d *decoder) session(b []byte, list []item) (time.Time, []item, error) {
	deadline, list, ok := cut(b, list)
	if !ok {
		return time.Time{}, nil, corrupt("not a session that this codec wrote")
	}
	v, err := d.value(deadline)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("the session's deadline: %w", err)
	}
	t, ok := v.(time.Time)
	if !ok {
		return time.Time{}, nil, corrupt("the session's deadline is not a time")
	}
	return t.UTC(), list, nil
}
