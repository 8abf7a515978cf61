package journal

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

type syncBuffer struct {
	mu  sync.Mutex // guards below
	buf bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// linesIn returns the lines with the text, of what was logged.
func linesIn(logs fmt.Stringer, text string) (found []string) {
	for _, l := range strings.Split(logs.String(), "\n") {
		if strings.Contains(l, text) {
			found = append(found, l)
		}
	}
	return found
}

func journalOf(b *syncBuffer) *Journal { return New(slog.New(slog.NewTextHandler(b, nil))) }

// warn writes a line about a node, as package cluster does.
func warn(j *Journal, node, message string, args ...any) {
	if node != "" {
		args = append([]any{"node", node}, args...)
	}
	j.Write(slog.LevelWarn, node, message, args)
}

// A thousand lines in a fifth of a second are two: the first at once, the last when the
// second is over, with the number of those that neither shows.
func TestOneLineASecondOfEachKindAndNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		j := journalOf(&b)
		for i := range 1000 {
			warn(j, "n1", "it is ill", "how", fmt.Sprint("case", i))
			time.Sleep(200 * time.Microsecond)
		}
		warn(j, "n2", "it is ill")
		warn(j, "n1", "it is slow")
		if got := linesIn(&b, ""); len(got) != 4 { // the last is empty
			t.Errorf("want one line for each kind and node at once: %q", got)
		}
		time.Sleep(2 * Every)
		of := linesIn(&b, "it is ill\" node=n1")
		if len(of) != 2 || !strings.Contains(of[0], "how=case0") || strings.Contains(of[0], "omitted") ||
			!strings.Contains(of[1], "how=case999") || !strings.Contains(of[1], "omitted=998") {
			t.Errorf("want the first line, and the last with what it stands for: %q", of)
		}
		warn(j, "n1", "it is ill")
		if of := linesIn(&b, "it is ill\" node=n1"); len(of) != 3 || strings.Contains(of[2], "omitted") {
			t.Errorf("a line after a quiet time waits, or counts others: %q", of)
		}
		j.Close()
	})
}

// A node goes down and comes up within a second, many times. The last line says what it is in the end, and each
// kind counts what was not written.
func TestTheLineThatIsTrueComesLast(t *testing.T) {
	for _, last := range []string{"is down", "is up"} {
		synctest.Test(t, func(t *testing.T) {
			var b syncBuffer
			j := New(slog.New(slog.NewTextHandler(&b, nil)), [2]string{"is down", "is up"})
			for range 5 {
				time.Sleep(70 * time.Millisecond)
				warn(j, "n1", "is down")
				time.Sleep(70 * time.Millisecond)
				warn(j, "n1", "is up")
			}
			if last == "is down" {
				warn(j, "n1", "is down")
			}
			warn(j, "n2", "is up") // says nothing of n1
			time.Sleep(3 * Every)
			lines := linesIn(&b, "node=n1")
			if n := len(lines); n != 3 || !strings.Contains(lines[n-1], last) || !strings.Contains(lines[n-1], "omitted=") {
				t.Errorf("want one line of each kind at once, and %q in the end: %q", last, lines)
			}
			warn(j, "n1", "is down")
			warn(j, "n1", "is up")
			j.Close()
			all := strings.Join(linesIn(&b, "node=n1"), " ")
			if told := strings.Count(all, "is ") + omittedIn(t, all); told != strings.Count(last, "down")+12 {
				t.Errorf("%d lines are told of: %s", told, all)
			}
		})
	}
}

// omittedIn is how many lines the others stand for.
func omittedIn(t *testing.T, lines string) (sum int) {
	for _, m := range regexp.MustCompile(`omitted=(\d+)`).FindAllStringSubmatch(lines, -1) {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// What goes on for a minute costs a line a second, and every one of them is counted.
func TestALongFloodIsCountedToTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		j := journalOf(&b)
		for range 6000 {
			warn(j, "", "flood")
			time.Sleep(10 * time.Millisecond)
		}
		j.Close()
		got, omitted := linesIn(&b, "flood"), 0
		for _, l := range got {
			var n int
			if _, after, has := strings.Cut(l, "omitted="); has {
				if _, err := fmt.Sscan(after, &n); err != nil {
					t.Fatal(err)
				}
			}
			omitted += n
		}
		if len(got) < 55 || len(got) > 62 || len(got)+omitted != 6000 {
			t.Errorf("%d lines, which stand for %d others, of 6000", len(got), omitted)
		}
	})
}

// Close writes what waits, and nothing is written after it.
func TestNoLineIsLostAtTheEndNorComesAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		j := journalOf(&b)
		for range 3 {
			warn(j, "", "last words")
		}
		j.Close()
		want := b.String()
		if len(linesIn(&b, "last words")) != 2 || !strings.Contains(want, "omitted=1") {
			t.Errorf("logged %q", want)
		}
		warn(j, "", "last words")
		time.Sleep(2 * Every)
		if b.String() != want {
			t.Errorf("logged after the end: %q", b.String())
		}
	})
}
