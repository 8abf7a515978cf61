package cluster

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
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

func journalOf(b *syncBuffer) *journal {
	return &journal{to: slog.New(slog.NewTextHandler(b, nil))}
}

// A thousand lines in a fifth of a second are two: the first at once, the last when the
// second is over, with the number of those that neither shows.
func TestOneLineASecondOfEachKindAndNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		j := journalOf(&b)
		n1, n2 := &node{Node: Node{ID: "n1"}}, &node{Node: Node{ID: "n2"}}
		for i := range 1000 {
			j.warn(n1, "it is ill", "how", fmt.Sprint("case", i))
			time.Sleep(200 * time.Microsecond)
		}
		j.warn(n2, "it is ill")
		j.warn(n1, "it is slow")
		if got := linesIn(&b, ""); len(got) != 4 { // the last is empty
			t.Errorf("want one line for each kind and node at once: %q", got)
		}
		time.Sleep(2 * linesEvery)
		of := linesIn(&b, "it is ill\" node=n1")
		if len(of) != 2 || !strings.Contains(of[0], "how=case0") || strings.Contains(of[0], "omitted") ||
			!strings.Contains(of[1], "how=case999") || !strings.Contains(of[1], "omitted=998") {
			t.Errorf("want the first line, and the last with what it stands for: %q", of)
		}
		j.warn(n1, "it is ill")
		if of := linesIn(&b, "it is ill\" node=n1"); len(of) != 3 || strings.Contains(of[2], "omitted") {
			t.Errorf("a line after a quiet time waits, or counts others: %q", of)
		}
		j.close()
	})
}

// What goes on for a minute costs a line a second, and every one of them is counted.
func TestALongFloodIsCountedToTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		j := journalOf(&b)
		for range 6000 {
			j.warn(nil, "flood")
			time.Sleep(10 * time.Millisecond)
		}
		j.close()
		got, omitted := linesIn(&b, "flood"), 0
		for _, l := range got {
			var n int
			if _, after, has := strings.Cut(l, "omitted="); has {
				if _, err := fmt.Sscan(after, &n); err != nil {
					t.Fatal(err)
				}
			}
			omitted += n
		}
		if len(got) < 55 || len(got) > 62 || len(got)+omitted != 6000 {
			t.Errorf("%d lines, which stand for %d others, of 6000", len(got), omitted)
		}
	})
}

// Close writes what waits, and nothing is written after it.
func TestNoLineIsLostAtTheEndNorComesAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		j := journalOf(&b)
		for range 3 {
			j.warn(nil, "last words")
		}
		j.close()
		want := b.String()
		if len(linesIn(&b, "last words")) != 2 || !strings.Contains(want, "omitted=1") {
			t.Errorf("logged %q", want)
		}
		j.warn(nil, "last words")
		time.Sleep(2 * linesEvery)
		if b.String() != want {
			t.Errorf("logged after the end: %q", b.String())
		}
	})
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
