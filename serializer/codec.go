// This file decides how an scs session becomes one run of bytes, and what happens to a value that can no longer be read.

package serializer

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Codec encodes and decodes scs sessions: set it as the Codec of an scs.SessionManager. The zero value is ready for use, and a
// Codec may be used by many goroutines.
type Codec struct {
	// OnDecodeError is the way out for a session value that cannot be read, for example because its type was removed from the
	// program: without it, every request of that user fails until the session expires. It is called with the session key and
	// the error, on the goroutine that decodes. If it returns nil, the session goes on without the value; else Decode returns
	// its error.
	//
	// If the session as a whole cannot be read, perhaps because another codec wrote it, it is called with the key "", and nil
	// gives an empty session with a zero deadline.
	//
	// If nil, the error is returned.
	OnDecodeError func(key string, err error) error
}

// Encode returns the container of a session: see [Split]. Equal sessions give equal bytes. The error names the session key,
// and wraps an [*UnsupportedTypeError], if a value would not come back.
func (c Codec) Encode(deadline time.Time, values map[string]any) ([]byte, error) {
	e := newEncoder()
	defer e.free()
	b := []byte{containerMagic, containerVersion}
	if err := e.value(deadline.UTC()); err != nil {
		return nil, fmt.Errorf("serializer: the session's deadline: %w", err)
	}
	b = appendText(b, DeadlineAttr)
	b = appendText(b, e.buf)
	for _, key := range slices.Sorted(maps.Keys(values)) {
		e.reset()
		if err := e.value(values[key]); err != nil {
			return nil, fmt.Errorf("serializer: session key %q: %w", key, err)
		}
		b = appendText(b, stringKey+key)
		b = appendText(b, e.buf)
	}
	return b, nil
}

// Decode returns the deadline, in UTC, and the values of a session; the map is never nil without an error. The error names the
// session key and wraps what [Unmarshal] returned, or is an [ErrCorrupt] about the bytes as a whole; see OnDecodeError.
func (c Codec) Decode(b []byte) (deadline time.Time, values map[string]any, err error) {
	values = map[string]any{}
	var raw []byte
	ok := eachAttr(b, func(name, value []byte) {
		if string(name) == DeadlineAttr {
			raw = value
			return
		}
		if err == nil {
			key := string(name[len(stringKey):])
			err = c.decodeValue(values, key, value)
		}
	})
	if err != nil {
		return time.Time{}, nil, err
	}
	if ok && raw != nil {
		if deadline, err = decodeDeadline(raw); err == nil {
			return deadline, values, nil
		}
	} else {
		err = corrupt("not a session that this codec wrote")
	}
	if c.OnDecodeError != nil {
		if err = c.OnDecodeError("", err); err == nil {
			return time.Time{}, map[string]any{}, nil
		}
	}
	return time.Time{}, nil, err
}

func (c Codec) decodeValue(values map[string]any, key string, b []byte) error {
	v, err := Unmarshal(b)
	if err == nil {
		values[key] = v
		return nil
	}
	err = fmt.Errorf("serializer: session key %q: %w", key, err)
	if c.OnDecodeError != nil {
		return c.OnDecodeError(key, err)
	}
	return err
}

func decodeDeadline(b []byte) (time.Time, error) {
	v, err := Unmarshal(b)
	if err != nil {
		return time.Time{}, fmt.Errorf("serializer: the session's deadline: %w", err)
	}
	t, ok := v.(time.Time)
	if !ok {
		return time.Time{}, corrupt("the session's deadline is not a time")
	}
	return t.UTC(), nil
}
