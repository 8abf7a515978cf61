package discovery

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// This file reads a node list from a file that others write at any time, and decides when it is
// whole.

// maxFile is the most bytes of a file.
const maxFile = 1 << 20

// ReadFile returns the text of a node list without its comments, which begin with a # at the
// start of a line or behind white space. What the text means is the caller's business. A file
// that may be half written is an error.
func ReadFile(ctx context.Context, path string) (string, error) {
	text, err := readWhole(ctx, path, func() {})
	if err != nil {
		return "", told(ctx, fmt.Sprintf("file %q", path), err)
	}
	return text, nil
}

// readWhole reads the file, and looks behind the read whether the file is still what it was
// before. Tests change it in between.
func readWhole(ctx context.Context, path string, between func()) (string, error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	before, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !before.Mode().IsRegular() { // a pipe would hold up the reader until somebody writes
		return "", errors.New("it is not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return "", err
	}
	if len(b) > maxFile {
		return "", fmt.Errorf("it has more than %d bytes", maxFile)
	}
	between()
	after, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if !os.SameFile(before, after) || before.Size() != after.Size() || !before.ModTime().Equal(after.ModTime()) || int64(len(b)) != after.Size() {
		return "", errors.New("it was changed while it was read: it is read again next time")
	}
	return wholeText(string(b))
}

// wholeText takes the comments out of a text that has its last line whole.
func wholeText(s string) (string, error) {
	if s != "" && !strings.HasSuffix(s, "\n") {
		return "", errors.New("its last line does not end with a line feed, so that it may be half written: add one, and put new versions in place with a rename")
	}
	var text strings.Builder
	for line := range strings.Lines(s) {
		text.WriteString(strings.TrimRight(line[:commentStart(line)], " \t\r\n") + "\n")
	}
	if strings.TrimSpace(text.String()) == "" {
		return "", ErrNoNode
	}
	return text.String(), nil
}

// commentStart returns where the comment of a line begins, or the line's length. A # inside a
// word is none: the path of a unix socket may have one.
func commentStart(line string) int {
	for i := range len(line) {
		if line[i] == '#' && (i == 0 || strings.IndexByte(" \t,", line[i-1]) >= 0) {
			return i
		}
	}
	return len(line)
}
