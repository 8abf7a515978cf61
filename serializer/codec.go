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

// Codec encodes and decodes scs sessions: set it as the Codec of an scs.SessionManager. The zero
// value is ready for use, and a Codec may be used by many goroutines.
type Codec struct {
	// OnDecodeError is the way out for a session value that cannot be read, for example because its
	// type was removed from the program: without it, every request of that user fails until the
	// session expires. It is called with the session key and the error, on the goroutine that
	// decodes. If it returns nil, the session goes on without the value; else Decode returns its
	// error.
	//
	// If the session as a whole cannot be read, perhaps because another codec wrote it, it is
	// called with the key "", and nil gives an empty session with a zero deadline.
	//
	// If nil, the error is returned.
	OnDecodeError func(key string, err error) error
}

// Encode returns the container of a session: see [Split]. Equal sessions give equal bytes. The
// error names the session key, and wraps an [*UnsupportedTypeError], if a value would not come
// back.
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

// Decode returns the deadline, in UTC, and the values of a session; the map is never nil without an
// error. The error names the session key and wraps what [Unmarshal] returned, or is an [ErrCorrupt]
// about the bytes as a whole; see OnDecodeError.
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
