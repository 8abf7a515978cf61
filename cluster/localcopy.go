package cluster

import (
	lru "container/list"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what one local copy proves: which clients have seen no more than it holds, and how old
// it is. What the nodes have confirmed is kept apart from what is pending.

// localCopy is one session.
type localCopy struct {
	key     record.Key
	stood   *record.Record // what stood on all targets, the tombstone of a destroyed session too; nil: nothing yet
	version record.Version // of stood
	text    string         // the same as clients carry it
	seen    []seen         // the copies on nodes that equal stood
	on      []*node        // the targets of when the nodes last confirmed it
	at      time.Time      // when that was
	// pending is stood with what the nodes do not have yet. It equals stood where the session was only
	// shown in an outage. Nil: they have all.
	pending *record.Record
	changed bool         // pending has changes that this process has acknowledged
	unused  bool         // it is pending since its homes came back empty, and nobody was shown it
	marked  bool         // it is to be brought back (localreturn.go)
	own     int64        // the clock of the newest change of this process that was ever pending
	place   *lru.Element // among spare; nil while there is pending
	bytes   int64
	write   writeState
}

// record is what this process knows of the session.
func (c *localCopy) record() *record.Record {
	if c.pending != nil {
		return c.pending
	}
	return c.stood
}

// includes (rules 35 and 38) reports whether the copy includes what a client with that version has seen. A
// version of what stood is compared with what stood: the timestamp of a pending change says nothing of
// what others have written. A pending version proves something to the process that has made it, and to another
// one where that process's change stands on the nodes: it has brought all along that was pending.
func (c *localCopy) includes(seen record.Version, writer uint64) bool {
	if seen.Pending {
		return seen.IsBy(writer) && seen.Clock <= c.own || c.stood.Shows(seen)
	}
	return c.stood != nil && c.version.Covers(seen)
}

// age is how long ago the nodes have confirmed the copy. A machine that slept has a monotonic clock
// that stood still, and a wall clock can be set back: the longer time counts.
func (c *localCopy) age(now time.Time) time.Duration {
	return max(now.Sub(c.at), now.Round(0).Sub(c.at.Round(0)))
}

// versionText is what a client is told that has been shown the copy (rule 38).
func (c *localCopy) versionText(writer uint64) string {
	if c.changed {
		return record.PendingVersion(writer, c.own).Text(c.key)
	}
	return c.text
}

// snapshot is what a save needs that goes on from the copy.
func (c *localCopy) snapshot(writer uint64) snapshot {
	s := snapshot{base: c.record(), stood: c.stood, version: c.versionText(writer), pending: c.pending != nil}
	if c.pending == nil {
		s.seen = c.seen
	}
	return s
}
