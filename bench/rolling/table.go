package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// This file decides how results are shown: as tables of Markdown, which may take the place of older ones
// in a file.

// conditions are what all runs have in common.
type conditions struct {
	sessions, bytes, users, processors int
	at                                 time.Time
}

// tables are all results.
func tables(c conditions, all []result) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s idle sessions of %d bytes, three memcached processes, two instances, %d users at work, %d shared processors, %s.\n\n",
		grouped(c.sessions), c.bytes, c.users, c.processors, c.at.Format("2006-01-02"))
	b.WriteString("| between two restarts | sessions lost | lost by two copies without healing | all three restarts took | copies healed |\n|---|--:|--:|--:|--:|\n")
	for _, r := range all {
		gap := r.gap
		if r.whole {
			gap = "until `holdfast wait` returns"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", gap, grouped(r.lost), grouped(r.lostByTwo), seconds(r.took), grouped(int(r.healed)))
	}
	for _, r := range all {
		if r.whole {
			r.wholeTables(&b)
		}
	}
	for _, r := range all {
		if len(r.waits) > 0 {
			fmt.Fprintf(&b, "\n| users' requests (a save and a load), gap: %s | number | errors | p50 | p99 | longest |\n|---|--:|--:|--:|--:|--:|\n", r.gap)
			for _, w := range r.waits {
				fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", w.phase, grouped(w.requests), grouped(w.errors), millis(w.p50), millis(w.p99), millis(w.longest))
			}
		}
	}
	return b.String()
}

// wholeTables tell what it costs to make nodes whole.
func (r result) wholeTables(b *strings.Builder) {
	restored := max(1, 2*r.pass.Sessions) // by all three passes: each session has two homes
	restored += r.pass.Sessions
	rows := [][2]string{
		{"a node is whole again, after its restart", seconds(slices.Max(r.perNodeWaits)) + " at most"},
		{"list of one node's keys", fmt.Sprintf("%s keys, %.1f s, %s", grouped(r.list.keys), r.list.took.Seconds(), megabytes(uint64(r.list.bytes)))},
		{"a pass over all sessions of one node that lacks nothing", fmt.Sprintf("%s sessions, %.1f s", grouped(r.pass.Sessions), r.pass.Took.Seconds())},
		{"memory of the healing process in it, at most", megabytes(r.passMemory)},
		{"reads on all nodes during the restarts, a session restored", ratio(r.cost["cmd_get"], restored)},
		{"writes", ratio(r.cost["cmd_set"], restored)},
		{"bytes that the nodes received", ratio(r.cost["bytes_read"], restored)},
		{"bytes that the nodes sent", ratio(r.cost["bytes_written"], restored)},
	}
	b.WriteString("\n| healing | |\n|---|--:|\n")
	for _, row := range rows {
		fmt.Fprintf(b, "| %s | %s |\n", row[0], row[1])
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }

func millis(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}

func megabytes(n uint64) string { return fmt.Sprintf("%d MB", n/1_000_000) }

func ratio(n, of int) string {
	return fmt.Sprintf("%.1f (%s in all)", float64(n)/float64(of), grouped(n))
}

// grouped is a number with a comma before each three digits.
func grouped(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

var errNoTable = errors.New("-into and -table go together: a file, and the name of the tables in it")

// checkTable reports whether the file has a place for the tables.
func checkTable(file, name string) error {
	if file == "" && name == "" {
		return nil
	}
	if file == "" || name == "" {
		return errNoTable
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = withTable(string(text), name, "")
	return err
}

func replaceTable(file, name, tables string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	changed, err := withTable(string(text), name, tables)
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(changed), 0o644)
}

// withTable is the text with other tables between its marks.
func withTable(text, name, tables string) (string, error) {
	begin, end := "<!-- rolling "+name+" -->\n", "<!-- end of rolling "+name+" -->\n"
	before, rest, found := strings.Cut(text, begin)
	_, after, ends := strings.Cut(rest, end)
	if !found || !ends {
		return "", fmt.Errorf("there is no place for the tables: want lines %q and %q", begin, end)
	}
	return before + begin + "\n" + tables + "\n" + end + after, nil
}
