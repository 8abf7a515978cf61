package main

import (
	"fmt"
	"strings"
	"time"
)

// This file decides what the chart of the last two minutes looks like: values in,
// shapes out. Across, everything is in hundredths of the width, so that the chart
// takes any width without its text becoming wider.

// lane is the requests of one kind of store, second by second: paths in a box as
// wide as there are seconds and 100 high.
type lane struct {
	OK, Failed string
	Lost       []dot
}

// dot marks a second in which something was lost.
type dot struct {
	X, R float64 // hundredths of the width; pixels
	Text string
}

// mark is a line down the chart with a word at its top.
type mark struct {
	X      float64
	Row    int // of the words, where several are close
	Y      int // pixels
	Text   string
	Anchor string
	Kind   kind
}

// chart is all of it.
type chart struct {
	Seconds           int
	Holdfast, OneCopy lane
	Top               int // requests a second at the top of the lanes
	Slow, SlowOther   string
	SlowTop           int // ms at the top of the lane of latencies
	Marks             []mark
}

func newChart(now time.Time, holdfast, oneCopy []second, marks []entry) chart {
	c := chart{Seconds: len(holdfast), Top: 10, SlowTop: 20}
	for _, all := range [][]second{holdfast, oneCopy} {
		for _, s := range all {
			c.Top = max(c.Top, s.OK+s.Failed)
			c.SlowTop = max(c.SlowTop, int(percentile(s.classes, 0.99))+1)
		}
	}
	c.Top, c.SlowTop = roundUp(c.Top), roundUp(c.SlowTop)
	c.Holdfast, c.OneCopy = newLane(holdfast, c.Top), newLane(oneCopy, c.Top)
	c.Slow, c.SlowOther = line(holdfast, c.SlowTop), line(oneCopy, c.SlowTop)
	c.Marks = place(now, c.Seconds, marks)
	return c
}

// roundUp returns the next of 10, 15, 20, 30, 40, 60, 80, 100, 150, …
func roundUp(n int) int {
	for step := 10; ; step *= 10 {
		for _, tenths := range []int{10, 15, 20, 30, 40, 60, 80} {
			if top := step * tenths / 10; n <= top {
				return top
			}
		}
	}
}

func newLane(seconds []second, top int) lane {
	var ok, failed strings.Builder
	var l lane
	for i, s := range seconds {
		h, f := 100*float64(s.OK)/float64(top), 100*float64(s.Failed)/float64(top)
		if s.OK > 0 {
			fmt.Fprintf(&ok, "M%d 100v-%.1fh.8V100z", i, h)
		}
		if s.Failed > 0 {
			fmt.Fprintf(&failed, "M%d %.1fv-%.1fh.8v%.1fz", i, 100-h, f, f)
		}
		if n := s.Sessions + s.Changes; n > 0 {
			l.Lost = append(l.Lost, dot{
				100 * (float64(i) + 0.4) / float64(len(seconds)), min(3+float64(n)/4, 6),
				fmt.Sprintf("%s and %d changes lost", countSessions(s.Sessions), s.Changes),
			})
		}
	}
	l.OK, l.Failed = ok.String(), failed.String()
	return l
}

// line returns the path of the 99th percentiles; seconds without a request are gaps.
func line(seconds []second, top int) string {
	var b strings.Builder
	pen := "M"
	for i, s := range seconds {
		if s.OK+s.Failed == 0 {
			pen = "M"
			continue
		}
		fmt.Fprintf(&b, "%s%.1f %.1f", pen, float64(i)+0.4, 100-100*percentile(s.classes, 0.99)/float64(top))
		pen = "L"
	}
	return b.String()
}

const (
	markRows   = 3
	markWidth  = 9.0 // hundredths of the width that a word takes, about
	markHeight = 15  // pixels
)

// place puts the words of the marks into rows so that they do not lie on each other;
// a word that finds no room is left out, its line is not.
func place(now time.Time, seconds int, entries []entry) []mark {
	var out []mark
	var taken [markRows]float64
	for _, e := range entries {
		age := now.Sub(e.Time).Seconds()
		m := mark{X: 100 * (1 - age/float64(seconds)), Text: e.Mark, Anchor: "start", Kind: e.Kind}
		if m.X < 0 {
			continue
		}
		from := m.X
		if m.X > 100-markWidth {
			m.Anchor, from = "end", m.X-markWidth
		}
		for m.Row < markRows && taken[m.Row] > from {
			m.Row++
		}
		if m.Row == markRows {
			m.Row, m.Text = 0, ""
		} else {
			taken[m.Row] = from + markWidth
		}
		m.Y = 12 + m.Row*markHeight
		out = append(out, m)
	}
	return out
}
