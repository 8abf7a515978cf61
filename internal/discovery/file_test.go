package discovery

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCommentsOfAFile(t *testing.T) {
	for _, c := range []struct{ why, in, want string }{
		{"one node a line", "n1:a:1\nn2:b:2\n", "n1:a:1\nn2:b:2\n"},
		{"the form of MEMCACHED_NODES", "n1:a:1,n2:b:2\n", "n1:a:1,n2:b:2\n"},
		{"a comment of its own line", "# rack a\nn1:a:1\n", "\nn1:a:1\n"},
		{"a comment behind a node", "n1:a:1 # old\nn2:b:2,# new\n", "n1:a:1\nn2:b:2,\n"},
		{"a # inside a word", "n1:/run/a#b\n", "n1:/run/a#b\n"},
		{"line ends of Windows", "n1:a:1 # x\r\nn2:b:2\r\n", "n1:a:1\nn2:b:2\n"},
	} {
		if text, err := wholeText(c.in); err != nil || text != c.want {
			t.Errorf("%s: %q, %v", c.why, text, err)
		}
	}
}

func TestFilesThatAreErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "nodes")
	write := func(s string) {
		if err := os.WriteFile(path, []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	fails := func(why, path, want string) {
		t.Helper()
		if text, err := ReadFile(t.Context(), path); err == nil || text != "" || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %q, %v", why, text, err)
		}
	}
	if _, err := ReadFile(t.Context(), path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	fails("a directory", dir, "not a regular file")
	write("n1:a:1\nn2:b:1")
	fails("a half-written file", path, "half written")
	write("")
	fails("an empty file", path, "no node")
	write("# nothing yet\n \n")
	fails("comments only", path, "no node")
	write(strings.Repeat("#\n", maxFile))
	fails("a file that is too long", path, "more than")

	write("n1:a:1\n")
	if text, err := ReadFile(t.Context(), path); err != nil || text != "n1:a:1\n" {
		t.Errorf("a whole file: %q, %v", text, err)
	}
	write("n1:a:1\nn2:b:1\n")
	if text, err := ReadFile(t.Context(), path); err != nil || text != "n1:a:1\nn2:b:1\n" {
		t.Errorf("the file is read again: %q, %v", text, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadFile(ctx, path); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}

// Each of these is done by somebody else between the read of a file and the look behind it.
func TestAFileThatChangesWhileItIsRead(t *testing.T) {
	for why, change := range map[string]func(path string) error{
		"a line is added": func(path string) error {
			f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("n2:b:1\n")
			return errors.Join(err, f.Close())
		},
		"it is written anew": func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"another of its size and time is put in its place": func(path string) error {
			old, err := os.Stat(path)
			if err != nil {
				return err
			}
			next := path + ".new"
			return errors.Join(os.WriteFile(next, []byte("n9:z:1\n"), 0o600), os.Chtimes(next, old.ModTime(), old.ModTime()), os.Rename(next, path))
		},
		"it is removed": os.Remove,
	} {
		path := filepath.Join(t.TempDir(), "nodes")
		if err := os.WriteFile(path, []byte("n1:a:1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := readWhole(t.Context(), path, func() {
			if err := change(path); err != nil {
				t.Fatal(err)
			}
		})
		if err == nil || text != "" {
			t.Errorf("%s: %q, %v", why, text, err)
		}
	}
}
