package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// The go command repeats a test when its program has changed, not when a file of another
// module has that it reads. So the program holds the code that the mutants change.
var underTest = []any{
	cluster.New, (*cluster.Cluster).Load, (*cluster.Cluster).Save, (*cluster.Cluster).Delete, (*cluster.Cluster).Where,
	gorillastore.New, (*gorillastore.Store).Get, (*gorillastore.Store).Save, (*gorillastore.Store).RenewID,
	scsstore.New, (*scsstore.Store).FindCtx, (*scsstore.Store).CommitCtx, (*scsstore.Store).DeleteCtx, (*scsstore.Store).LoadAndSave,
	serializer.Marshal, serializer.Unmarshal, serializer.MarshalKey, serializer.UnmarshalKey,
	serializer.Codec{},
}

// A mutant whose text no longer stands in the code tests nothing.
func TestEveryMutantFitsTheCode(t *testing.T) {
	production, err := readCode(filepath.Join("..", "..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool, len(underTest)+len(rules))
	for _, m := range rules {
		if _, err := production.mutated(m); err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if seen[m.name] {
			t.Errorf("two mutants are called %q", m.name)
		}
		seen[m.name] = true
	}
}

func TestPartsAreAllOfThem(t *testing.T) {
	var all []string
	for _, p := range []string{"1/3", "2/3", "3/3"} {
		*part = p
		chosen, err := choose()
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range chosen {
			all = append(all, m.name)
		}
	}
	for _, bad := range []string{"0/3", "4/3", "x"} {
		if *part = bad; !fails(choose()) {
			t.Errorf("-part %q is taken", bad)
		}
	}
	*part = "1/1"
	whole, _ := choose()
	if len(all) != len(whole) || !slices.Equal(all, namesOf(whole)) {
		t.Errorf("three thirds are %d mutants of %d", len(all), len(whole))
	}
}

func fails(_ []rule, err error) bool { return err != nil }

func namesOf(rules []rule) (names []string) {
	for _, m := range rules {
		names = append(names, m.name)
	}
	return names
}

// A sweep of some mutants leaves the notes of the others as they are: the notes stand in the order of
// the rules already, and each belongs to one.
func TestTheNotesAreThoseOfTheRules(t *testing.T) {
	known, err := readRecord("caught.txt")
	if err != nil {
		t.Fatal(err)
	}
	again := filepath.Join(t.TempDir(), "caught.txt")
	if err := known.write(again); err != nil {
		t.Fatal(err)
	}
	was, err := os.ReadFile("caught.txt")
	if err != nil {
		t.Fatal(err)
	}
	if is, err := os.ReadFile(again); err != nil || string(is) != string(was) {
		t.Errorf("caught.txt is written in another way than it stands (%v): its lines stand in the order of the rules, and none is of a rule that is no more", err)
	}
}

func TestANoteIsLostOnlyToAMutantThatGotPastItsTests(t *testing.T) {
	defer func(was string) { *stagesFlag = was }(*stagesFlag)
	*stagesFlag = "packages"
	here, story := catch{"packages", "cluster", []string{"TestA"}}, catch{"stories", "test/sim", []string{"TestB"}}
	for _, c := range []struct {
		what string
		was  catch
		v    verdict
		want catch
	}{
		{"caught for the first time", catch{}, verdict{state: caught, by: here}, here},
		{"caught by another test", story, verdict{state: caught, by: here}, here},
		{"it got past them", here, verdict{state: survived}, catch{}},
		{"their stage was not run", story, verdict{state: survived}, story},
		{"they fail without it, too", here, verdict{state: unproved}, here},
		{"it does not compile", here, verdict{state: broken}, here},
	} {
		r := record{}
		if c.was.stage != "" {
			r["m"] = c.was
		}
		r.note("m", c.v)
		if got := r["m"]; got.stage != c.want.stage || len(r) > 0 != (c.want.stage != "") {
			t.Errorf("%s: %v", c.what, r)
		}
	}
}

func TestFailing(t *testing.T) {
	for _, c := range []struct {
		name, out string
		want      []string
	}{
		{"all pass", "=== RUN   TestA\n--- PASS: TestA (0.00s)\nPASS\n", nil},
		{"one fails, and so does a part of it", "=== RUN   TestA\n=== RUN   TestA/x\n    --- FAIL: TestA/x (0.00s)\n--- FAIL: TestA (0.01s)\n=== RUN   TestB\n--- PASS: TestB (0.00s)\nFAIL\n", []string{"TestA"}},
		{"the program dies", "=== RUN   TestA\n--- PASS: TestA (0.00s)\n=== RUN   TestB\npanic: oh\n\ngoroutine 7:\n", []string{"TestB"}},
		{"a test never ends", "=== RUN   TestA\npanic: test timed out after 3m0s\n\trunning tests:\n\t\tTestA (3m0s)\n", []string{"TestA"}},
		{"the program does not begin", "cannot execute\n", nil},
	} {
		if got := failing(c.out); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

// Each rule of the protocol's page names its mutant and the tests that tell what breaks without it.
func TestTheProtocolPageNamesWhatIsThere(t *testing.T) {
	const root = "../../.."
	page, err := os.ReadFile(root + "/docs/protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range rules {
		known[r.name] = true
	}
	headings := regexp.MustCompile(`(?m)^### \d+\. `).FindAllString(string(page), -1)
	named := regexp.MustCompile(`\*Mutant:\* "([^"]+)"`).FindAllStringSubmatch(string(page), -1)
	if len(named) != len(headings) {
		t.Errorf("%d rules name %d mutants", len(headings), len(named))
	}
	for _, m := range named {
		if !known[m[1]] {
			t.Errorf("there is no mutant %q", m[1])
		}
	}
	var tests strings.Builder
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		tests.Write(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(string(page), -1) {
		if !strings.Contains(tests.String(), "func "+m[1]+"(") {
			t.Errorf("there is no test %s", m[1])
		}
	}
}
