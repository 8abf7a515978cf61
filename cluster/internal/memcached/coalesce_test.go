package memcached

import (
	"slices"
	"testing"
)

// There is one leader at a time, and whoever arrives is led by the present one, or leads next.
func TestThereIsOneLeaderAtATime(t *testing.T) {
	var c coalescer[string]
	if !c.join("a") {
		t.Fatal("the first does not lead")
	}
	if c.join("b") || c.join("c") || c.lead() {
		t.Fatal("there are two leaders")
	}
	two := func(waiting []string) int { return min(2, len(waiting)) }
	if going := c.take(nil, two); !slices.Equal(going, []string{"a", "b"}) || c.depth() != 1 {
		t.Errorf("%q go, %d wait", going, c.depth())
	}
	if next, ok := c.handOn(); !ok || next != "c" || c.depth() != 1 {
		t.Errorf("%q leads next, %v", next, ok)
	}
	if c.lead() {
		t.Error("the lead was handed on, and somebody else has it")
	}
	if going := c.take([]string{"x"}, everyone); !slices.Equal(going, []string{"x", "c"}) {
		t.Errorf("%q go", going)
	}
	if next, ok := c.handOn(); ok {
		t.Errorf("%q leads although nobody waits", next)
	}
	if !c.lead() || c.join("d") {
		t.Error("a lead without a command of its own is none")
	}
	if next, ok := c.handOn(); !ok || next != "d" {
		t.Errorf("%q leads next, %v", next, ok)
	}
}
