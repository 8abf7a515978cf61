// Command mutants asks whether the tests can fail. It takes the rules of the code out,
// one at a time, each in a copy of the tree, and runs the tests: first those of the
// packages, then the simulation. A mutant that every test lets pass has survived, and
// the command fails: that rule needs a test, or nobody needs the rule.
//
//	go run ./mutants [-stage all|packages|sim] [-only text] [-seeds n] [-list]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"
)

var (
	stage   = flag.String("stage", "all", "which tests run: packages, sim or all")
	only    = flag.String("only", "", "only mutants whose name contains this")
	seeds   = flag.Int("seeds", 120, "seeds of the simulation for each mutant")
	workers = flag.Int("workers", 2, "mutants at a time")
	list    = flag.Bool("list", false, "list the mutants, check that each fits, and end")
)

// verdict is what became of a mutant.
type verdict struct {
	state string // caught, SURVIVED, BROKEN
	by    string
	took  time.Duration
}

func main() {
	flag.Parse()
	root, err := filepath.Abs("..")
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "cluster"))
	}
	if err != nil {
		fatal("run it in the sim folder of the repository: %v", err)
	}
	var chosen []rule
	for _, r := range rules {
		if strings.Contains(r.name, *only) {
			chosen = append(chosen, r)
		}
	}
	bad := 0
	for _, r := range chosen {
		if err := r.fits(root); err != nil {
			fmt.Printf("BROKEN    %-50s %v\n", r.name, err)
			bad++
		} else if *list {
			fmt.Println(r.name)
		}
	}
	if *list || bad > 0 {
		fmt.Printf("%d mutants, %d do not fit the code\n", len(chosen), bad)
		os.Exit(min(bad, 1))
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		fatal("%v", err)
	}
	bad = run(root, temp, chosen)
	os.RemoveAll(temp)
	os.Exit(min(bad, 1))
}

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mutants: "+format+"\n", args...)
	os.Exit(2)
}

// run tests all mutants and returns how many were not caught.
func run(root, temp string, chosen []rule) (bad int) {
	next := make(chan rule)
	var mu sync.Mutex // guards bad and the output
	count := map[string]int{}
	var wg sync.WaitGroup
	began := time.Now()
	for i := range *workers {
		tree := filepath.Join(temp, fmt.Sprint(i))
		if err := copyTree(root, tree); err != nil {
			fatal("copy of the tree: %v", err)
		}
		if i == 0 {
			if v := try(tree, rule{name: "no mutant"}); v.state != "SURVIVED" {
				fatal("the tests fail without any mutant: %s", v.by)
			}
		}
		wg.Go(func() {
			for r := range next {
				v := try(tree, r)
				mu.Lock()
				fmt.Printf("%-9s %-50s %5.1fs  %s\n", v.state, r.name, v.took.Seconds(), v.by)
				count[v.state]++
				mu.Unlock()
			}
		})
	}
	for _, r := range chosen {
		next <- r
	}
	close(next)
	wg.Wait()
	fmt.Printf("%d mutants in %.0fs: %d caught, %d survived, %d broken\n", len(chosen), time.Since(began).Seconds(),
		count["caught"], count["SURVIVED"], count["BROKEN"])
	return len(chosen) - count["caught"]
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
			return verdict{state: "BROKEN", by: err.Error()}
		}
		defer os.WriteFile(path, was, 0o644)
		mutated := strings.Replace(string(was), e.old, e.new, 1)
		if err := os.WriteFile(path, []byte(mutated), 0o644); err != nil {
			return verdict{state: "BROKEN", by: err.Error()}
		}
	}
	if out, err := command(tree, time.Minute*5, "go", "build", "./..."); err != nil {
		return verdict{state: "BROKEN", by: "does not compile: " + firstLine(out)}
	}
	if *stage != "sim" {
		out, err := command(tree, 3*time.Minute, "go", "test", "-count=1", "-timeout", "150s", "./cluster", "./scsstore", "./gorillastore", "./serializer")
		if err != nil {
			return verdict{state: "caught", by: failing(out)}
		}
	}
	if *stage != "packages" {
		out, err := command(filepath.Join(tree, "sim"), 6*time.Minute, "go", "test", "-count=1", "-timeout", "330s", "-failfast", ".", "-args", "-seeds", fmt.Sprint(*seeds))
		if err == nil {
			out, err = command(filepath.Join(tree, "sim"), 6*time.Minute, "go", "test", "-count=1", "-timeout", "330s", "-failfast", "./explore", "./check")
		}
		if err != nil {
			return verdict{state: "caught", by: failing(out)}
		}
	}
	return verdict{state: "SURVIVED", by: "every test passed"}
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

// failing names the tests that caught the mutant.
func failing(out string) string {
	var names []string
	seen := map[string]bool{}
	for _, m := range failed.FindAllStringSubmatch(out, -1) {
		if name, _, _ := strings.Cut(m[1], "/"); !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	rules := map[string]bool{}
	for _, m := range promise.FindAllStringSubmatch(out, -1) {
		if !rules[m[1]] {
			rules[m[1]] = true
			names = append(names, m[1])
		}
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("and %d more", len(names)-5))
	}
	if len(names) == 0 {
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

// copyTree copies the modules that the tests need.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || rel == "bench" || rel == "docs" {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
}
