package serializer

import (
	"time"

	"github.com/holdfast-go/holdfast/internal/lineage"
)

// This file decides how an app changes from another codec to Codec while its users stay logged in.

// FormerCodec is a codec that an app used before [Codec], such as scs.GobCodec{}. Every codec of scs
// is one.
type FormerCodec interface {
	Encode(deadline time.Time, values map[string]any) ([]byte, error)
	Decode(b []byte) (deadline time.Time, values map[string]any, err error)
}

const notOurs = "not a session that serializer.Codec wrote: if another codec did, set Codec.Former to it (scs.GobCodec{} where none was set), " +
	"or set scsstore.Store.Accept to give these users new sessions"

const notFormersEither = "neither serializer.Codec nor Codec.Former reads this session: if a third codec wrote it, set scsstore.Store.Accept; " +
	"if its types are no longer registered, register them, with gob.Register for scs.GobCodec"

// former decodes with the former codec what is not a container. Its values are on the line of b.
func (c Codec) former(b []byte, refused error) (deadline time.Time, values map[string]any, err error) {
	if c.Former == nil || len(b) > 0 && b[0] == containerMagic {
		return time.Time{}, nil, refused
	}
	deadline, values, err = c.Former.Decode(b)
	if err != nil {
		// Not printed: what a type's own decoder says may quote a value.
		return time.Time{}, nil, &corruptError{what: notFormersEither, cause: err}
	}
	if values == nil {
		values = map[string]any{}
	}
	lineage.Decoded(b, values)
	return deadline, values, nil
}
