package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// This file decides that what the pages name in passing exists: commands and their flags, make targets,
// variables, files, and names of the packages.

var inline = regexp.MustCompile("`([^`\n]+)`")

// inlineCode calls do with each piece of code in the running text of the pages, but not with the changelog's,
// which also names what is gone.
func inlineCode(t *testing.T, do func(page, code string)) {
	n := 0
	for _, p := range pages(t) {
		if p.path == "CHANGELOG.md" {
			continue
		}
		for _, m := range inline.FindAllStringSubmatch(p.text, -1) {
			n++
			do(p.path, m[1])
		}
	}
	if n < 500 {
		t.Fatalf("only %d pieces of code were found", n)
	}
}

var qualified = regexp.MustCompile(`\b(cluster|scsstore|gorillastore|ginstore|serializer|discovery|testenv|holdfastprom|holdfastotel|Config|Local|Store|Record|Stats\(\)|Stats|NodeStatus|LockOptions|Cluster)\.([A-Z]\w*)`)

func TestNamesInRunningTextExist(t *testing.T) {
	declared := map[string]bool{}
	word := regexp.MustCompile(`\w+`)
	for _, dir := range []string{"cluster", "scsstore", "gorillastore", "ginstore", "serializer", "discovery", "testenv", "telemetry"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			b, err := os.ReadFile(path)
			for line := range strings.Lines(string(b)) {
				text, _, _ := strings.Cut(line, "//")
				for _, w := range word.FindAllString(text, -1) {
					declared[w] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	inlineCode(t, func(page, code string) {
		for _, m := range qualified.FindAllStringSubmatch(code, -1) {
			if !declared[m[2]] {
				t.Errorf("%s: `%s`: there is no %s", page, code, m[0])
			}
		}
	})
}

var (
	commandLine = regexp.MustCompile(`(?:^|[^\w/.-])holdfast ([a-z]+)((?: [^\s&|;]+)*)`)
	commandName = regexp.MustCompile(`\bname: "(\w+)"`)
	flagOf      = regexp.MustCompile(`(?:Var\([^"]*|Duration\(|Bool\()"(\w+)"`)
	flagInText  = regexp.MustCompile(`^--([a-z]+)`)
)

// Each command and flag of holdfast, in running text and in blocks.
func TestCommandsAndFlagsExist(t *testing.T) {
	commands, flags := []string{"help"}, []string{}
	files, err := filepath.Glob(filepath.Join(root, "cmd/holdfast/*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range commandName.FindAllStringSubmatch(string(b), -1) {
			commands = append(commands, m[1])
		}
		for _, m := range flagOf.FindAllStringSubmatch(string(b), -1) {
			flags = append(flags, m[1])
		}
	}
	n := 0
	check := func(page, code string) {
		for _, m := range commandLine.FindAllStringSubmatch(code, -1) {
			if n++; !slices.Contains(commands, m[1]) {
				t.Errorf("%s: %s: there is no command %s", page, m[0], m[1])
			}
			for _, arg := range strings.Fields(m[2]) {
				if f := flagInText.FindStringSubmatch(arg); f != nil && !slices.Contains(flags, f[1]) {
					t.Errorf("%s: %s: there is no flag %s", page, m[0], f[0])
				}
			}
		}
	}
	inlineCode(t, check)
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.lang == "sh" || b.lang == "" {
				for line := range strings.Lines(b.text) {
					typed, isTyped := strings.CutPrefix(line, "$ ")
					if isTyped || b.lang == "sh" {
						typed, _, _ = strings.Cut(typed, "#")
						check(p.path, typed)
					}
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d command lines were found", n)
	}
}

// Make targets, files and variables, in running text.
func TestTargetsFilesAndVariablesInRunningTextExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(root, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	known := variables(t)
	// These are told of because nothing reads them.
	others := []string{
		"MEMCACHED_PORT", "MEMCACHED_SERVICE_HOST", "MEMCACHED_SEAL_KEY", "MEMCACHED_SSL",
		"MEMCACHED_SEAL_KEYS_FILE", "MEMCACHED_PREFIX", "MEMCACHED_USER", "MEMCACHED_PASS", "MEMCACHED_SERVERS",
	}
	target := regexp.MustCompile(`^make ([a-z][a-z-]*)`)
	inlineCode(t, func(page, code string) {
		if m := target.FindStringSubmatch(code); m != nil && !strings.Contains(string(makefile), "\n"+m[1]+":") {
			t.Errorf("%s: there is no make %s", page, m[1])
		}
		for _, m := range localPath.FindAllStringSubmatch(code, -1) {
			if _, err := os.Stat(filepath.Join(root, m[1])); err != nil {
				t.Errorf("%s: there is no %s", page, m[1])
			}
		}
		for _, name := range memcachedV.FindAllString(code, -1) {
			if !known[name] && !slices.Contains(others, name) {
				t.Errorf("%s: nothing reads %s", page, name)
			}
		}
	})
}
