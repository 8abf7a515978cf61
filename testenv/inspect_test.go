package testenv_test

import (
	"bytes"
	"reflect"
	"strconv"
	"testing"

	"github.com/holdfast-go/holdfast/testenv"
)

func TestLookingIntoANode(t *testing.T) {
	look := func(t *testing.T, env *testenv.Env) {
		n := env.Node(0)
		if _, ok := n.Get("k"); ok {
			t.Fatal("a new node holds k")
		}
		odd := "a%/b?=é" // a dump escapes what is special in it
		values := map[string][]byte{
			"k": []byte("line\r\nEND\r\nline"),
			odd: {0, 255, '\n'},
			"e": {},
		}
		for key, value := range values {
			n.Set(key, value)
		}
		for key, value := range values {
			if got, ok := n.Get(key); !ok || !bytes.Equal(got, value) {
				t.Errorf("Get(%q) = %q, %v", key, got, ok)
			}
		}
		// Again and again, because a memcached's crawler skips what is still in use.
		for range 10 {
			if got := n.Dump(); !reflect.DeepEqual(got, values) {
				t.Errorf("Dump() = %q, want %q", got, values)
			}
			if got, want := n.Keys(), []string{odd, "e", "k"}; !reflect.DeepEqual(got, want) {
				t.Errorf("Keys() = %q, want %q", got, want)
			}
		}
		if got := n.Stats()["curr_items"]; got != strconv.Itoa(len(values)) {
			t.Errorf("curr_items = %q", got)
		}
		if !n.Delete("k") || n.Delete("k") {
			t.Error("Delete is true once, for what is there")
		}
		n.Flush()
		if got := n.Keys(); len(got) != 0 {
			t.Errorf("Keys() after Flush: %q", got)
		}
		if got := env.Node(1).Keys(); len(got) != 0 {
			t.Errorf("the other node holds %q", got)
		}
	}
	everyKind(t, look)
	t.Run("in memory", func(t *testing.T) { look(t, testenv.Start(t, 2, testenv.InMemory())) })
}
