package check

import (
	"strings"
	"testing"
	"time"
)

const ms = time.Millisecond

func save(at, end time.Duration, o Outcome, attr, v string) Op {
	return Op{Client: "w", Key: "k", Kind: Save, Outcome: o, Begun: at, Call: at, Return: end, Write: map[string]string{attr: v}}
}

func read(at time.Duration, pairs ...string) Op {
	m := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return Op{Client: "r", Key: "k", Kind: Load, Begun: at, Call: at, Return: at + ms, Read: m}
}

func other(k Kind, at, end time.Duration, o Outcome) Op {
	return Op{Client: "o", Key: "k", Kind: k, Outcome: o, Begun: at, Call: at, Return: end}
}

func ending(op Op, deadline time.Duration) Op {
	op.Deadline = deadline
	return op
}

func outage(from, end time.Duration) func(op *Op) (time.Duration, bool) {
	return func(op *Op) (time.Duration, bool) { return end, op.Return > from && op.Call < end }
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name string
		ops  []Op
		opts Options
		want string // rules, joined by a comma
	}{
		{"all is well", []Op{save(1, 2, OK, "a", "1"), read(10, "a", "1"), save(20, 21, OK, "a", "2"), read(3*ms, "a", "2")}, Options{}, ""},
		{"an acknowledged write is not seen", []Op{save(1, 2, OK, "a", "1"), save(3, 4, OK, "a", "2"), read(10, "a", "1")}, Options{}, "stale"},
		{"it is gone for good", []Op{save(1, 2, OK, "a", "1"), read(10)}, Options{Final: 5}, "lost"},
		{"a write under way may be seen or not", []Op{save(1, 10*ms, OK, "a", "1"), read(5), save(11*ms, 20*ms, OK, "a", "2"), read(12*ms, "a", "1")}, Options{}, ""},
		{"what one has read, the next may not unsee", []Op{save(1, 100*ms, OK, "a", "1"), save(2, 3, OK, "b", "1"), read(5, "a", "1", "b", "1"), read(10*ms, "b", "1")}, Options{}, "stale"},
		{"an unknown write may come late", []Op{save(1, 2, OK, "a", "1"), save(3, 4, Unknown, "a", "2"), read(10, "a", "1"), read(5*ms, "a", "2")}, Options{Errors: true}, ""},
		{"an unknown write may not go again", []Op{save(1, 2, OK, "a", "1"), save(3, 4, Unknown, "a", "2"), read(10, "a", "2"), read(5*ms, "a", "1")}, Options{Errors: true}, "stale"},
		{"of two writes at once one is read, the other, and the first again", []Op{save(1, 99*ms, OK, "a", "1"), save(1, 99*ms, OK, "a", "2"), read(2*ms, "a", "1"), read(4*ms, "a", "2"), read(6*ms, "a", "1")}, Options{}, "not linearizable"},
		{"a refused write may not come", []Op{save(1, 2, OK, "a", "1"), save(3, 4, Refused, "a", "2"), read(10, "a", "2")}, Options{Errors: true}, "foreign"},
		{"a removal that is undone", []Op{save(1, 2, OK, "a", "1"), save(3, 4, OK, "a", ""), read(10, "a", "1")}, Options{}, "stale"},
		{"read after logout", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), read(10, "a", "1")}, Options{}, "resurrected"},
		{"read after a logout that somebody has seen", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, Unknown), other(Load, 5, 6, NotFound), read(10, "a", "1")}, Options{Errors: true}, "resurrected"},
		{"saved after logout", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), save(5, 6, OK, "a", "2")}, Options{}, "resurrected"},
		{"not found before it was made, while a logout is under way", []Op{other(Delete, 1, 20, OK), other(Load, 2, 3, NotFound), save(4, 6, OK, "a", "1"), other(Load, 30, 31, NotFound)}, Options{}, ""},
		{"saved without a change after logout", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), other(Save, 5, 6, OK)}, Options{}, "resurrected"},
		{"the same, where such a save costs nothing", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), other(Save, 5, 6, OK)}, Options{Slack: 1}, ""},
		{"a live session is not found", []Op{save(1, 2, OK, "a", "1"), other(Load, 5, 6, NotFound)}, Options{}, "false no-session"},
		{"a session that is being deleted is not found", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 9, OK), other(Load, 5, 6, NotFound)}, Options{}, ""},
		{"a value that nobody wrote", []Op{save(1, 2, OK, "a", "1"), read(10, "a", "7")}, Options{}, "foreign"},
		{"an error", []Op{save(1, 2, OK, "a", "1"), save(5, 6, Unknown, "a", "2")}, Options{}, "error"},
		{"nobody hears a process that was killed", []Op{save(1, 2, OK, "a", "1"), save(5, Never, Unknown, "a", "2")}, Options{}, ""},
		{"an error where it is excused", []Op{save(1, 2, OK, "a", "1"), save(5, 6, Unknown, "a", "2")}, Options{Outage: outage(0, 10)}, ""},
		{"in an outage a load proves nothing", []Op{save(1, 2, OK, "a", "1"), save(20, 21, OK, "a", "2"), read(22, "a", "1"), read(2*ms, "a", "2")}, Options{Outage: outage(10, ms)}, ""},
		{"but there is a session", []Op{save(1, 2, OK, "a", "1"), other(Load, 23, 24, NotFound)}, Options{Outage: outage(10, ms)}, "false no-session"},
		{"what failed is newer than what began after it", []Op{save(1, 2, OK, "a", "1"), save(3, 4, Unknown, "a", "2"), save(10, 11, OK, "a", "3"), read(20, "a", "3"), read(30, "a", "2")}, Options{Errors: true}, "stale"},
		{"what failed is seen only later", []Op{save(1, 2, OK, "a", "1"), save(3, 4, Unknown, "a", "2"), read(20, "a", "1"), read(30, "a", "2")}, Options{Errors: true}, ""},
		{"not found in an outage proves no logout", []Op{save(1, 2, OK, "a", "1"), other(Delete, 12, 13, Unknown), other(Load, 14, 15, NotFound), read(2*ms, "a", "1")}, Options{Outage: outage(10, ms)}, ""},
		{"a removal that failed is seen", []Op{save(1, 2, OK, "a", "1"), save(3, 4, Unknown, "a", ""), read(10)}, Options{Errors: true}, ""},
		{"half of a save is seen", []Op{save(1, 2, OK, "b", "1"), {Client: "w", Key: "k", Kind: Save, Begun: 3, Call: 3, Return: 4, Outcome: Unknown, Write: map[string]string{"a": "2", "b": "2"}}, read(20, "a", "2", "b", "1"), read(3*ms, "a", "2", "b", "1")}, Options{Errors: true}, "stale"},
		{"after it an old value is read", []Op{save(1, 2, OK, "a", "1"), save(20, 21, OK, "a", "2"), read(2*ms, "a", "1")}, Options{Outage: outage(10, ms)}, "stale"},
		{"after it what was saved in it is gone", []Op{save(1, 2, OK, "a", "1"), save(13, 14, OK, "b", "1"), read(2*ms, "a", "1")}, Options{Outage: outage(10, ms)}, "stale"},
		{"of two writes in it either may win", []Op{save(11, 12, OK, "a", "1"), save(13, 14, OK, "a", "2"), read(2*ms, "a", "1")}, Options{Outage: outage(10, ms)}, ""},
		{"after it a logout is undone", []Op{save(1, 2, OK, "a", "1"), other(Delete, 13, 14, OK), read(2*ms, "a", "1")}, Options{Outage: outage(10, ms)}, "resurrected"},
		{"not found after a read, though the save that made it was not acknowledged", []Op{save(1, 2, Unknown, "a", "1"), read(5, "a", "1"), other(Load, 3*ms, 4*ms, NotFound)}, Options{Errors: true}, "false no-session"},
		{"not found after a save that was not acknowledged", []Op{save(1, 2, Unknown, "a", "1"), other(Load, 5, 6, NotFound)}, Options{Errors: true}, ""},
		{"a save is told of a logout that nobody asked for", []Op{save(1, 2, OK, "a", "1"), save(3, 4, Destroyed, "a", "2")}, Options{}, "false no-session"},
		{"a logout that failed may have happened or not", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, Unknown), read(10, "a", "1"), other(Load, 3*ms, 4*ms, NotFound)}, Options{Errors: true}, ""},
		{"read after one of two logouts that failed was seen", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, Unknown), other(Delete, 5, 6, Unknown), other(Load, 7, 8, NotFound), read(10, "a", "1")}, Options{Errors: true}, "resurrected"},
		{"at the end somebody is logged in again", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), read(10, "a", "1")}, Options{Final: 5}, "resurrected"},
		{"a removal is gone for good", []Op{save(1, 2, OK, "a", "1"), save(3, 4, OK, "a", ""), read(10, "a", "1")}, Options{Final: 5}, "lost"},
		{"one of two attributes goes back", []Op{save(1, 2, OK, "a", "1"), save(3, 4, OK, "b", "1"), save(5, 6, OK, "b", "2"), read(10, "a", "1", "b", "1")}, Options{}, "stale"},
		{"a value of another session", []Op{save(1, 2, OK, "a", "1"), {Client: "w", Key: "j", Kind: Save, Begun: 1, Call: 1, Return: 2, Write: map[string]string{"a": "2"}}, read(10, "a", "2")}, Options{}, "foreign"},
		{"a value of another attribute", []Op{save(1, 2, OK, "a", "1"), save(3, 4, OK, "b", "2"), read(10, "a", "2", "b", "2")}, Options{}, "foreign"},
		{"a value that was written for somebody else", []Op{save(1, 2, OK, "a", "j-1"), read(10, "a", "j-1")}, Options{Genuine: func(key, _, value string) bool { return strings.HasPrefix(value, key) }}, "foreign"},
		{"a value read before it was written", []Op{save(1, 2, OK, "a", "1"), read(5, "a", "2"), save(5*ms, 6*ms, OK, "a", "2")}, Options{}, "foreign"},
		{"bytes of nobody in an outage", []Op{save(1, 2, OK, "a", "1"), read(13, "a", "7")}, Options{Outage: outage(0, 10*ms)}, "foreign"},
		{"clocks differ: a save counts from its load", []Op{save(1, 2, OK, "a", "1"), {Client: "w", Key: "k", Kind: Save, Begun: 3, Call: 10, Return: 11, Write: map[string]string{"a": "2"}}, save(5, 6, OK, "a", "3"), read(20, "a", "3")}, Options{Skew: 1}, ""},
		{"clocks are equal: the later save wins", []Op{save(1, 2, OK, "a", "1"), {Client: "w", Key: "k", Kind: Save, Begun: 3, Call: 10, Return: 11, Write: map[string]string{"a": "2"}}, save(5, 6, OK, "a", "3"), read(20, "a", "3")}, Options{}, "stale"},

		{"an error of a load", []Op{save(1, 2, OK, "a", "1"), other(Load, 5, 6, Unknown)}, Options{}, "error"},
		{"an error of a load before anything was saved", []Op{other(Load, 1, 2, Unknown), save(5, 6, OK, "a", "1")}, Options{}, ""},
		{"an error of a load after a logout", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), other(Load, 5, 6, Unknown)}, Options{}, ""},
		{"an error of a logout", []Op{save(1, 2, OK, "a", "1"), other(Delete, 5, 6, Unknown)}, Options{}, "error"},
		{"an error of a logout before anything was saved", []Op{other(Delete, 1, 2, Unknown), save(5, 6, OK, "a", "1")}, Options{}, ""},
		{"a second logout", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), other(Delete, 5, 6, OK)}, Options{}, ""},
		{"read after logout, where a save without a change costs nothing", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), read(10, "a", "1")}, Options{Slack: 1}, "resurrected"},
		{"saved with a change after logout, there", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, OK), save(5, 6, OK, "a", "2")}, Options{Slack: 1}, "resurrected"},
		{"an old value, there", []Op{save(1, 2, OK, "a", "1"), save(3, 4, OK, "a", "2"), read(10, "a", "1")}, Options{Slack: 1}, "stale"},
		{"a value that was written for nobody else", []Op{save(1, 2, OK, "a", "k-1"), read(10, "a", "k-1")}, Options{Genuine: func(key, _, value string) bool { return strings.HasPrefix(value, key) }}, ""},
		{"an attribute that nobody wrote", []Op{save(1, 2, OK, "a", "1"), read(10, "a", "1", "z", "1")}, Options{}, "foreign"},
		{"an acknowledged write is missed before the end, and there in the end", []Op{save(1, 2, OK, "a", "1"), save(3, 4, OK, "a", "2"), read(10, "a", "1"), read(5*ms, "a", "2")}, Options{Final: 4 * ms}, "stale"},
		{"a removal that begins later explains nothing", []Op{save(1, 2, OK, "a", "1"), read(10), save(5*ms, 6*ms, OK, "a", "")}, Options{}, "stale"},
		{"what one has read in an outage is not known to stand", []Op{save(1, 2, OK, "a", "1"), save(20, 21, Unknown, "a", "2"), read(22, "a", "2"), read(3*ms, "a", "1")}, Options{Outage: outage(10, 2*ms)}, ""},
		{"a save in an outage is told of a logout", []Op{save(1, 2, OK, "a", "1"), save(20, 21, Destroyed, "a", "2"), read(2*ms, "a", "1")}, Options{Outage: outage(10, ms)}, ""},
		{"a logout that begins after a session was not found", []Op{save(1, 2, OK, "a", "1"), other(Load, 5, 6, NotFound), other(Delete, 7, 8, OK)}, Options{}, "false no-session"},
		{"what a logout that begins later says of an earlier one", []Op{save(1, 2, OK, "a", "1"), other(Load, 5, 6, NotFound), other(Delete, 20*ms, 21*ms, Unknown), read(10*ms, "a", "1")}, Options{Errors: true}, "false no-session"},
		{"a save that was told of the logout proves it", []Op{save(1, 2, OK, "a", "1"), other(Delete, 3, 4, Unknown), save(5, 6, Destroyed, "a", "2"), read(10, "a", "1")}, Options{Errors: true}, "resurrected"},

		{"ended, and an old value", []Op{ending(save(1, 2, OK, "a", "1"), 50), ending(save(3, 4, OK, "a", "2"), 50), read(60, "a", "1")}, Options{}, "overdue,stale"},
		{"an earlier end that is given later explains nothing", []Op{ending(save(1, 2, OK, "a", "1"), 50*ms), other(Load, 10*ms, 11*ms, NotFound), ending(save(20*ms, 21*ms, OK, "a", "2"), 5*ms)}, Options{}, "false no-session"},
		{"an earlier end holds", []Op{ending(save(1, 2, OK, "a", "1"), 50*ms), ending(save(3, 4, OK, "b", "1"), 5*ms), read(10*ms, "a", "1", "b", "1")}, Options{}, "overdue"},
		{"an earlier end may be lost where saves may be", []Op{ending(save(1, 2, OK, "a", "1"), 50*ms), ending(save(3, 4, OK, "b", "1"), 5*ms), read(10*ms, "a", "1", "b", "1")}, Options{Losses: true}, ""},
		{"a later end that is given afterwards explains nothing", []Op{ending(save(1, 2, OK, "a", "1"), 5*ms), read(10*ms, "a", "1"), ending(other(Save, 20*ms, 21*ms, Unknown), 50*ms)}, Options{Losses: true, Errors: true}, "overdue"},
		{"a save that changed nothing may have asked nobody for a later end", []Op{ending(save(1, 2, OK, "a", "1"), 5*ms), ending(other(Save, 3, 4, OK), 50*ms), other(Load, 10*ms, 11*ms, NotFound)}, Options{Slack: 1}, ""},
		{"where it asks, it has", []Op{ending(save(1, 2, OK, "a", "1"), 5*ms), ending(other(Save, 3, 4, OK), 50*ms), other(Load, 10*ms, 11*ms, NotFound)}, Options{}, "false no-session"},
		{"so has one that changed something", []Op{ending(save(1, 2, OK, "a", "1"), 5*ms), ending(save(3, 4, OK, "b", "1"), 50*ms), other(Load, 10*ms, 11*ms, NotFound)}, Options{Slack: 1}, "false no-session"},
		{"nobody counts what ended by itself as a logout", []Op{ending(save(1, 2, OK, "a", "1"), 5*ms), other(Delete, 3, 4, Unknown), other(Load, 6*ms, 7*ms, NotFound), ending(save(8*ms, 9*ms, OK, "b", "1"), 50*ms)}, Options{Errors: true, Grain: 5 * ms}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h History
			for _, op := range c.ops {
				h.Add(op)
			}
			c.opts.Linear = time.Second
			var rules []string
			for _, v := range h.Verify(c.opts) {
				rules = append(rules, string(v.Rule))
			}
			if got := strings.Join(rules, ","); got != c.want {
				t.Errorf("broken: %q, want %q", got, c.want)
			}
		})
	}
}

