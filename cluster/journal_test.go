package cluster

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// linesIn returns the lines with the text, of what was logged.
func linesIn(logs fmt.Stringer, text string) (found []string) {
	for _, l := range strings.Split(logs.String(), "\n") {
		if strings.Contains(l, text) {
			found = append(found, l)
		}
	}
	return found
}

// An operator reads at the start what else would fail without a word: an unset variable
// that leaves records plain or connections open, or a list that lacks a node.
func TestTheStartIsLogged(t *testing.T) {
	ca, _, _ := certificate(t)
	for _, c := range []struct {
		why   string
		pairs []string
		want  string
	}{
		{"plain", nil, "copies=2 sealed=false tls=false"},
		{"sealed", []string{"MEMCACHED_SEAL_KEYS", goodKey(1)}, "copies=2 sealed=true tls=false"},
		{"behind TLS, with a password", []string{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", ca, "MEMCACHED_USERNAME", "u" + planted, "MEMCACHED_PASSWORD", planted}, "copies=2 sealed=false tls=true"},
	} {
		cfg, err := ConfigFromEnv(env(c.pairs...))
		if err != nil {
			t.Fatal(err)
		}
		var b syncBuffer
		cfg.Logger = slog.New(slog.NewTextHandler(&b, nil))
		cl, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		cl.Close()
		got := linesIn(&b, "cluster: started")
		if len(got) != 1 || !strings.Contains(got[0], c.want) || !strings.Contains(got[0], "n1 (127.0.0.1:1) n2 (127.0.0.1:2)") || !strings.Contains(got[0], "level=INFO") {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
		if strings.Contains(b.String(), planted) || strings.Contains(b.String(), goodKey(1)) {
			t.Errorf("%s: a secret is logged: %s", c.why, &b)
		}
	}
}

// A node that lies about repairs shows the same damaged copy at every load.
func TestDamagedCopiesFillNoDisk(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		bad := w.preference("s")[0]
		w.onCommand(func(cmd sentCommand) {
			if cmd.verb == "gets" && w.env.Node(cmd.node) == bad {
				bad.Set(record.KeyOf("s").Name(""), []byte("no record"))
			}
		})
		const loads = 500
		for range loads {
			w.sees(c, "s", "a=1")
			time.Sleep(10 * time.Millisecond)
		}
		got := linesIn(w.logs, "copy is unusable")
		if len(got) < 4 || len(got) > 7 || c.Stats().Damaged < loads {
			t.Errorf("%d lines of %d damaged copies in five seconds", len(got), c.Stats().Damaged)
		}
	})
}
