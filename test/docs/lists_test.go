package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides that the pages which list settings, errors and log lines list all of them, and
// none that there are not.

func TestEverySettingIsOnItsPage(t *testing.T) {
	text := pageOf(t, "docs/configuration.md").text
	for name := range variables(t) {
		if !strings.Contains(text, "`"+name+"`") {
			t.Errorf("configuration.md does not tell of %s", name)
		}
	}
	for prefix, of := range map[string]any{
		"": cluster.Config{}, "gorillastore.Store.": gorillastore.Store{}, "scsstore.Store.": scsstore.Store{}, "serializer.Codec.": serializer.Codec{},
	} {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
			if f.IsExported() && !strings.Contains(text, "`"+prefix+f.Name+"`") {
				t.Errorf("configuration.md does not tell of %s%s", prefix, f.Name)
			}
		}
	}
}

func TestEveryErrorAndLogLineIsOnItsPage(t *testing.T) {
	text := pageOf(t, "docs/troubleshooting.md").text
	for _, said := range saidIn(t) {
		if said.name != "" && !strings.Contains(text, "`"+said.name+"`") {
			t.Errorf("troubleshooting.md does not tell of %s", said.name)
		}
		if !strings.Contains(text, firstClause(said.text)) {
			t.Errorf("troubleshooting.md does not tell of %q", said.text)
		}
	}
}

// firstClause is a message up to what it goes on to explain.
func firstClause(text string) string {
	head, rest, _ := strings.Cut(text, ": ")
	if end := strings.IndexAny(rest, ":;,("); end > 0 {
		rest = strings.TrimSpace(rest[:end])
	}
	return head + ": " + rest
}

var quoted = regexp.MustCompile("`((?:cluster|scsstore|gorillastore|serializer): [^`…]{12,})`")

// What the page shows is what the code says.
func TestThePageOfErrorsInventsNone(t *testing.T) {
	var code strings.Builder
	for _, file := range sources(t) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(b)
	}
	all := strings.NewReplacer("%q", `"`, `\"`, `"`, "%d", "").Replace(code.String())
	for _, m := range quoted.FindAllStringSubmatch(pageOf(t, "docs/troubleshooting.md").text, -1) {
		said := strings.TrimSuffix(m[1], "…")
		said, _, _ = strings.Cut(said, ` "`)
		if !strings.Contains(all, said) {
			if _, rest, ok := strings.Cut(said, "corrupt bytes: "); ok && strings.Contains(all, rest) {
				continue // the two are put together
			}
			t.Errorf("no code says %q", m[1])
		}
	}
}

// said is a text that apps and operators get to read.
type said struct {
	name string // of the exported error
	text string
}

// saidIn returns the exported errors and the log lines of the packages that apps use.
func saidIn(t *testing.T) (all []said) {
	for _, file := range sources(t) {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				if text, ok := newError(n); ok && strings.Contains(text, ": ") && ast.IsExported(n.Names[0].Name) {
					all = append(all, said{packageOf(file) + n.Names[0].Name, text})
				}
			case *ast.CallExpr:
				if text, ok := logLine(n); ok {
					all = append(all, said{"", text})
				}
			}
			return true
		})
	}
	if len(all) < 30 {
		t.Fatalf("only %d errors and log lines were found", len(all))
	}
	return all
}

// packageOf is where apps find the error of a file: those of the internal packages of cluster are
// cluster's.
func packageOf(file string) string {
	path, _ := filepath.Rel(root, file)
	first, _, _ := strings.Cut(path, string(filepath.Separator))
	return first + "."
}

func newError(spec *ast.ValueSpec) (text string, ok bool) {
	if len(spec.Names) != 1 || len(spec.Values) != 1 || !strings.HasPrefix(spec.Names[0].Name, "Err") {
		return "", false
	}
	call, ok := spec.Values[0].(*ast.CallExpr)
	if !ok || len(call.Args) != 1 {
		return "", false
	}
	return literal(call.Args[0])
}

func logLine(call *ast.CallExpr) (text string, ok bool) {
	f, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"info", "warn", "Info", "Warn"}, f.Sel.Name) {
		return "", false
	}
	for _, arg := range call.Args {
		if text, ok := literal(arg); ok && strings.Contains(text, ": ") {
			return text, true
		}
	}
	return "", false
}

func literal(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(l.Value)
	return text, err == nil
}

// sources are the files of the packages that apps use.
func sources(t *testing.T) (files []string) {
	t.Helper()
	for _, dir := range []string{"cluster", "scsstore", "gorillastore", "serializer"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, _ os.DirEntry, err error) error {
			if strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				files = append(files, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return files
}