// A session may end between the deadlines that two clocks see, and not otherwise.
func TestVerifyDeadline(t *testing.T) {
	born := save(1, 2, OK, "a", "1")
	born.Deadline = time.Minute
	for _, c := range []struct {
		op   Op
		want int
	}{
		{other(Load, 30*time.Second, 30*time.Second+1, NotFound), 1},
		{other(Load, 61*time.Second, 61*time.Second+1, NotFound), 0},
		{ending(save(30*time.Second, 30*time.Second+1, Unknown, "a", "2"), 2*time.Minute), 1},
		{ending(save(61*time.Second, 61*time.Second+1, Unknown, "a", "2"), 2*time.Minute), 0}, // only a home can say that it has ended
		{other(Delete, 30*time.Second, 30*time.Second+1, Unknown), 1},
		{other(Delete, 61*time.Second, 61*time.Second+1, Unknown), 0},
		{read(59*time.Second, "a", "1"), 0},
		{read(63*time.Second, "a", "1"), 1},
		{ending(save(61*time.Second, 61*time.Second+1, OK, "a", "2"), 2*time.Minute), 0},
		{ending(save(63*time.Second, 63*time.Second+1, OK, "a", "2"), 2*time.Minute), 1}, // it brings the session back
		{ending(save(63*time.Second, 63*time.Second+1, Destroyed, "a", "2"), 2*time.Minute), 0},
	} {
		var h History
		h.Add(born)
		h.Add(c.op)
		if got := h.Verify(Options{Grain: 2 * time.Second}); len(got) != c.want {
			t.Errorf("%v at %v: %v, want %d broken", c.op.Outcome, c.op.Call, got, c.want)
		}
	}
}

