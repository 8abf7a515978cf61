package cluster

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// This file decides which log lines are written: of each kind (its message) and node one a
// second. A node that fails every request, or a flood of damaged copies, must not fill a
// disk, and must not hide what other nodes have to say. The line at the end of a second
// tells how many others it stands for.

// linesEvery is the time between two lines of one kind about one node.
const linesEvery = time.Second

// journal writes the log lines of a Cluster. A nil journal writes nothing. The logger is
// called under no lock, by the goroutine that had something to say or by one of a timer,
// which close waits for.
type journal struct {
	to *slog.Logger

	mu      sync.Mutex // guards below
	paces   map[subject]*pace
	closed  bool
	pending sync.WaitGroup // timers; Add only while mu is held and closed is false
}

// subject is what lines are counted by. There are as many as kinds times nodes.
type subject struct{ message, node string }

// pace is how far the lines about one subject have come.
type pace struct {
	last    time.Time   // of the last line
	held    *line       // the newest that waits for its turn, or nil
	omitted int         // lines that held stands for, beside itself
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
	case p.last.IsZero() || since >= linesEvery:
		p.last = now
		return 0, true
	}
	p.held = l
	return linesEvery - since, false
}

// take returns the line that waits, with the number of those that it stands for.
func (p *pace) take(now time.Time) *line {
	l := p.held
	if l != nil && p.omitted > 0 {
		l.args = append(slices.Clip(l.args), "omitted", p.omitted)
	}
	p.held, p.omitted, p.timer, p.last = nil, 0, nil, now
	return l
}

// warn writes a line that somebody should act on, about a node or, where n is nil, about
// the cluster. Its kind is the message: what differs from line to line belongs into args.
func (j *journal) warn(n *node, message string, args ...any) {
	j.write(slog.LevelWarn, n, message, args)
}

// info writes a line that is good to know.
func (j *journal) info(n *node, message string, args ...any) {
	j.write(slog.LevelInfo, n, message, args)
}

func (j *journal) write(level slog.Level, n *node, message string, args []any) {
	if j == nil {
		return
	}
	s := subject{message: message}
	if n != nil {
		s.node = n.ID
		args = append([]any{"node", n.ID, "addr", n.Addr}, args...)
	}
	l := &line{level, message, args}
	if j.isDue(s, l) {
		j.log(l)
	}
}

// isDue reports whether the line is to be written now, and sees to it that one which is not
// is written later.
func (j *journal) isDue(s subject, l *line) bool {
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

// release writes the line that waits, unless close has done so.
func (j *journal) release(p *pace) {
	j.mu.Lock()
	l := p.take(time.Now())
	j.mu.Unlock()
	if l != nil {
		j.log(l)
	}
}

// close writes what waits. Later lines are not written.
func (j *journal) close() {
	j.mu.Lock()
	j.closed = true
	var last []*line
	for _, p := range j.paces {
		if p.timer != nil && p.timer.Stop() {
			j.pending.Done()
			last = append(last, p.take(time.Now()))
		}
	}
	j.mu.Unlock()
	for _, l := range last {
		j.log(l)
	}
	j.pending.Wait()
}

func (j *journal) log(l *line) {
	j.to.Log(context.Background(), l.level, l.message, l.args...)
}
