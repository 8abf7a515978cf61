package docs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// This file decides what a page is: its text, its blocks and its headings.

const root = "../.."

type block struct {
	lang, text string
	line       int    // of the page, where the text begins
	mark       string // the comment above it, such as "program scs"
}

type page struct {
	path   string // below the root
	text   string // without blocks
	blocks []block
}

var commentLine = regexp.MustCompile(`^<!-- (.*) -->$`)

// pages returns all pages for readers.
func pages(t *testing.T) (all []page) {
	t.Helper()
	for _, pattern := range []string{"*.md", "docs/*.md", "bench/*.md", ".github/*.md"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			path, _ = filepath.Rel(root, path)
			all = append(all, parse(path, string(b)))
		}
	}
	if len(all) < 10 {
		t.Fatalf("only %d pages were found", len(all))
	}
	return all
}

func pageOf(t *testing.T, path string) page {
	t.Helper()
	for _, p := range pages(t) {
		if p.path == path {
			return p
		}
	}
	t.Fatalf("there is no %s", path)
	return page{}
}

func parse(path, text string) page {
	p := page{path: path}
	var open *block
	mark := ""
	for i, line := range strings.Split(text, "\n") {
		fence, isFence := strings.CutPrefix(line, "```")
		switch {
		case open != nil && line == "```":
			p.blocks = append(p.blocks, *open)
			open = nil
		case open != nil:
			open.text += line + "\n"
		case isFence:
			open = &block{lang: fence, line: i + 2, mark: mark}
		default:
			p.text += line
		}
		if m := commentLine.FindStringSubmatch(line); m != nil {
			mark = m[1]
		} else if !isFence {
			mark = ""
		}
		if open == nil {
			p.text += "\n"
		}
	}
	return p
}

// anchors returns the anchors of the page's headings, as GitHub makes them.
func (p page) anchors() map[string]bool {
	all := map[string]bool{}
	for line := range strings.Lines(p.text) {
		if heading, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") {
			all[slug(strings.TrimSpace(heading))] = true
		}
	}
	return all
}

var (
	linked   = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`)
	unslug   = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
	linkLike = regexp.MustCompile(`\]\(([^)\s]+)\)|(?:href|src|srcset)="([^"]+)"`)
)

func slug(heading string) string {
	heading = linked.ReplaceAllString(heading, "$1")
	return strings.ReplaceAll(unslug.ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	byPath := map[string]page{}
	for _, p := range pages(t) {
		byPath[p.path] = p
	}
	for _, p := range byPath {
		for _, m := range linkLike.FindAllStringSubmatch(p.text, -1) {
			link := m[1] + m[2]
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			path, anchor, _ := strings.Cut(link, "#")
			target := p.path
			if path != "" {
				target = filepath.Join(filepath.Dir(p.path), path)
			}
			if _, err := os.Stat(filepath.Join(root, target)); err != nil {
				t.Errorf("%s: %q leads nowhere", p.path, link)
				continue
			}
			if other, ok := byPath[target]; anchor != "" && (!ok || !other.anchors()[anchor]) {
				t.Errorf("%s: %q: there is no such heading", p.path, link)
			}
		}
	}
}

// mostWords keeps the README a page for five minutes.
const mostWords = 1200

func TestTheREADMEIsShort(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(strings.Fields(string(b))); n > mostWords {
		t.Errorf("the README has %d words, more than %d: a page under docs has room", n, mostWords)
	}
}

// Each page is a link away from the README or from a page that is.
func TestEveryPageIsFound(t *testing.T) {
	linkedTo := map[string]bool{"README.md": true, "CHANGELOG.md": true, filepath.Join(".github", "pull_request_template.md"): true}
	for _, p := range pages(t) {
		for _, m := range linkLike.FindAllStringSubmatch(p.text, -1) {
			path, _, _ := strings.Cut(m[1]+m[2], "#")
			linkedTo[filepath.Join(filepath.Dir(p.path), path)] = true
		}
	}
	for _, p := range pages(t) {
		if !linkedTo[p.path] {
			t.Errorf("no page leads to %s", p.path)
		}
	}
}
