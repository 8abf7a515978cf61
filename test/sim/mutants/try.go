package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file decides what became of a mutant.

// verdict is what became of a mutant.
type verdict struct {
	state string
	by    catch
	why   string // for people
	took  time.Duration
}

// catch is the tests that fail without the rule and pass with it.
type catch struct {
	stage string
	dir   string // of the package, from the root of the repository
	tests []string
}

// What can become of a mutant.
const (
	caught   = "caught"
	survived = "SURVIVED"
	broken   = "BROKEN"   // it does not fit the code, or does not compile
	unproved = "UNPROVED" // a test fails, but it does so without the mutant, too
)

// runner tries mutants in one tree of its own.
type runner struct {
	tree     string
	code     *code // of the tree, without a mutant
	controls *controls
}

// bench is the test programs of one mutant, each built once.
type bench struct {
	tree  string
	built map[string]string // by folder of the package
}

// built is one test program: what does not compile is no mutant but an error.
func (b *bench) program(dir string) (string, error) {
	if p := b.built[dir]; p != "" {
		return p, nil
	}
	p := filepath.Join(b.tree, ".tests", strings.ReplaceAll(dir, "/", "-")+".test")
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		return "", err
	}
	out, err := command(filepath.Join(b.tree, dir), buildsWithin, "go", "test", "-c", "-vet=off", "-o", p, ".")
	if err != nil {
		return "", fmt.Errorf("does not compile: %s", firstLine(out))
	}
	b.built[dir] = p
	return p, nil
}

const buildsWithin = 5 * time.Minute

// run runs tests of a stage and returns the output and whether they passed.
func (b *bench) run(s *stage, dir string, most time.Duration, args ...string) (out string, passed bool, err error) {
	p, err := b.program(dir)
	if err != nil {
		return "", false, err
	}
	args = append([]string{"-test.v", "-test.failfast", "-test.timeout", most.String()}, args...)
	out, err = command(filepath.Join(b.tree, dir), most+time.Minute, p, append(args, s.args()...)...)
	return out, err == nil, nil
}

// only has only these tests run.
func only(tests []string) string { return "-test.run=^(" + strings.Join(tests, "|") + ")$" }

// controls are the tests that were seen to pass without a mutant.
type controls struct {
	mu    sync.Mutex // guards below
	bench *bench
	seen  map[string]bool
}

// pass reports whether the tests pass on the code as it is.
func (c *controls) pass(s *stage, dir string, tests []string) (bool, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var news []string
	for _, t := range tests {
		switch passed, known := c.seen[dir+" "+t]; {
		case known && !passed:
			return false, nil
		case !known:
			news = append(news, t)
		}
	}
	if len(news) == 0 {
		return true, nil
	}
	_, passed, err := c.bench.run(s, dir, s.few, only(news))
	for _, t := range news {
		c.seen[dir+" "+t] = passed
	}
	return passed, err
}

// try applies the mutant to the tree, runs tests until some fail that pass without it,
// and takes it back. Likely is what caught it the last time, which goes first.
func (r *runner) try(m rule, likely catch) (v verdict) {
	began := time.Now()
	defer func() { v.took = time.Since(began) }()
	files, err := r.code.mutated(m)
	if err != nil {
		return verdict{state: broken, why: err.Error()}
	}
	for file, mutated := range files {
		path := filepath.Join(r.tree, file)
		defer func() {
			if err := os.WriteFile(path, r.code.files[file], 0o644); err != nil {
				fatal("%v", err)
			}
		}()
		if err := os.WriteFile(path, mutated, 0o644); err != nil {
			return verdict{state: broken, why: err.Error()}
		}
	}
	b := &bench{tree: r.tree, built: map[string]string{}}
	if s := stageNamed(likely.stage); s != nil && wantedStage(s.name) && r.tests(likely.dir) {
		if v, done := r.decide(b, s, likely.dir, s.few, only(likely.tests)); done {
			return v
		}
	}
	for i := range stages {
		s := &stages[i]
		for _, dir := range s.dirs(packages(files)) {
			if !wantedStage(s.name) || !r.tests(dir) {
				continue
			}
			if v, done := r.decide(b, s, dir, s.most, s.all...); done {
				return v
			}
		}
	}
	return verdict{state: survived, why: "every test passed"}
}

// tests reports whether the folder has any: code may have moved there without them, and
// tests that are noted may have moved away.
func (r *runner) tests(dir string) bool {
	files, err := filepath.Glob(filepath.Join(r.tree, dir, "*_test.go"))
	return err == nil && len(files) > 0
}

// decide runs tests of a package and believes a failure when the same tests fail again,
// alone, and pass without the mutant. A failure that does not come again was the
// machine's, and the other tests are asked.
func (r *runner) decide(b *bench, s *stage, dir string, most time.Duration, args ...string) (v verdict, done bool) {
	var moody []string
	for range 3 {
		all := args
		if len(moody) > 0 {
			all = append(slices.Clone(args), "-test.skip=^("+strings.Join(append(moody, s.never...), "|")+")$")
		}
		out, passed, err := b.run(s, dir, most, all...)
		if err != nil {
			return verdict{state: broken, why: err.Error()}, true
		}
		if passed {
			return verdict{}, false
		}
		tests := failing(out)
		if len(tests) == 0 {
			return verdict{state: unproved, why: dir + " fails, but no test of it: " + firstLine(out)}, true
		}
		again := false
		for range 2 {
			if _, passed, _ := b.run(s, dir, s.few, only(tests)); !passed {
				again = true
				break
			}
		}
		if !again {
			moody = append(moody, tests...)
			continue
		}
		ok, err := r.controls.pass(s, dir, tests)
		switch {
		case err != nil:
			return verdict{state: broken, why: "without the mutant: " + err.Error()}, true
		case !ok:
			return verdict{state: unproved, why: strings.Join(tests, ", ") + " fails without the mutant, too"}, true
		}
		return verdict{state: caught, by: catch{s.name, dir, tests}, why: strings.Join(tests, ", ") + promises(out)}, true
	}
	return verdict{}, false
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
	begun   = regexp.MustCompile(`(?m)^=== RUN   ([^/\s]+)$`)
	ended   = regexp.MustCompile(`(?m)^--- (FAIL|PASS|SKIP): (\S+)`)
	promise = regexp.MustCompile(`(?m)^\s*(stale|lost|resurrected|false no-session|foreign|overdue|error|not linearizable|undecided|diverged): `)
)

// failing names the tests that failed, or, where the program died of it, those that had
// begun and not ended.
func failing(out string) []string {
	var failed, open []string
	for _, m := range begun.FindAllStringSubmatch(out, -1) {
		open = append(open, m[1])
	}
	for _, m := range ended.FindAllStringSubmatch(out, -1) {
		if m[1] == "FAIL" {
			failed = append(failed, m[2])
		}
		open = slices.DeleteFunc(open, func(name string) bool { return name == m[2] })
	}
	if len(failed) > 0 {
		return failed
	}
	return open
}

// promises names the promises that the simulation saw broken.
func promises(out string) string {
	var rules []string
	for _, m := range promise.FindAllStringSubmatch(out, -1) {
		if !slices.Contains(rules, m[1]) {
			rules = append(rules, m[1])
		}
	}
	if len(rules) == 0 {
		return ""
	}
	return " (" + strings.Join(rules, ", ") + ")"
}

func firstLine(out string) string {
	for _, line := range strings.Split(out, "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "===") {
			return line
		}
	}
	return "no output"
}