// Where clocks differ, a session ends for some before it does for others, and only then
// may a reader whose clock is behind miss what was saved. All else is as strict as ever.
func TestVerifyClocks(t *testing.T) {
	const end = time.Minute
	const ahead = 5 * time.Second // the clock that is ahead of all; the other is as much behind
	first, second := save(1, 2, OK, "a", "1"), save(3, 4, OK, "a", "2")
	first.Deadline, second.Deadline = end, end
	by := func(op Op, ahead time.Duration) Op {
		op.Ahead = ahead
		return op
	}
	for _, c := range []struct {
		name    string
		ops     []Op
		want    string
		excused int
	}{
		{"a clock that is behind, after the deadline", []Op{by(read(end+3*time.Second, "a", "1"), -ahead)}, "", 1},
		{"the same, of what is fresh", []Op{by(read(end+3*time.Second, "a", "2"), -ahead)}, "", 0},
		{"a clock that is right, after the deadline by the one ahead", []Op{by(read(end-3*time.Second, "a", "1"), 0)}, "", 1},
		{"before the deadline by any clock", []Op{by(read(end-7*time.Second, "a", "1"), -ahead)}, "stale", 0},
		{"what is missing there", []Op{by(read(end-7*time.Second), -ahead)}, "stale", 0},
		{"after the deadline by the reader's own clock", []Op{by(read(end+3*time.Second, "a", "2"), 0)}, "overdue", 0},
		{"the same by the clock that is ahead", []Op{by(read(end-3*time.Second, "a", "2"), ahead)}, "overdue", 0},
		{"after the deadline by all clocks", []Op{by(read(end+7*time.Second, "a", "2"), -ahead)}, "overdue", 0},
		{"bytes of nobody", []Op{by(read(end+3*time.Second, "a", "7"), -ahead)}, "foreign", 0},
		{"after a logout", []Op{other(Delete, 5, 6, OK), by(read(end+3*time.Second, "a", "2"), -ahead)}, "resurrected", 0},
		{"not found, after the deadline by the clock that is ahead", []Op{by(other(Load, end-3*time.Second, end-3*time.Second+1, NotFound), -ahead)}, "", 0},
		{"not found, before the deadline by any clock", []Op{by(other(Load, end-7*time.Second, end-7*time.Second+1, NotFound), -ahead)}, "false no-session", 0},
		{"gone on with after its end from an older copy", []Op{by(read(end+3*time.Second, "a", "1"), -ahead), by(extend(end+4*time.Second, 2*end), -ahead), by(read(end+5*time.Second, "a", "1"), -ahead)}, "", 2},
		{"what is saved then is not to be lost", []Op{by(read(end+3*time.Second, "a", "1"), -ahead), by(extend(end+4*time.Second, 2*end), -ahead), save(end+5*time.Second, end+5*time.Second+1, OK, "a", "3"), by(read(end+6*time.Second, "a", "1"), -ahead)}, "stale", 1},
		{"a later deadline, and an old value", []Op{extend(10, 2*end), by(read(end+3*time.Second, "a", "1"), -ahead)}, "stale", 0},
		{"a later deadline, and no session", []Op{extend(10, 2*end), by(other(Load, end+3*time.Second, end+3*time.Second+1, NotFound), -ahead)}, "false no-session", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			var h History
			for _, op := range append([]Op{first, second}, c.ops...) {
				h.Add(op)
			}
			excused := 0
			var rules []string
			opts := Options{Skew: 2 * ahead, Ahead: ahead, Grain: time.Second, Linear: time.Second, Excused: func(Violation) { excused++ }}
			for _, v := range h.Verify(opts) {
				rules = append(rules, string(v.Rule))
			}
			if got := strings.Join(rules, ","); got != c.want || excused != c.excused {
				t.Errorf("broken: %q and %d excused, want %q and %d", got, excused, c.want, c.excused)
			}
		})
	}
}

