package record

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// This file tests that doc.go tells the truth about the order in which the files are read.

func TestAFileUsesOnlyWhatStandsInTheFilesBeforeIt(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, order, _ := strings.Cut(string(doc), "# Reading order")
	named := regexp.MustCompile(`\w+\.go`).FindAllString(order, -1)
	place := func(file string) int { return slices.Index(named, file) }
	fset := token.NewFileSet()
	var files []*ast.File
	all, _ := filepath.Glob("*.go")
	for _, name := range all {
		if name == "doc.go" || strings.HasSuffix(name, "_test.go") {
			continue
		}
		if place(name) < 0 {
			t.Errorf("the reading order of doc.go lacks %s", name)
			continue
		}
		f, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	if len(files) != len(named) {
		t.Errorf("doc.go names %v, and there are %v", named, all)
	}
	// What other packages hold is not needed to find what is used of this one.
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: noPackages{}, Error: func(error) {}}
	pkg, _ := conf.Check("record", fset, files, info)
	uses := 0
	for id, o := range info.Uses {
		if o.Pkg() != pkg {
			continue
		}
		from, to := fset.Position(id.Pos()), fset.Position(o.Pos())
		if from.Filename != to.Filename {
			uses++
		}
		if place(from.Filename) < place(to.Filename) {
			t.Errorf("%v uses %s, which stands in %s", from, o.Name(), to.Filename)
		}
	}
	if uses < 50 {
		t.Errorf("found %d uses of what stands in another file: the test does not see them all", uses)
	}
}

// noPackages imports nothing.
type noPackages struct{}

func (noPackages) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }
