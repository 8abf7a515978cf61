package record

import "testing"

// This file tests the names under which records lie on the nodes.

// Instances of different versions share nodes: they must agree under which key a session lies.
func TestGoldenKey(t *testing.T) {
	const want = "app:OytV65LeI1NQELesgNVT7C1LrocqxWBrwwQs6TE9_4c"
	if got := KeyOf("session0").Name("app:"); got != want {
		t.Errorf("key %q, want %q", got, want)
	}
}

func TestANodesKeyHidesTheSessionID(t *testing.T) {
	id := "the-session-id"
	key := KeyOf(id).Name("p:")
	if len(key) != 2+43 || key[:2] != "p:" {
		t.Errorf("key %q", key)
	}
	for _, r := range key {
		if r <= ' ' || r > '~' {
			t.Errorf("key %q has a character that memcached refuses", key)
		}
	}
	if KeyOf(id).Name("p:") != key || KeyOf(id+" ").Name("p:") == key {
		t.Error("one id, one key")
	}
}
