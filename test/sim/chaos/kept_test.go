package main

import (
	"bytes"
	"testing"

	"github.com/holdfast-go/holdfast/serializer"
)

// Else nothing would be tested: the store could tell by the bytes that a request left the
// value alone.
func TestABagEncodesToOtherBytesEachTime(t *testing.T) {
	register(false)
	first, err := serializer.Marshal(newBag("same"))
	if err != nil {
		t.Fatal(err)
	}
	for range 100 {
		again, err := serializer.Marshal(newBag("same"))
		if err != nil {
			t.Fatal(err)
		}
		v, err := serializer.Unmarshal(again)
		if text, ok := textOf(v); err != nil || !ok || text != "same" {
			t.Fatalf("a bag came back as %q, %v", text, err)
		}
		if !bytes.Equal(first, again) {
			return
		}
	}
	t.Error("a bag was written in the same bytes a hundred times")
}

func TestAFieldThatAProfileHasLostIsNoticed(t *testing.T) {
	for _, c := range []struct {
		value any
		text  string
		ok    bool
	}{
		{profile{"1", "1"}, "1", true},
		{profile{"1", ""}, "", false},
		{oldProfile{"1"}, "1", true},
	} {
		if text, ok := textOf(c.value); text != c.text || ok != c.ok {
			t.Errorf("%+v shows as %q, %v", c.value, text, ok)
		}
	}
}
