package main

import (
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how serializer is measured against encoding/gob: a typical
// session, as the codec of an scs.SessionManager turns it into bytes and back.

var codecs = []struct {
	name  string
	codec scs.Codec
}{{"encoding/gob", scs.GobCodec{}}, {"serializer", serializer.Codec{}}}

func encodeOnly(*rig, cell) ([]*contender, error) {
	var all []*contender
	values, deadline := typical(), time.Now().Add(lifetime)
	for _, k := range codecs {
		b, err := k.codec.Encode(deadline, values)
		if err != nil {
			return nil, err
		}
		all = append(all, &contender{name: k.name, size: len(b), op: func(int, int) error {
			_, err := k.codec.Encode(deadline, values)
			return err
		}})
	}
	return all, nil
}

func decodeOnly(*rig, cell) ([]*contender, error) {
	var all []*contender
	values, deadline := typical(), time.Now().Add(lifetime)
	for _, k := range codecs {
		b, err := k.codec.Encode(deadline, values)
		if err != nil {
			return nil, err
		}
		all = append(all, &contender{name: k.name, size: len(b), op: func(int, int) error {
			_, _, err := k.codec.Decode(b)
			return err
		}})
	}
	return all, nil
}
