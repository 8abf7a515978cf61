package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A small module: two packages that share names, with everything that is not production.
var small = map[string]string{
	"go.mod": "module small\n",
	"one/one.go": `package one

// Store stores what save is given.
type Store struct{ kept int }

const (
	most  = 4
	least = 1
)

const alone = 7

var first, second = 1, 2

func (s *Store) save(n int) bool {
	// if n > most {
	if n > most { // if n > most {
		return false
	}
	if n < least {
		return false
	}
	s.kept = n
	return true
}

func (s Store) shown() string { return "n > most" }

func find() int { return 1 }
`,
	"two/internal/deep/deep.go": `package deep

type Store[K comparable] struct{ kept K }

func (s *Store[K]) save(k K) { s.kept = k }

func find() int { return 2 }

func lonely(a, b bool) bool {
	return a ||
		b // the one or the other
}
`,
	"two/asm.s":              "TEXT text(SB), $0\n",
	"one/one_test.go":        "package one\n\nfunc inTest() int { return 1 }\n",
	"one/one_plan9.go":       "package one\n\nfunc elsewhere() int { return 1 }\n",
	"one/testdata/a.go":      "package a\n\nfunc inData() int { return 1 }\n",
	"test/acceptance/all.go": "package acceptance\n\nfunc accepted() int { return 1 }\n",
	"test/sim/go.mod":        "module sim\n",
	"test/sim/sim.go":        "package sim\n\nfunc simulated() int { return 1 }\n",
	".hidden/hidden.go":      "package hidden\n\nfunc hidden() int { return 1 }\n",
	"two/many.go":            "package two\n\nfunc a() int {\n\tvar n int\n\treturn n\n}\n",
}

