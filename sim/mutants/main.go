// Command mutants asks whether the tests can fail. It takes the rules of the code out,
// one at a time, in a copy of the tree, and runs the tests until one fails: those of
// the packages, the simulation's stories, all interleavings of small scopes, and a few
// seeds of the simulation. A mutant that all of them let pass has survived, and the
// command fails: that rule needs a test, or nobody needs the rule.
//
//	go run ./mutants [-only text] [-stages packages,stories] [-seeds n] [-j n] [-list]
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// This file decides which mutants are tried, and what is told about them.

var (
	stagesFlag = flag.String("stages", "packages,stories,interleavings,seeds", "which tests run, in this order")
	only       = flag.String("only", "", "only mutants whose name contains one of these texts, separated by |")
	seeds      = flag.Int("seeds", 40, "seeds of the simulation for each mutant that gets that far")
	workers    = flag.Int("j", 1, "mutants at a time")
	list       = flag.Bool("list", false, "list the mutants, check that each fits, and end")
)

func main() {
	flag.Parse()
	root, err := filepath.Abs("..")
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "cluster"))
	}
	if err != nil {
		fatal("run it in the sim folder of the repository: %v", err)
	}
	for _, name := range strings.Split(*stagesFlag, ",") {
		if _, ok := stageNamed(name); !ok {
			fatal("no stage %q", name)
		}
	}
	var chosen []rule
	bad := 0
	for _, r := range rules {
		if !wanted(r.name) {
			continue
		}
		chosen = append(chosen, r)
		if err := r.fits(root); err != nil {
			fmt.Printf("%-9s %-52s %v\n", broken, r.name, err)
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
	_ = os.RemoveAll(temp)
	os.Exit(min(bad, 1))
}

func wanted(name string) bool {
	for _, text := range strings.Split(*only, "|") {
		if strings.Contains(name, text) {
			return true
		}
	}
	return false
}

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mutants: "+format+"\n", args...)
	os.Exit(2)
}

// run tries all mutants and returns how many were not caught.
func run(root, temp string, chosen []rule) (bad int) {
	next := make(chan rule)
	var mu sync.Mutex // guards count and the output
	count := map[string]int{}
	var wg sync.WaitGroup
	began := time.Now()
	for i := range *workers {
		tree := filepath.Join(temp, fmt.Sprint(i))
		if err := copyTree(root, tree); err != nil {
			fatal("copy of the tree: %v", err)
		}
		if i == 0 {
			v := try(tree, rule{name: "no mutant"})
			if v.state != survived {
				fatal("the tests fail without any mutant, in %s: %s", v.stage, v.by)
			}
			fmt.Printf("without a mutant every test passes, in %.0fs\n", v.took.Seconds())
		}
		wg.Go(func() {
			for r := range next {
				v := try(tree, r)
				mu.Lock()
				fmt.Printf("%-9s %-52s %5.0fs  %-13s %s\n", v.state, r.name, v.took.Seconds(), v.stage, v.by)
				count[v.state]++
				count[v.stage]++
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
		count[caught], count[survived], count[broken])
	for _, s := range stages {
		fmt.Printf("  caught by %-13s %d\n", s.name, count[s.name])
	}
	return len(chosen) - count[caught]
}
