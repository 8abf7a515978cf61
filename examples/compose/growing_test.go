package compose_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

var growing = flag.Bool("growing", false, "grow and shrink the cluster of growing.yml: two minutes")

// The cluster of growing.yml grows from three nodes to five and back while users are at it, and others are
// idle. Every page must know its user and the number of visits, of which none may be missing.
func TestAClusterGrowsAndShrinksUnderLoad(t *testing.T) {
	if !*growing {
		t.Skip("skipped: takes two minutes: make rollout, or -growing")
	}
	nodes := t.TempDir()
	if err := os.Chmod(nodes, 0o755); err != nil {
		t.Fatal(err)
	}
	s := prepared(t, "8080")
	s.file, s.project = "examples/compose/growing.yml", fmt.Sprintf("holdfast-growing-%d", os.Getpid())
	s.env = append(os.Environ(), "NODES="+nodes, "DISCOVER_EVERY=1s", "TRANSITION_FOR=10s")
	s.removeInTheEnd()
	list := func(n int) {
		t.Helper()
		cmd := exec.Command("sh", "list", s.project, fmt.Sprint(n))
		cmd.Env = s.env
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	scale := func(n int, services ...string) {
		s.compose(append([]string{"up", "-d", "--no-build", "--no-recreate", "--scale", fmt.Sprint("node=", n)}, services...)...)
	}
	scale(3, "node")
	list(3)
	scale(3)
	answers(t, page)
	newUser := func() *user {
		u := logIn(t, page)
		u.visit()
		return u
	}
	var busy, idle []*user
	for range 4 {
		busy = append(busy, newUser())
	}
	for range 30 {
		idle = append(idle, newUser())
	}
	stop := make(chan struct{})
	var working sync.WaitGroup
	for _, u := range busy {
		working.Go(func() {
			for {
				select {
				case <-stop:
					return
				case <-time.After(10 * time.Millisecond):
					if !u.sees() {
						return
					}
				}
			}
		})
	}
	changes := 0
	change := func(n int) {
		t.Helper()
		list(n)
		changes++
		for _, app := range []string{"app-1", "app-2"} {
			eventually(t, fmt.Sprintf("%s has done with %d nodes", app, n), func() bool {
				return strings.Count(s.compose("logs", app), "the list of nodes has changed") == changes
			})
		}
	}
	scale(5)
	change(5)
	change(3)
	scale(3)
	for _, u := range idle {
		u.visit()
	}
	close(stop)
	working.Wait()
	total := 0
	for _, u := range busy {
		u.visit()
		total += u.visits
	}
	t.Logf("%d visits of %d busy users", total, len(busy))
	if logs := s.compose("logs", "app-1", "app-2"); strings.Contains(logs, "panic") || !strings.Contains(logs, "node-5") {
		t.Error(logs)
	}
}