func write(t *testing.T, files map[string]string) (root string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func read(t *testing.T, files map[string]string) *code {
	t.Helper()
	c, err := readCode(write(t, files))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestAnEditIsFoundInItsDeclaration(t *testing.T) {
	c := read(t, small)
	for _, tc := range []struct{ what, anchor, old, file, stands string }{
		{"a method of a pointer", "one.(*Store).save", "s.kept = n", "one/one.go", "s.kept = n"},
		{"a method of a value", "Store.shown", `return "n > most"`, "one/one.go", `return "n > most"`},
		{"a method of a generic type, in a package below another", "deep.(*Store).save", "s.kept = k", "two/internal/deep/deep.go", "s.kept = k"},
		{"a function whose name another package has", "deep.find", "return 2", "two/internal/deep/deep.go", "return 2"},
		{"a type", "one.Store", "kept int", "one/one.go", "kept int"},
		{"one line of a block, without its alignment", "most", "most = 4", "one/one.go", "most  = 4"},
		{"a constant alone, with its first word", "alone", "const alone = 7", "one/one.go", "const alone = 7"},
		{"the second variable of a line", "second", "1, 2", "one/one.go", "1, 2"},
		{"comments that say the same do not count", "one.(*Store).save", "if n > most {", "one/one.go", "if n > most {"},
		{"nor does a string that holds it", "Store.shown", `"n > most"`, "one/one.go", `"n > most"`},
		{"a line that gofmt has broken", "lonely", "a || b", "two/internal/deep/deep.go", "a ||\n\t\tb"},
		{"a text with lines and indentation of its own", "one.(*Store).save", "\n\t\t\t\tif n < least {\n\t\t\t\t\treturn false", "one/one.go", "if n < least {\n\t\treturn false"},
		{"a text in one line", "one.(*Store).save", "s.kept = n; return true", "one/one.go", "s.kept = n\n\treturn true"},
		{"a comment in the text", "one.(*Store).save", "s.kept = n // kept", "one/one.go", "s.kept = n"},
	} {
		p, err := c.place(edit{tc.anchor, tc.old, ""})
		if err != nil {
			t.Errorf("%s: %v", tc.what, err)
			continue
		}
		if stands := string(c.files[p.file][p.from:p.to]); p.file != tc.file || stands != tc.stands {
			t.Errorf("%s: %q in %s, want %q in %s", tc.what, stands, p.file, tc.stands, tc.file)
		}
	}
}

func TestAnEditThatFitsNowhereSaysWhy(t *testing.T) {
	c := read(t, small)
	for _, tc := range []struct{ what, anchor, old, want string }{
		{"a name that is gone, and where its text is now", "(*Store).keep", "s.kept = n", "no declaration is called (*Store).keep; the text stands in one.(*Store).save"},
		{"a name that is gone with its text", "gone", "s.gone = n", "no declaration is called gone"},
		{"a name that is gone, and a text that stands in too many", "gone", "return", "no declaration is called gone"},
		{"a file is no declaration", "one/one.go", "s.gone = n", "no declaration is called one/one.go"},
		{"a method without its star", "Store.save", "s.kept = n", "no declaration is called Store.save; the text stands in one.(*Store).save"},
		{"a name in two packages", "find", "return 1", "2 declarations are called find: one.find in one/one.go, deep.find in two/internal/deep/deep.go; the text stands in one.find"},
		{"a text in another declaration", "one.find", "return 2", `one.find in one/one.go does not hold the text "return 2"; the text stands in deep.find`},
		{"a text that is twice there", "one.(*Store).save", "return false", `one.(*Store).save in one/one.go holds the text 2 times, not once: "return false"`},
		{"a part of a word", "alone", "const alon", `alone in one/one.go does not hold the text "const alon"`},
		{"a part of a string", "Store.shown", `return "n`, `not a row of Go's tokens: string literal not terminated: "return \"n"`},
		{"no text", "alone", " // nothing", "alone: the text to replace is empty"},
		{"a test", "inTest", "one", "no declaration is called inTest"},
		{"a file for another system", "elsewhere", "one", "no declaration is called elsewhere"},
		{"data of a test", "inData", "one", "no declaration is called inData"},
		{"what serves tests", "accepted", "one", "no declaration is called accepted"},
		{"another module", "simulated", "one", "no declaration is called simulated"},
		{"a hidden folder", "hidden", "one", "no declaration is called hidden"},
	} {
		p, err := c.place(edit{tc.anchor, tc.old, ""})
		if err == nil {
			t.Errorf("%s: found at %v", tc.what, p)
		} else if err.Error() != tc.want {
			t.Errorf("%s: %q, want %q", tc.what, err, tc.want)
		}
	}
}

// A rule that moves to another file, package and level of indentation takes its mutant with it.
func TestAMutantFollowsItsDeclaration(t *testing.T) {
	m := one("the limit is off", "limit", "if n > 4 {\nreturn 4", "if n > 5 {\nreturn 4")
	before := read(t, map[string]string{"a/a.go": "package a\n\nfunc limit(n int) int {\n\tif n > 4 {\n\t\treturn 4\n\t}\n\treturn n\n}\n"})
	after := read(t, map[string]string{"a/internal/b/c.go": "package b\n\nfunc limit(n int) int {\n\tfor {\n\t\tif n > 4 { // the most\n\t\t\treturn 4\n\t\t}\n\t\treturn n\n\t}\n}\n"})
	for c, want := range map[*code]string{
		before: "package a\n\nfunc limit(n int) int {\n\tif n > 5 {\nreturn 4\n\t}\n\treturn n\n}\n",
		after:  "package b\n\nfunc limit(n int) int {\n\tfor {\n\t\tif n > 5 {\nreturn 4\n\t\t}\n\t\treturn n\n\t}\n}\n",
	} {
		files, err := c.mutated(m)
		if err != nil {
			t.Fatal(err)
		}
		for file, text := range files {
			if len(files) != 1 || string(text) != want {
				t.Errorf("%s:\n%s\nwant\n%s", file, text, want)
			}
		}
	}
}

func TestTheEditsOfAMutantDoNotMoveEachOther(t *testing.T) {
	c := read(t, small)
	files, err := c.mutated(rule{"several", []edit{
		{"most", "4", "400"},
		{"one.(*Store).save", "n < least", "n+1000 < least"},
		{"deep.find", "2", "3"},
		{"least", "1", ""},
		{"least", "=", "= 100"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"most  = 400\n", "least = 100 \n", "if n+1000 < least {"} {
		if !strings.Contains(string(files["one/one.go"]), want) {
			t.Errorf("no %q in\n%s", want, files["one/one.go"])
		}
	}
	if len(files) != 2 || !strings.Contains(string(files["two/internal/deep/deep.go"]), "return 3") {
		t.Errorf("%d files, want 2 with the edit of each", len(files))
	}
	if string(c.files["one/one.go"]) != small["one/one.go"] {
		t.Error("the code itself has changed")
	}
}

func TestAMutantThatCannotBeMadeSaysWhy(t *testing.T) {
	c := read(t, small)
	for _, tc := range []struct {
		what, want string
		edits      []edit
	}{
		{"two edits of one text", "two edits of one/one.go change the same text", []edit{{"one.(*Store).save", "n < least", "true"}, {"one.(*Store).save", "if n <", "if 2*n <"}}},
		{"what is no Go", "expected", []edit{{"one.find", "return 1 }", "return 1"}}},
		{"what changes nothing", "one/one.go stays as it was", []edit{{"one.find", "return 1", "return 1"}}},
		{"one edit of two fits", "no declaration is called gone", []edit{{"one.find", "1", "2"}, {"gone", "1", "2"}}},
	} {
		if _, err := c.mutated(rule{tc.what, tc.edits}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %q", tc.what, err, tc.want)
		}
	}
}

func TestATreeWithoutCodeIsAnError(t *testing.T) {
	if _, err := readCode(t.TempDir()); err == nil {
		t.Error("no Go file was missed")
	}
	if _, err := readCode(write(t, map[string]string{"a/a.go": "package a\n\nfunc {\n"})); err == nil {
		t.Error("a file that does not parse was read")
	}
}

// The tests of cluster say something of the packages that only cluster uses.
func TestStagesOfAChange(t *testing.T) {
	for _, tc := range []struct {
		file string
		want []string
	}{
		{"cluster/load.go", []string{"cluster", "test/sim", "test/sim/sticky", "test/sim/explore", "test/sim"}},
		{"cluster/internal/record/merge.go", []string{"cluster/internal/record", "cluster", "test/sim", "test/sim/sticky", "test/sim/explore", "test/sim"}},
		{"scsstore/store.go", []string{"scsstore", "test/acceptance"}},
		{"internal/lineage/lineage.go", []string{"internal/lineage", "test/acceptance"}},
		{"clusterish/a.go", []string{"clusterish", "test/acceptance"}},
	} {
		var dirs []string
		for _, s := range stages {
			dirs = append(dirs, s.dirs(packages(map[string][]byte{tc.file: nil}))...)
		}
		if !slices.Equal(dirs, tc.want) {
			t.Errorf("%s is tested by %q, want %q", tc.file, dirs, tc.want)
		}
	}
	if dirs := own([]string{"cluster", "cluster/internal/record"}); !slices.Equal(dirs, []string{"cluster", "cluster/internal/record"}) {
		t.Errorf("a change in both: %q", dirs)
	}
}

// Tests that are noted may have moved away, and code may have moved where none are.
func TestAFolderWithoutTestsIsPassedOver(t *testing.T) {
	r := &runner{tree: write(t, small)}
	for dir, want := range map[string]bool{"one": true, "two/internal/deep": false, "gone": false} {
		if r.tests(dir) != want {
			t.Errorf("%s has tests: %v", dir, !want)
		}
	}
}
