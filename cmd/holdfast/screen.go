package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// This file decides what tables, numbers and progress look like.

// isTerminal reports whether somebody may be looking at what is written there.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// writeRows writes rows with their columns one below the other. The last column may be long.
func writeRows(w io.Writer, rows [][]string) {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			line.WriteString(cell)
			line.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2))
		}
		fmt.Fprintln(w, strings.TrimRight(line.String(), " "))
	}
}

// number writes 120344 as 120,344.
func number[T int | int64 | uint64](n T) string {
	digits := strconv.FormatInt(int64(n), 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// size writes a number of bytes, to three digits.
func size(n int64) string {
	const kib = 1024
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	if n < kib {
		return number(n) + " B"
	}
	x := float64(n) / kib
	for _, unit := range units {
		if x < 999.5 || unit == units[len(units)-1] {
			return strconv.FormatFloat(x, 'f', max(0, 3-len(strconv.Itoa(int(x)))), 64) + " " + unit
		}
		x /= kib
	}
	return ""
}

// span writes a time in its two largest units: 3d4h, 5m10s.
func span(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.1fs", d.Seconds())
	}
	d = d.Round(time.Second)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}

// seconds is a time as JSON has it.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }

// progress is a line on a terminal that is written again and again. Where nobody looks it is none.
type progress struct {
	w     io.Writer
	shown bool
	on    bool
}

// lineWidth is what every terminal has room for.
const lineWidth = 79

// show replaces the line.
func (p *progress) show(line string) {
	if !p.on {
		return
	}
	p.shown = true
	if utf8.RuneCountInString(line) > lineWidth {
		line = string([]rune(line)[:lineWidth-1]) + "…"
	}
	fmt.Fprint(p.w, "\r\x1b[K"+line)
}

// clear removes the line, so that something else can be written.
func (p *progress) clear() {
	if p.shown {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
	p.shown = false
}

// bar draws how much is done.
func bar(done, of int64) string {
	const width = 24
	if of <= 0 {
		return "[" + strings.Repeat(".", width) + "]"
	}
	full := int(min(done, of) * width / of)
	return fmt.Sprintf("[%s%s] %3d %%", strings.Repeat("#", full), strings.Repeat(".", width-full), min(done, of)*100/of)
}
