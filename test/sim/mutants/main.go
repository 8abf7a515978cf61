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
	stagesFlag = flag.String("stages", "packages,stories,sticky,acceptance,interleavings,seeds", "which tests run")
	onlyFlag   = flag.String("only", "", "only mutants whose name contains one of these texts, separated by |")
	part       = flag.String("part", "1/1", "only that part of the mutants, such as 2/3: the second third")
	seeds      = flag.Int("seeds", 40, "seeds of the simulation for each mutant that gets that far")
	workers    = flag.Int("j", 1, "mutants at a time")
	list       = flag.Bool("list", false, "list the mutants, check that each fits, and end")
	notes      = flag.String("notes", "mutants/caught.txt", "the file that says which tests caught which mutant; empty: none")
)

func main() {
	flag.Parse()
	root, err := filepath.Abs("../..")
	if err == nil {
		_, err = os.Stat(filepath.Join(root, "cluster"))
	}
	if err != nil {
		fatal("run it in the folder test/sim of the repository: %v", err)
	}
	for _, name := range strings.Split(*stagesFlag, ",") {
		if stageNamed(name) == nil {
			fatal("no stage %q", name)
		}
	}
	chosen, err := choose()
	if err != nil {
		fatal("%v", err)
	}
	production, err := readCode(root)
	if err != nil {
		fatal("%v", err)
	}
	var fit []rule
	for _, m := range chosen {
		if _, err := production.mutated(m); err != nil {
			fmt.Printf("%-9s %-52s %v\n", broken, m.name, err)
			continue
		}
		fit = append(fit, m)
		if *list {
			fmt.Println(m.name)
		}
	}
	unfit := len(chosen) - len(fit)
	if *list {
		fmt.Printf("%d mutants, %d do not fit the code\n", len(chosen), unfit)
		os.Exit(min(unfit, 1))
	}
	known := record{}
	if *notes != "" {
		if known, err = readRecord(*notes); err != nil {
			fatal("%v", err)
		}
	}
	temp, err := os.MkdirTemp("", "mutants")
	if err != nil {
		fatal("%v", err)
	}
	bad := run(root, temp, fit, known)
	_ = os.RemoveAll(temp)
	os.Exit(min(bad+unfit, 1))
}

// choose returns the mutants that the flags name.
func choose() (chosen []rule, err error) {
	for _, m := range rules {
		for _, text := range strings.Split(*onlyFlag, "|") {
			if strings.Contains(m.name, text) {
				chosen = append(chosen, m)
				break
			}
		}
	}
	var i, n int
	if _, err := fmt.Sscanf(*part, "%d/%d", &i, &n); err != nil || i < 1 || i > n {
		return nil, fmt.Errorf("-part %q: want a part and how many there are, such as 2/3", *part)
	}
	return chosen[(i-1)*len(chosen)/n : i*len(chosen)/n], nil
}

func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "mutants: "+format+"\n", args...)
	os.Exit(2)
}

// run tries all mutants, notes in known what caught them, and returns how many were not
// caught.
func run(root, temp string, chosen []rule, known record) (bad int) {
	next := make(chan rule)
	was := map[string]bool{}
	for name := range known {
		was[name] = true
	}
	var mu sync.Mutex // guards count, known and the output
	count := map[string]int{}
	var wg sync.WaitGroup
	began := time.Now()
	tree := func(name string) string {
		t := filepath.Join(temp, name)
		if err := copyTree(root, t); err != nil {
			fatal("copy of the tree: %v", err)
		}
		return t
	}
	clean := &controls{bench: &bench{tree: tree("clean"), built: map[string]string{}}, seen: map[string]bool{}}
	for i := range *workers {
		t := tree(fmt.Sprint(i))
		production, err := readCode(t)
		if err != nil {
			fatal("%v", err)
		}
		r := &runner{tree: t, code: production, controls: clean}
		wg.Go(func() {
			for m := range next {
				mu.Lock()
				likely := known[m.name]
				mu.Unlock()
				v := r.try(m, likely)
				mu.Lock()
				fmt.Printf("%-9s %-52s %5.0fs  %-13s %s\n", v.state, m.name, v.took.Seconds(), v.by.stage, v.why)
				count[v.state]++
				count[v.by.stage]++
				known.note(m.name, v)
				if *notes != "" { // after each: a sweep may be ended at any time
					if err := known.write(*notes); err != nil {
						fatal("%v", err)
					}
				}
				mu.Unlock()
			}
		})
	}
	for _, noted := range []bool{false, true} { // what is new goes first: it may survive
		for _, m := range chosen {
			if was[m.name] == noted {
				next <- m
			}
		}
	}
	close(next)
	wg.Wait()
	fmt.Printf("%d mutants in %.0fs: %d caught, %d survived, %d broken, %d not proved\n", len(chosen), time.Since(began).Seconds(),
		count[caught], count[survived], count[broken], count[unproved])
	for _, s := range stages {
		fmt.Printf("  caught by %-13s %d\n", s.name, count[s.name])
	}
	return len(chosen) - count[caught]
}
