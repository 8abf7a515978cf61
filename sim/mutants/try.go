package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// This file decides which tests a mutant has to get past, and what became of it.

// verdict is what became of a mutant.
type verdict struct {
	state string
	stage string // that caught it
	by    string
	took  time.Duration
}

// What can become of a mutant.
const (
	caught   = "caught"
	survived = "SURVIVED"
	broken   = "BROKEN"
)

// stage is one set of tests.
type stage struct {
	name string
	dir  string                // of the module
	args func(r rule) []string // of go test; none: the stage says nothing of that rule
	most time.Duration         // a mutant that hangs is caught then
}

// stages are in the order of what they cost.
var stages = []stage{
	{"packages", ".", packages, 3 * time.Minute},
	{"stories", "sim", simulation("-skip", "TestSimulation$", "."), time.Minute},
	{"interleavings", "sim", simulation("./explore"), 5 * time.Minute},
	{"seeds", "sim", simulation("-run", "TestSimulation$", ".", "-seeds"), 10 * time.Minute},
}

func stageNamed(name string) (stage, bool) {
	for _, s := range stages {
		if s.name == name {
			return s, true
		}
	}
	return stage{}, false
}

// packages are those that the rule is in; of no rule, all that have one.
func packages(r rule) (dirs []string) {
	if len(r.edits) == 0 {
		for _, o := range rules {
			r.edits = append(r.edits, o.edits...)
		}
	}
	seen := map[string]bool{}
	for _, e := range r.edits {
		dir, _, _ := strings.Cut(e.file, "/")
		if !seen[dir] {
			seen[dir] = true
			dirs = append(dirs, "./"+dir)
		}
	}
	return dirs
}

// simulation knows nothing of the drivers.
func simulation(args ...string) func(r rule) []string {
	return func(r rule) []string {
		inCluster := len(r.edits) == 0
		for _, e := range r.edits {
			inCluster = inCluster || strings.HasPrefix(e.file, "cluster/")
		}
		if !inCluster {
			return nil
		}
		if args[len(args)-1] == "-seeds" {
			return append(args[:len(args):len(args)], fmt.Sprint(*seeds))
		}
		return args
	}
}

// fits reports whether each text stands in its file exactly once.
func (r rule) fits(root string) error {
	for _, e := range r.edits {
		b, err := os.ReadFile(filepath.Join(root, e.file))
		if err != nil {
			return err
		}
		if n := strings.Count(string(b), e.old); n != 1 {
			return fmt.Errorf("%s holds its text %d times, not once: %.60q", e.file, n, e.old)
		}
	}
	return nil
}

// try applies the mutant to the tree, runs the tests, and takes it back.
func try(tree string, r rule) (v verdict) {
	began := time.Now()
	defer func() { v.took = time.Since(began) }()
	for _, e := range r.edits {
		path := filepath.Join(tree, e.file)
		was, err := os.ReadFile(path)
		if err != nil {
			return verdict{state: broken, by: err.Error()}
		}
		defer func() {
			if err := os.WriteFile(path, was, 0o644); err != nil {
				fatal("%v", err)
			}
		}()
		mutated := strings.Replace(string(was), e.old, e.new, 1)
		if err := os.WriteFile(path, []byte(mutated), 0o644); err != nil {
			return verdict{state: broken, by: err.Error()}
		}
	}
	for _, name := range strings.Split(*stagesFlag, ",") {
		s, _ := stageNamed(name)
		args := s.args(r)
		if args == nil {
			continue
		}
		args = append([]string{"test", "-count=1", "-vet=off", "-failfast", "-timeout", s.most.String()}, args...)
		out, err := command(filepath.Join(tree, s.dir), s.most+time.Minute, "go", args...)
		switch {
		case err == nil:
		case strings.Contains(out, "[build failed]") || strings.Contains(out, "[setup failed]"):
			return verdict{state: broken, by: "does not compile: " + firstLine(out)}
		default:
			return verdict{state: caught, stage: s.name, by: failing(out)}
		}
	}
	return verdict{state: survived, by: "every test passed"}
}

func command(dir string, most time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.WaitDelay = 5 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

var (
	failed  = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)
	promise = regexp.MustCompile(`(?m)^\s*(stale|lost|resurrected|false no-session|foreign|overdue|error|not linearizable|undecided|diverged): `)
)

// failing names the tests that caught the mutant, and the promises that it broke.
func failing(out string) string {
	var names []string
	seen := map[string]bool{}
	for _, re := range []*regexp.Regexp{failed, promise} {
		for _, m := range re.FindAllStringSubmatch(out, -1) {
			if name, _, _ := strings.Cut(m[1], "/"); !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	switch {
	case len(names) > 5:
		names = append(names[:5], fmt.Sprintf("and %d more", len(names)-5))
	case len(names) == 0 && strings.Contains(out, "test timed out"):
		return "a test that never ends"
	case len(names) == 0:
		return firstLine(out)
	}
	return strings.Join(names, ", ")
}

func firstLine(out string) string {
	for _, line := range strings.Split(out, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "ok") {
			return line
		}
	}
	return "no output"
}
