package cluster

import (
	"context"
	"testing"

	"github.com/holdfast-go/holdfast/testenv"
)

func TestANodeTellsHowFullItIs(t *testing.T) {
	for name, kind := range map[string]testenv.Option{"memcached": testenv.Real(), "embedded": testenv.Embedded()} {
		t.Run(name, func(t *testing.T) {
			env := testenv.Start(t, 2, kind, testenv.MemoryMB(8))
			nodes, err := ParseNodes(env.Nodes())
			if err != nil {
				t.Fatal(err)
			}
			c, err := New(Config{Nodes: nodes})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if err := c.WaitWhole(t.Context()); err != nil {
				t.Fatal(err)
			}
			rec := NewRecord("s")
			rec.Attrs["a"] = make([]byte, 5000)
			if err := c.Save(t.Context(), rec); err != nil {
				t.Fatal(err)
			}
			m, err := c.Memory(t.Context(), "n2")
			if err != nil || m.Items != 2 || m.Bytes < 5000 || m.Bytes > 8000 || m.MaxBytes != 8<<20 || m.Evictions != 0 {
				t.Errorf("%+v, %v: want a marker and a session of 5,000 bytes", m, err)
			}
			if _, err := c.Memory(t.Context(), "n3"); err == nil {
				t.Error("a node that is not on the list")
			}
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := c.Memory(ended, "n2"); !isErr(err, context.Canceled) {
				t.Errorf("a context that has ended: %v", err)
			}
			env.Node(1).Kill()
			if m, err := c.Memory(t.Context(), "n2"); err == nil {
				t.Errorf("a node that is gone: %+v", m)
			}
		})
	}
}
