package record

import "time"

// This file decides which timestamps an Update gives to the values that it changes, and by which it
// is told later whether they are part of what is stored (docs/protocol.md, rules 31 and 32).
//
// A plain save gives its changes the time. An Update gives a value the version that comes next
// after the one that it was made from:
//
//   - One microsecond later where the primary has decided. The versions that follow one another at
//     the primary lie close together, in the order in which they were made.
//   - The next full second where another home has decided, because the primary was out of reach. Of
//     two versions that were made from one, and of which neither knows of the other, this one is the
//     newer in every merge, on every node. And it lies far from those that the primary decides on
//     meanwhile: whoever sees it can tell that its own version is not among its predecessors.
//
// While the list of nodes changes, the former list's primary decides. Where the new list has another
// one, processes that go by the new list alone begin to decide there. So that no two of them look
// alike, the former list's primary counts to the next full second then, and who passes it over to
// half a second past the one after that.
//
// A value that was not there before, or is removed, has no version to count on from: it gets the
// time, moved away from full seconds.

const (
	// successors is how far the versions reach that count on from one at the primary, in µs. It is
	// far more than the primary can decide on while one Update looks whether it is stored.
	successors = int64(100 * time.Millisecond / time.Microsecond)
	second     = int64(time.Second / time.Microsecond)
	// gap keeps full seconds apart from all other versions: more than successors.
	gap = second / 5
)

// Decided says who has decided on a change.
type Decided int

// Who may have decided.
const (
	AtPrimary   Decided = iota // the primary
	PastPrimary                // another home in its place; or a former list's primary, which is not the present one's
	PastFormer                 // another home in the place of the latter
)

// Counted returns next, which was made from base by Change, with the timestamps of an Update in the
// place of the timestamp at.
func (r *Record) Counted(base *Record, at Timestamp, by Decided) *Record {
	out := *r
	out.attrs = make([]attribute, len(r.attrs))
	copy(out.attrs, r.attrs)
	for i := range out.attrs {
		a := &out.attrs[i]
		if a.timestamp != at {
			continue
		}
		a.timestamp.Clock = timed(at.Clock, by)
		if j, listed := base.find(a.name); listed && !a.tombstone && !base.attrs[j].tombstone {
			a.timestamp.Clock = counted(base.attrs[j].timestamp.Clock, by)
		}
	}
	return &out
}

// counted is the version after the one with that clock.
func counted(clock int64, by Decided) int64 {
	if by == AtPrimary {
		return clock + 1
	}
	return passed(clock, by)
}

// passed is the version after, or of, that clock where the primary has not decided.
func passed(clock int64, by Decided) int64 {
	if by == PastFormer {
		return fullSecond(clock+gap) + second + second/2
	}
	return fullSecond(clock + gap)
}

// timed is the version of something that begins at that time.
func timed(clock int64, by Decided) int64 {
	if by != AtPrimary {
		return passed(clock, by)
	}
	switch in := clock % second; {
	case in < gap:
		return clock - in + gap
	case in > second-gap:
		return clock - in + second + gap
	}
	return clock
}

// fullSecond is the first full second that is not before that clock.
func fullSecond(clock int64) int64 { return (clock + second - 1) / second * second }

// Updates is the writer's name in the timestamps of its Updates, and Saves that in those of its
// saves.
func Updates(writer uint64) uint64 { return writer | 1 }

// Saves is the writer's name in the timestamps of its saves.
func Saves(writer uint64) uint64 { return writer &^ 1 }

// isUpdate reports whether an Update has made the version.
func (t Timestamp) isUpdate() bool { return t.Writer&1 == 1 }

// Follows reports whether r has been made from what an Update has made of base, which is want: each
// value that the Update changed is there, or was changed by others after it. Of two versions that
// were made from one, by different deciders, it is true for one at most.
func (r *Record) Follows(want, base *Record) bool {
	return r.stillHas(want, base, func(now, mine attribute) bool {
		switch c := now.compare(mine); {
		case c == 0:
			return true
		case c < 0:
			return false
		}
		return !now.timestamp.isUpdate() || now.timestamp.Clock-mine.timestamp.Clock < successors
	})
}

// Holds reports whether each value that the Update changed is there exactly as it has made it.
func (r *Record) Holds(want, base *Record) bool {
	return r.stillHas(want, base, func(now, mine attribute) bool { return now.compare(mine) == 0 })
}

// IsDisturbed reports whether r has a newer version than base of a value that the Update changed, and
// it is not the one that the Update has made.
func (r *Record) IsDisturbed(want, base *Record) bool {
	for _, mine := range want.attrs {
		was, now := base.version(mine.name), r.version(mine.name)
		if was.compare(mine) != 0 && now.compare(mine) != 0 && now.compare(was) > 0 {
			return true
		}
	}
	return false
}

func (r *Record) stillHas(want, base *Record, has func(now, mine attribute) bool) bool {
	if r == nil || r.tombstone {
		return false
	}
	for _, mine := range want.attrs {
		if was := base.version(mine.name); was.compare(mine) == 0 {
			continue
		}
		if !has(r.version(mine.name), mine) {
			return false
		}
	}
	return want.deadlineSet == base.deadlineSet || r.deadlineSet.compare(want.deadlineSet) >= 0
}

// version is the attribute as the record has it.
func (r *Record) version(name string) attribute {
	if i, listed := r.find(name); listed {
		return r.attrs[i]
	}
	return r.unlisted(name)
}
