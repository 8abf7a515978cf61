package main

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// Tables take the place of older ones, and nothing else changes.
func TestTablesReplaceThoseOfTheirName(t *testing.T) {
	text := "a\n<!-- rolling x -->\nold\n<!-- end of rolling x -->\nb\n<!-- rolling y -->\nother\n<!-- end of rolling y -->\n"
	got, err := withTable(text, "x", "new\n")
	want := strings.Replace(text, "\nold\n", "\n\nnew\n\n", 1)
	if err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := withTable(text, "z", ""); err == nil || !strings.Contains(err.Error(), "rolling z") {
		t.Errorf("no place: %v", err)
	}
}

// Each row of a table has as many cells as its head.
func TestTablesAreWhole(t *testing.T) {
	r := result{
		gap: "whole", whole: true, lost: 1234567, perNodeWaits: []time.Duration{time.Second}, pass: cluster.HealReport{Sessions: 2},
		waits: []waited{{"before", 1, 0, time.Millisecond, 2 * time.Millisecond, time.Second}},
	}
	cells := 0
	for line := range strings.Lines(tables(conditions{sessions: 100_000}, []result{r, {gap: "1s"}})) {
		if !strings.HasPrefix(line, "|") {
			cells = 0
			continue
		}
		n := strings.Count(line, "|")
		if cells != 0 && n != cells {
			t.Errorf("%d cells, its head has %d: %s", n, cells, line)
		}
		cells = n
	}
	if got := grouped(1234567) + " " + grouped(123) + " " + grouped(1000); got != "1,234,567 123 1,000" {
		t.Error(got)
	}
}
