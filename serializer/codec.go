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

	// Former reads sessions that another codec wrote, so that nobody is locked out where this codec
	// is set while sessions exist: Former: scs.GobCodec{} for an app that has set no codec before.
	// The first save of such a session stores it anew, each value as an attribute of its own. Keep
	// gob.Register beside [Register] as long as Former is set. Drop both when a session's longest
	// lifetime has passed.
	//
	// If nil, sessions of other codecs are refused.
	Former FormerCodec

	// WriteFormer has Encode write with Former. It is for the first of two deploys: an instance that
	// has only the former codec cannot read what this codec writes. First every instance gets
	// Codec{Former: scs.GobCodec{}, WriteFormer: true}, which reads both; then Codec{Former:
	// scs.GobCodec{}}. Where all instances change at once, the second deploy alone does.
	//
	// Without Former it has no effect.
	WriteFormer bool
}

// Encode returns the container of a session, see [Split], or what Former writes, if WriteFormer is
// set. Equal sessions give equal containers. If a value would not come back, the error names its
// session key and wraps an [*UnsupportedTypeError].
func (c Codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	if c.WriteFormer && c.Former != nil {
		return c.Former.Encode(deadline, values)
	}
	out, e := newEncoder(), newEncoder()
	defer out.free()
	defer e.free()
	out.buf = append(out.buf, containerMagic, containerVersion)
	if err := e.deadline(deadline); err != nil {
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

// deadline writes what value writes for the time in UTC. It needs none of the bounds that value
// checks, and unlike value no copy of the time.
func (e *encoder) deadline(t time.Time) error {
	e.buf = append(e.buf, 0x92, tagTime)
	return e.time(t.UTC())
}

// Decode returns the deadline, in UTC, and the values of a session. Without an error the map is not
// nil. If a value cannot be read, the error names its session key and wraps the error of
// [Unmarshal]; if b is no container and Former is nil or cannot read it, it wraps [ErrCorrupt]. See
// OnDecodeError.
func (c Codec) Decode(b []byte) (deadline time.Time, values map[string]any, err error) {
	var few [16]item
	d := new(decoder)
	deadline, list, err := d.session(b, few[:0])
	if err != nil {
		if deadline, values, err = c.former(b, err); err == nil {
			return deadline, values, nil
		}
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
		if c.OnDecodeError != nil {
			err = c.OnDecodeError(key, fmt.Errorf("session key %q: %w", key, err))
		} else {
			err = fmt.Errorf("session key %q: %w (serializer.Codec.OnDecodeError can go on without the value)", key, err)
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
		if len(b) > 0 && b[0] == containerMagic {
			return time.Time{}, nil, corrupt("a damaged session, or one that a newer version of holdfast wrote; scsstore.Store.Accept or Codec.OnDecodeError gives its user a new one")
		}
		return time.Time{}, nil, corrupt(notOurs)
	}
	t, err := d.deadline(deadline)
	if err != nil {
		return time.Time{}, nil, fmt.Errorf("the session's deadline: %w", err)
	}
	return t.UTC(), list, nil
}

// deadline reads what encoder.deadline wrote, or a time in another zone.
func (d *decoder) deadline(b []byte) (time.Time, error) {
	if err := check(b); err != nil {
		return time.Time{}, err
	}
	if len(b) < 2 || b[0] != 0x92 || b[1] != tagTime {
		return time.Time{}, corrupt("not a time")
	}
	d.b, d.pos, d.budget = b, 2, countable(len(b))
	return d.time()
}