// extend is a save that moves the deadline and nothing else.
func extend(at, deadline time.Duration) Op {
	op := other(Save, at, at+1, OK)
	op.Deadline = deadline
	return op
}

// A history that is too hard to decide in the time given is no good history.
func TestACheckThatRunsOutOfTimeFails(t *testing.T) {
	var h History
	for i := range 40 { // all at once, and then read forth and back
		h.Add(save(1, 99*ms, OK, "a", string(rune('A'+i))))
	}
	h.Add(read(100*ms, "a", "A"))
	h.Add(read(102*ms, "a", "B"))
	h.Add(read(104*ms, "a", "A"))
	h.Add(read(106*ms, "a", "B"))
	got := h.Verify(Options{Linear: ms})
	if len(got) != 1 || got[0].Rule != Undecided {
		t.Errorf("broken: %v, want it undecided", got)
	}
}

// A history shows people what happened, in order, with what happened around it.
func TestPrint(t *testing.T) {
	var h History
	h.Add(save(2*ms, 3*ms, OK, "a", "1"))
	h.Note(ms, "n1 is killed")
	h.Add(Op{Key: "another", Kind: Load})
	var b strings.Builder
	h.Print(&b, "k")
	if got := b.String(); !strings.Contains(got, "n1 is killed\n") || strings.Index(got, "n1") > strings.Index(got, "a=1") || strings.Count(got, "\n") != 2 {
		t.Errorf("printed:\n%s", got)
	}
}
