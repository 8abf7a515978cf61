package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// This file decides what is copied: mutants never touch the tree itself.

// spared are folders that no test needs which a mutant has to get past.
var spared = map[string]bool{
	"bench": true, "demo": true, "examples": true,
	filepath.Join("test", "browser"): true, filepath.Join("test", "sim", "chaos"): true,
}

// copyTree copies the modules that the tests need.
func copyTree(from, to string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if strings.HasPrefix(d.Name(), ".") && rel != "." || spared[rel] {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		}
		if !d.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
}
