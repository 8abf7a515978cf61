package scsstore

// These tests show how the bytes of a codec are stored, and that they come back
// as they were.

import (
	"bytes"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/serializer"
)

func encode(t *testing.T, codec scs.Codec, values map[string]any) []byte {
	t.Helper()
	b, err := codec.Encode(time.Unix(1_900_000_000, 0).UTC(), values)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestPayloadComesBackAsItWas(t *testing.T) {
	for _, tc := range []struct {
		name  string
		b     []byte
		whole bool
	}{
		{"values of our codec are cut apart", encode(t, serializer.Codec{}, map[string]any{"a": 1, "b": "x"}), false},
		{"an empty session of our codec", encode(t, serializer.Codec{}, map[string]any{}), false},
		{"values named like a whole payload", encode(t, serializer.Codec{}, map[string]any{wholeName: 1, wholeName[1:]: "x"}), false},
		{"gob stays whole", encode(t, scs.GobCodec{}, map[string]any{"a": 1}), true},
		{"any bytes stay whole", []byte("encoded_data"), true},
		{"no bytes at all", []byte{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			attrs := fromPayload(tc.b)
			if _, whole := attrs[wholeName]; whole != tc.whole {
				t.Errorf("stored whole: %v, want %v", whole, tc.whole)
			}
			if got := toPayload(attrs); !bytes.Equal(got, tc.b) {
				t.Errorf("came back as %q, went in as %q", got, tc.b)
			}
		})
	}
}

func TestWholePayloadStandsBeforeLeftovers(t *testing.T) {
	attrs := fromPayload(encode(t, serializer.Codec{}, map[string]any{"a": 1}))
	attrs[wholeName] = []byte("whole")
	if got := toPayload(attrs); string(got) != "whole" {
		t.Fatalf("got %q", got)
	}
}
