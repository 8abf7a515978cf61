package main

import (
	"bytes"
	"cmp"
	"fmt"
	"go/parser"
	"go/token"
	"maps"
	"slices"
	"strings"
)

// This file decides what a mutant makes of the code.

// place is a stretch of bytes in a file.
type place struct {
	file     string
	from, to int
}

// place finds the text that an edit replaces.
func (c *code) place(e edit) (place, error) {
	row, err := lexemes([]byte(e.old))
	if err != nil {
		return place{}, fmt.Errorf("not a row of Go's tokens: %w", err)
	}
	if len(row) == 0 {
		return place{}, fmt.Errorf("%s: the text to replace is empty", e.anchor)
	}
	d, err := c.declaration(e.anchor)
	if err != nil {
		return place{}, fmt.Errorf("%w%s", err, c.elsewhere(row))
	}
	places := d.where(row)
	switch len(places) {
	case 0:
		return place{}, fmt.Errorf("%s in %s does not hold the text %.60q%s", e.anchor, d.file, e.old, c.elsewhere(row))
	case 1:
		return places[0], nil
	}
	return place{}, fmt.Errorf("%s in %s holds the text %d times, not once: %.60q", e.anchor, d.file, len(places), e.old)
}

// elsewhere tells where the text of a misplaced edit may have moved to.
func (c *code) elsewhere(row []lexeme) string {
	var names []string
	for _, d := range c.declarations {
		if len(d.where(row)) > 0 {
			names = append(names, d.anchor(c))
		}
	}
	if len(names) == 0 || len(names) > 5 { // a text that many hold says nothing
		return ""
	}
	return "; the text stands in " + strings.Join(names, ", ")
}

// mutated returns the files that the mutant changes, as it leaves them.
func (c *code) mutated(m rule) (map[string][]byte, error) {
	type change struct {
		place
		new string
	}
	var changes []change
	for _, e := range m.edits {
		p, err := c.place(e)
		if err != nil {
			return nil, err
		}
		changes = append(changes, change{p, e.new})
	}
	// From the end, so that the places before stay where they are.
	slices.SortFunc(changes, func(a, b change) int { return cmp.Or(cmp.Compare(a.file, b.file), cmp.Compare(b.from, a.from)) })
	files := map[string][]byte{}
	for i, ch := range changes {
		if i > 0 && changes[i-1].file == ch.file && changes[i-1].from < ch.to {
			return nil, fmt.Errorf("two edits of %s change the same text", ch.file)
		}
		b, ok := files[ch.file]
		if !ok {
			b = c.files[ch.file]
		}
		files[ch.file] = slices.Concat(b[:ch.from], []byte(ch.new), b[ch.to:])
	}
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if _, err := parser.ParseFile(token.NewFileSet(), file, files[file], parser.SkipObjectResolution); err != nil {
			return nil, err
		}
		if bytes.Equal(files[file], c.files[file]) {
			return nil, fmt.Errorf("%s stays as it was", file)
		}
	}
	return files, nil
}
