package docs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// This file decides what it means that a shell block is right: the shell can read it, and what it
// names of this repository exists.

var (
	makeTarget = regexp.MustCompile(`(?m)\bmake ([a-z][a-z-]*)`)
	targetLine = regexp.MustCompile(`(?m)^([a-z][a-z-]*):`)
	localPath  = regexp.MustCompile(`(?:^|\s)(?:\./)?((?:examples|docs|scripts|test|cmd|demo|bench)/[\w./-]*\w)`)
	memcachedV = regexp.MustCompile(`\bMEMCACHED_[A-Z_]*[A-Z]\b`)
)

func TestEveryShellBlockIsRight(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	targets := map[string]bool{}
	for _, m := range targetLine.FindAllStringSubmatch(string(makefile), -1) {
		targets[m[1]] = true
	}
	known := variables(t)
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.lang != "sh" && b.lang != "bash" {
				continue
			}
			cmd := exec.CommandContext(t.Context(), "sh", "-n")
			cmd.Stdin = strings.NewReader(b.text)
			var says bytes.Buffer
			cmd.Stderr = &says
			if err := cmd.Run(); err != nil {
				t.Errorf("%s:%d: %v: %s", p.path, b.line, err, &says)
			}
			for _, m := range makeTarget.FindAllStringSubmatch(b.text, -1) {
				if !targets[m[1]] {
					t.Errorf("%s:%d: there is no make %s", p.path, b.line, m[1])
				}
			}
			for _, m := range localPath.FindAllStringSubmatch(b.text, -1) {
				if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
					t.Errorf("%s:%d: there is no %s", p.path, b.line, m[1])
				}
			}
			for _, name := range memcachedV.FindAllString(b.text, -1) {
				if !known[name] {
					t.Errorf("%s:%d: nothing reads %s", p.path, b.line, name)
				}
			}
		}
	}
}

// variables are the environment variables that ConfigFromEnv reads.
func variables(t *testing.T) map[string]bool {
	t.Helper()
	known := map[string]bool{}
	for _, file := range []string{"env.go", "secrets.go", "nodelist.go"} {
		b, err := os.ReadFile(filepath.Join(root, "cluster/internal/setup", file))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range memcachedV.FindAllString(string(b), -1) {
			known[name] = true
		}
	}
	return known
}
