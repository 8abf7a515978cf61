package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// This file decides what is remembered of a sweep: which tests caught which mutant.
// They go first the next time.

// record is what caught each mutant, by its name.
type record map[string]catch

// readRecord reads lines of mutant, stage, package and tests, separated by tabs.
func readRecord(file string) (record, error) {
	r := record{}
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return r, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if fields := strings.Split(lines.Text(), "\t"); len(fields) == 4 {
			r[fields[0]] = catch{fields[1], fields[2], strings.Split(fields[3], ",")}
		}
	}
	return r, lines.Err()
}

// note notes what became of a mutant. Only a mutant that has got past the tests that caught it loses
// its note: where their stage was not run, or the machine failed, nothing is known of them.
func (r record) note(name string, v verdict) {
	switch {
	case v.state == caught:
		r[name] = v.by
	case v.state == survived && wantedStage(r[name].stage):
		delete(r, name)
	}
}

// write writes the record in the order of the rules, and nothing of rules that are no
// more.
func (r record) write(file string) error {
	var b strings.Builder
	for _, m := range rules {
		if c, ok := r[m.name]; ok {
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\n", m.name, c.stage, c.dir, strings.Join(c.tests, ","))
		}
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}
