package cluster

import (
	lru "container/list"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how many local copies there are, and which goes when there is no room: the one that was used
// longest ago. A copy with changes that the nodes do not have never goes for want of room.

// localCopies are the copies of a process.
type localCopies struct {
	cfg     Local
	writer  uint64 // this process
	wallNow func() time.Time
	queue   writeQueue
	returns chan struct{} // there are marked copies

	mu     sync.Mutex // guards below, and the copies
	copies map[record.Key]*localCopy
	// spare are the copies that may be dropped, the one that was used last in front. A copy with
	// changes that the nodes do not have is not among them.
	spare     lru.List
	bytes     int64
	unwritten int   // copies that are not spare
	pinned    int64 // their bytes
	// marked are the copies to be brought back, and markedKeys those of which the goroutine that does it was not
	// told yet.
	marked     int
	markedKeys []record.Key
	// endDropped is when the nodes had last confirmed the end of a session, among the ended ones
	// that were dropped: what was read before that must not begin a new copy.
	endDropped time.Time
}

// copyRoom is about what a copy takes in memory beside its records.
const copyRoom = 512

func newLocalCopies(cfg *Config, writer uint64) *localCopies {
	l := &localCopies{cfg: cfg.Local, writer: writer, wallNow: cfg.Now, copies: map[record.Key]*localCopy{}}
	l.queue.kicked, l.returns = make(chan struct{}, 1), make(chan struct{}, 1)
	return l
}

// get returns what is known of the session: nothing where it has no copy.
func (l *localCopies) get(key record.Key) (now localCopy) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.copies[key]; c != nil {
		now = *c
	}
	return now
}

// copyLocked returns the copy of the session; nil: there is none. A tombstone whose time is over is dropped first: from
// then on the nodes say whether a session may begin under the same id.
func (l *localCopies) copyLocked(key record.Key) *localCopy {
	c := l.copies[key]
	if c != nil && c.pending == nil && c.stood.IsTombstone() && l.wallNow().UnixMilli() >= c.stood.Deadline() {
		l.dropLocked(c)
		return nil
	}
	return c
}

// putLocked has the copy become what next says. It reports false where there is no room: then the copy
// goes if the nodes have all of next, and else stays as it was.
func (l *localCopies) putLocked(c *localCopy, next localCopy) bool {
	next.bytes = copyRoom + next.stood.Room()
	if next.pending != next.stood {
		next.bytes += next.pending.Room()
	}
	known := l.copies[c.key] == c
	pinned := l.pinned // by others
	if known && c.place == nil {
		pinned -= c.bytes
	}
	hopeless := l.cfg.Bytes > 0 && pinned+next.bytes > l.cfg.Bytes // to drop spare copies would not help
	if hopeless || !l.makeRoomLocked(c, next.bytes-c.bytes, known) {
		if known && next.pending == nil {
			l.dropLocked(c)
		}
		return false
	}
	l.bytes += next.bytes - c.bytes
	wasUnwritten := known && c.place == nil
	if next.place = c.place; next.pending != nil {
		l.unmarkLocked(c)
		next.marked = false
	}
	next.unused = next.unused && next.pending != nil
	*c = next
	l.copies[c.key] = c
	if l.pinned = pinned; c.pending != nil {
		l.pinned += c.bytes
	}
	switch {
	case c.pending != nil:
		if c.place != nil {
			l.spare.Remove(c.place)
			c.place = nil
		}
		if !wasUnwritten {
			l.unwritten++
		}
		l.queue.pushLocked(c)
	case c.place == nil:
		if wasUnwritten {
			l.unwritten--
		}
		c.place = l.spare.PushFront(c)
	default:
		l.spare.MoveToFront(c.place)
	}
	return true
}

// makeRoomLocked drops spare copies, those first that were not used for longest, until the copy may
// take so many bytes more. Known says that it counts among the copies already.
func (l *localCopies) makeRoomLocked(c *localCopy, more int64, known bool) bool {
	one := 1
	if known {
		one = 0
	}
	for l.cfg.Sessions > 0 && len(l.copies)+one > l.cfg.Sessions || l.cfg.Bytes > 0 && l.bytes+more > l.cfg.Bytes {
		last := l.spare.Back()
		if last != nil && last.Value.(*localCopy) == c {
			last = last.Prev()
		}
		if last == nil {
			return false
		}
		l.dropLocked(last.Value.(*localCopy))
	}
	return true
}

// dropLocked drops the copy, and remembers that there is no copy any more of a session that has ended.
func (l *localCopies) dropLocked(c *localCopy) {
	if c.stood.IsTombstone() && c.at.After(l.endDropped) {
		l.endDropped = c.at
	}
	l.removeLocked(c)
}

func (l *localCopies) removeLocked(c *localCopy) {
	if c.place != nil {
		l.spare.Remove(c.place)
	} else {
		l.unwritten--
		l.pinned -= c.bytes
	}
	l.unmarkLocked(c)
	l.bytes -= c.bytes
	delete(l.copies, c.key)
}

// count returns the number of copies, their bytes, and how many of them have something that the nodes may
// lack.
func (l *localCopies) count() (copies int, bytes int64, unwritten int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.copies), l.bytes, l.unwritten + l.marked
}
