package docs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	_ "github.com/alexedwards/scs/v2"
	_ "github.com/gin-contrib/sessions"
	_ "github.com/gin-gonic/gin"
	_ "github.com/go-chi/chi/v5"
	_ "github.com/gorilla/sessions"
	_ "github.com/labstack/echo-contrib/session"
	_ "github.com/labstack/echo/v4"
	_ "github.com/prometheus/client_golang/prometheus"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"

	_ "github.com/holdfast-go/holdfast/cluster"
	_ "github.com/holdfast-go/holdfast/discovery"
	_ "github.com/holdfast-go/holdfast/examples/yourapp"
	_ "github.com/holdfast-go/holdfast/ginstore"
	_ "github.com/holdfast-go/holdfast/gorillastore"
	_ "github.com/holdfast-go/holdfast/scsstore"
	_ "github.com/holdfast-go/holdfast/serializer"
	_ "github.com/holdfast-go/holdfast/telemetry/otel"
	_ "github.com/holdfast-go/holdfast/telemetry/prometheus"
	_ "github.com/holdfast-go/holdfast/testenv"
)

// This file decides what it means that a Go block compiles. A whole program is checked as it is. A
// part of one is checked with the packages that it names imported, and with the names of prelude
// in scope.

// prelude are the names that parts of programs may use without saying where they come from: what an
// app has at hand where it uses sessions.
const prelude = `
var (
	c              *cluster.Cluster
	cfg            cluster.Config
	ctx            context.Context
	err            error
	mux            *http.ServeMux
	w              http.ResponseWriter
	r              *http.Request
	authKey        []byte
	store          *gorillastore.Store
	scsStore       *scsstore.Store
	sessionManager *scs.SessionManager
	env            *testenv.Env
	t              *testing.T
)

func browser(t *testing.T, app http.Handler) func(path string) string      { return nil }
func connect(t *testing.T, env *testenv.Env) *cluster.Cluster              { return nil }

type Cart struct{ Items []string }
`

// packages are what blocks may name, by the name that they use.
var packages = map[string]string{
	"scs": "github.com/alexedwards/scs/v2", "gin": "github.com/gin-gonic/gin", "chi": "github.com/go-chi/chi/v5",
	"session": "github.com/labstack/echo-contrib/session", "echo": "github.com/labstack/echo/v4",
	"sessions": "github.com/gorilla/sessions",
	"cluster":  "github.com/holdfast-go/holdfast/cluster", "discovery": "github.com/holdfast-go/holdfast/discovery",
	"yourapp": "github.com/holdfast-go/holdfast/examples/yourapp", "ginstore": "github.com/holdfast-go/holdfast/ginstore",
	"gorillastore": "github.com/holdfast-go/holdfast/gorillastore", "scsstore": "github.com/holdfast-go/holdfast/scsstore",
	"serializer": "github.com/holdfast-go/holdfast/serializer", "testenv": "github.com/holdfast-go/holdfast/testenv",
	"holdfastprom": "github.com/holdfast-go/holdfast/telemetry/prometheus", "holdfastotel": "github.com/holdfast-go/holdfast/telemetry/otel",
	"prometheus": "github.com/prometheus/client_golang/prometheus", "promhttp": "github.com/prometheus/client_golang/prometheus/promhttp",
	"expvar": "expvar", "context": "context", "errors": "errors", "fmt": "fmt", "http": "net/http", "log": "log", "os": "os", "slog": "log/slog",
	"testing": "testing", "time": "time", "tls": "crypto/tls", "strings": "strings",
}

func TestEveryGoBlockCompiles(t *testing.T) {
	load := exportData(t)
	n := 0
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			if b.lang != "go" {
				continue
			}
			n++
			if err := check(load, b.text); err != nil {
				t.Errorf("%s:%d: %v", p.path, b.line, err)
			}
		}
	}
	if n < 10 {
		t.Errorf("only %d blocks were found", n)
	}
}

// check returns why the block does not compile.
func check(load types.Importer, text string) error {
	if strings.HasPrefix(text, "package ") {
		return typeCheck(load, text)
	}
	// Declarations stand by themselves, statements in a function.
	whole := program(text, "")
	if _, err := parser.ParseFile(token.NewFileSet(), "block.go", whole, 0); err != nil {
		whole = program("", text)
	}
	return typeCheck(load, whole)
}

// program returns a file with the declarations and statements, in which the names of packages and of
// prelude are known. A package gives way to a name of the block.
func program(declarations, statements string) string {
	body := prelude + "\n" + declarations + "\nfunc block() {\n" + statements + "\n}\n"
	imports := "package block\n\n"
	for _, name := range slices.Sorted(mapKeys(packages)) {
		path := packages[name]
		if name == "sessions" && strings.Contains(statements, "gin.") {
			path = "github.com/gin-contrib/sessions"
		}
		if strings.Contains(body, name+".") {
			imports += fmt.Sprintf("import %s %q\n", name, path)
		}
	}
	return imports + body
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// typeCheck returns the first error that is more than a name that is not used: a part of a program
// leaves the rest to its reader.
func typeCheck(load types.Importer, text string) error {
	fset := token.NewFileSet()
	file, err := parser.ParseFile(fset, "block.go", text, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	partial := !strings.HasPrefix(text, "package main")
	var first error
	conf := types.Config{Importer: load, Error: func(err error) {
		var e types.Error
		if errors.As(err, &e) && e.Soft && partial {
			return
		}
		first = errors.Join(first, err)
	}}
	_, _ = conf.Check("block", fset, []*ast.File{file}, nil)
	return first
}

// exportData returns an importer of the packages that blocks may name.
func exportData(t *testing.T) types.Importer {
	args := []string{"list", "-deps", "-export", "-json=ImportPath,Export"}
	for _, path := range packages {
		args = append(args, path)
	}
	args = append(args, "github.com/gin-contrib/sessions")
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		files[p.ImportPath] = p.Export
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) {
		if files[path] == "" {
			return nil, fmt.Errorf("the blocks of the pages may not import %q: see packages in goblocks_test.go", path)
		}
		return os.Open(files[path])
	})
}

// A block that says which file it is from is in that file, word by word.
func TestBlocksFromFilesAreThere(t *testing.T) {
	for _, p := range pages(t) {
		for _, b := range p.blocks {
			path, ok := strings.CutPrefix(b.mark, "from ")
			if !ok {
				continue
			}
			file, err := os.ReadFile(filepath.Join(root, path))
			if err != nil || !strings.Contains(string(file), b.text) {
				t.Errorf("%s:%d: the block is not in %s: %v", p.path, b.line, path, err)
			}
		}
	}
}
