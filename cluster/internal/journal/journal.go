package journal

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// This file decides which log lines are written at once and which wait. The line at the end of a second tells how
// many others it stands for.

// Every is the time between two lines of one kind about one node.
const Every = time.Second

// Journal writes log lines. A nil Journal writes nothing. The logger is called under no lock, by the goroutine
// that had something to say or by one of a timer, which Close waits for.
type Journal struct {
	to        *slog.Logger
	opposites map[string]string // by message

	mu      sync.Mutex // guards below
	paces   map[subject]*pace
	closed  bool
	pending sync.WaitGroup // timers; Add only while mu is held and closed is false
}

// New returns a Journal that writes to the logger. Of two messages that are opposites, such as "down" and "up
// again", the later one is true: the other one, where it still waits, is not written after it.
func New(to *slog.Logger, opposites ...[2]string) *Journal {
	j := &Journal{to: to, opposites: map[string]string{}}
	for _, two := range opposites {
		j.opposites[two[0]], j.opposites[two[1]] = two[1], two[0]
	}
	return j
}

// Write writes a line about a node, which is empty for one about all of them. Its kind is the message: what differs
// from line to line belongs into args.
func (j *Journal) Write(level slog.Level, node, message string, args []any) {
	if j == nil {
		return
	}
	s, l := subject{message, node}, &line{level, message, args}
	if j.isDue(s, l) {
		j.log(l)
	}
}

// subject is what lines are counted by. There are as many as kinds times nodes.
type subject struct{ message, node string }

// pace is how far the lines about one subject have come.
type pace struct {
	last    time.Time   // of the last line
	held    *line       // the newest that waits for its turn, or nil
	omitted int         // lines that were not written, and that the next one stands for
	timer   *time.Timer // writes held; nil while there is none
}

// line is one log line.
type line struct {
	level   slog.Level
	message string
	args    []any
}

// hold decides about one more line: written now, or held until the wait is over. A wait of
// 0 with ok false means that another line waits already, for both.
func (p *pace) hold(l *line, now time.Time) (wait time.Duration, ok bool) {
	since := now.Sub(p.last)
	switch {
	case p.held != nil:
		p.held = l
		p.omitted++
		return 0, false
	case p.timer != nil: // for a line that was given up
		p.held = l
		return 0, false
	case p.last.IsZero() || since >= Every:
		p.tell(l, now)
		return 0, true
	}
	p.held = l
	return Every - since, false
}

// take returns the line that waits, if it was not given up.
func (p *pace) take(now time.Time) *line {
	l := p.held
	if p.held, p.timer = nil, nil; l != nil {
		p.tell(l, now)
	}
	return l
}

// tell has the line, which is written now, say how many others it stands for.
func (p *pace) tell(l *line, now time.Time) {
	if p.omitted > 0 {
		l.args = append(slices.Clip(l.args), "omitted", p.omitted)
	}
	p.omitted, p.last = 0, now
}

// giveUp has the line that waits not be written: it is true no more.
func (p *pace) giveUp() {
	if p != nil && p.held != nil {
		p.held = nil
		p.omitted++
	}
}

// isDue reports whether the line is to be written now, and sees to it that one which is not
// is written later.
func (j *Journal) isDue(s subject, l *line) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		return false
	}
	p := j.paces[s]
	if p == nil {
		if j.paces == nil {
			j.paces = map[subject]*pace{}
		}
		p = &pace{}
		j.paces[s] = p
	}
	j.paces[subject{j.opposites[s.message], s.node}].giveUp()
	wait, ok := p.hold(l, time.Now())
	if wait > 0 {
		j.pending.Add(1)
		p.timer = time.AfterFunc(wait, func() {
			defer j.pending.Done()
			j.release(p)
		})
	}
	return ok
}

// release writes the line that waits, unless Close has done so.
func (j *Journal) release(p *pace) {
	j.mu.Lock()
	l := p.take(time.Now())
	j.mu.Unlock()
	if l != nil {
		j.log(l)
	}
}

// Close writes what waits. Later lines are not written.
func (j *Journal) Close() {
	j.mu.Lock()
	j.closed = true
	var last []*line
	for _, p := range j.paces {
		if p.timer != nil && p.timer.Stop() {
			j.pending.Done()
			if l := p.take(time.Now()); l != nil {
				last = append(last, l)
			}
		}
	}
	j.mu.Unlock()
	for _, l := range last {
		j.log(l)
	}
	j.pending.Wait()
}

func (j *Journal) log(l *line) {
	j.to.Log(context.Background(), l.level, l.message, l.args...)
}
