package cluster

import "github.com/holdfast-go/holdfast/cluster/internal/record"

// This file decides what a client is told that it has seen of a session, and what a load owes to a
// client that brings that back: the version.

// Version is what the client may be given to bring back with its next request, for LoadVersion: at
// most 16 letters, digits, '-' and '_'. It says what this Record has shown, or saved, and holds
// nothing of the session. It is empty where that proves nothing: before the first save, and after a load
// that could not bring all nodes up to date. Then the client must be given none, and must lose the
// one it has.
func (r *Record) Version() string {
	if r == nil || r.snap.stood == nil && r.snap.version == "" {
		return ""
	}
	if r.snap.version == "" {
		hash := record.KeyOf(r.key)
		r.snap.version = r.snap.stood.Version(hash).Text(hash)
	}
	return r.snap.version
}

// Behind reports whether LoadVersion has found less than the client had seen: an instance with
// WriteBehind, or in an outage, has died with changes that no node had, or nodes have lost more than
// is promised.
func (r *Record) Behind() bool { return r != nil && r.behind }

// seenVersion is what a client has brought.
type seenVersion struct {
	record.Version
	ok bool // it is a version of this session
}

func (c *Cluster) parseVersion(text string, key record.Key) (v seenVersion) {
	if text != "" {
		v.Version, v.ok = record.ParseVersion(text, key, c.cfg.Now())
	}
	return v
}

// noteBehind marks the record where it shows less than the client has seen. Found is what stands on
// the nodes.
func (c *Cluster) noteBehind(r *Record, found *record.Record, seen seenVersion, t *tracing) {
	if !seen.ok || found.Shows(seen.Version) {
		return
	}
	r.behind = true
	c.stats.behind.Add(1)
	t.isBehind()
}

// noteLost counts a session of which nothing is left, where the client has seen a change that was not on
// the nodes: its first save was made in an outage, or a change that made it live longer. Whether the nodes got the change
// before the session ended by itself cannot be told afterwards, unless the session could not have
// lived until now.
func (c *Cluster) noteLost(found *record.Record, seen seenVersion, t *tracing) {
	if seen.ok && seen.Pending && !found.IsTombstone() && !found.Shows(seen.Version) &&
		c.cfg.Now().UnixMilli()-seen.Clock/1000 < c.longest.Load() {
		c.stats.behind.Add(1)
		t.isBehind()
	}
}
