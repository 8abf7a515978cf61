package main

import (
	"errors"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// This file decides which declaration an anchor names, in whatever file and package of
// the module it stands.

// code is the production code of a tree.
type code struct {
	declarations []*declaration
	named        map[string][]*declaration // by name, with and without the package
	files        map[string][]byte         // by path from the root, with slashes
}

// declaration is one function, method or type, or one line of a const or var block.
type declaration struct {
	pkg    string
	names  []string // as a stack trace writes them, without the package
	file   string
	tokens []lexeme
}

// lexeme is a token and where in its file it stands.
type lexeme struct {
	text     string
	from, to int
}

// notProduction are folders of the module whose code no mutant changes: it serves tests
// and readers.
var notProduction = map[string]bool{"demo": true, "examples": true, "test": true, "testenv": true}

// readCode reads the production Go files of the module at root.
func readCode(root string) (*code, error) {
	c := &code{named: map[string][]*declaration{}, files: map[string][]byte{}}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		switch name := d.Name(); {
		case d.IsDir():
			if rel != "." && (strings.HasPrefix(name, ".") || name == "testdata" || notProduction[rel] || isModule(path)) {
				return filepath.SkipDir
			}
			return nil
		case !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		// A file for another system is not compiled, so that a mutant in it would survive.
		if built, err := build.Default.MatchFile(filepath.Split(path)); err != nil || !built {
			return err
		}
		return c.read(path, filepath.ToSlash(rel))
	})
	if err == nil && len(c.declarations) == 0 {
		err = fmt.Errorf("no Go code in %s", root)
	}
	return c, err
}

func isModule(dir string) bool {
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return !errors.Is(err, fs.ErrNotExist)
}

// read adds the declarations of a file.
func (c *code) read(path, rel string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	offsets := token.NewFileSet()
	parsed, err := parser.ParseFile(offsets, rel, b, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	tokens, err := lexemes(b)
	if err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	c.files[rel] = b
	add := func(n ast.Node, names ...*ast.Ident) {
		from, to := offsets.Position(n.Pos()).Offset, offsets.Position(n.End()).Offset
		d := &declaration{pkg: parsed.Name.Name, file: rel}
		for _, t := range tokens {
			if from <= t.from && t.to <= to {
				d.tokens = append(d.tokens, t)
			}
		}
		c.declarations = append(c.declarations, d)
		for _, name := range names {
			d.names = append(d.names, name.Name)
			c.named[name.Name] = append(c.named[name.Name], d)
			c.named[d.pkg+"."+name.Name] = append(c.named[d.pkg+"."+name.Name], d)
		}
	}
	for _, d := range parsed.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			add(d, ast.NewIdent(receiver(d)+d.Name.Name))
		case *ast.GenDecl:
			for _, s := range d.Specs {
				var n ast.Node = s
				if !d.Lparen.IsValid() {
					n = d // with the word const, type or var
				}
				switch s := s.(type) {
				case *ast.TypeSpec:
					add(n, s.Name)
				case *ast.ValueSpec:
					add(n, s.Names...)
				}
			}
		}
	}
	return nil
}

// receiver is what stands before a method's name: "(*operation)." or "health.".
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil || len(f.Recv.List) != 1 {
		return ""
	}
	format := "%s."
	t := f.Recv.List[0].Type
	if star, ok := t.(*ast.StarExpr); ok {
		t, format = star.X, "(*%s)."
	}
	switch generic := t.(type) {
	case *ast.IndexExpr:
		t = generic.X
	case *ast.IndexListExpr:
		t = generic.X
	}
	if name, ok := t.(*ast.Ident); ok {
		return fmt.Sprintf(format, name.Name)
	}
	return ""
}

// lexemes are the tokens of a text without its comments and its semicolons, most of which
// are ends of lines.
func lexemes(text []byte) (all []lexeme, err error) {
	file := token.NewFileSet().AddFile("", -1, len(text))
	var s scanner.Scanner
	s.Init(file, text, func(_ token.Position, msg string) { err = fmt.Errorf("%s: %.60q", msg, text) }, 0)
	for {
		pos, tok, lit := s.Scan()
		switch {
		case tok == token.EOF:
			return all, err
		case tok == token.SEMICOLON:
			continue
		case !tok.IsLiteral() && !tok.IsKeyword():
			lit = tok.String()
		}
		all = append(all, lexeme{lit, file.Offset(pos), file.Offset(pos) + len(lit)})
	}
}

// declaration returns the one declaration that an anchor names.
func (c *code) declaration(anchor string) (*declaration, error) {
	found := c.named[anchor]
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("no declaration is called %s", anchor)
	case 1:
		return found[0], nil
	}
	var where []string
	for _, d := range found {
		where = append(where, fmt.Sprintf("%s in %s", d.anchor(c), d.file))
	}
	return nil, fmt.Errorf("%d declarations are called %s: %s", len(found), anchor, strings.Join(where, ", "))
}

// anchor is the shortest name that only this declaration has, or its name with its package.
func (d *declaration) anchor(c *code) string {
	for _, name := range d.names {
		if len(c.named[name]) == 1 {
			return name
		}
	}
	return d.pkg + "." + d.names[0]
}

// where are the places in the declaration, as bytes of its file, at which these tokens
// stand in a row.
func (d *declaration) where(row []lexeme) (places []place) {
	for i := range d.tokens[:max(0, len(d.tokens)-len(row)+1)] {
		if slices.EqualFunc(row, d.tokens[i:i+len(row)], sameText) {
			places = append(places, place{d.file, d.tokens[i].from, d.tokens[i+len(row)-1].to})
		}
	}
	return places
}

func sameText(a, b lexeme) bool { return a.text == b.text }
