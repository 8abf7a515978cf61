package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what the app holds of a session between a load and a save: the Record, and
// the snapshot in it that tells the app's own changes from those of other requests.

// Record is one session on its way between the cluster and the app. Load returns
// one that remembers what it saw (its snapshot), so that Save can tell the app's
// changes from what other requests wrote meanwhile. A Record belongs to one
// request: it is not safe for concurrent use.
type Record struct {
	// Attrs are the session's attributes. The app changes the map: what differs
	// from the snapshot is a change, what is gone is a removal.
	Attrs map[string][]byte
	// Deadline is when the session ends, kept to the millisecond. If zero,
	// Config.Lifetime from the save is used.
	Deadline time.Time

	own    ownership
	lock   string // what an update is to write of the lock on the session, and what was read of it
	key    string
	snap   snapshot // its base is nil for a session of which nothing is known
	behind bool     // LoadVersion has found less than the client had seen
}

// snapshot is what a Load, or the last Save, saw of a session.
type snapshot struct {
	base  *record.Record // nil: nothing is known of the session
	seen  []seen         // the copies that equal base: a save may replace them by cas
	ended bool           // a save has found the session destroyed

	// stood is what stood on all targets when base was loaded or saved: what others have saved, too. It
	// is nil where that is not known, and where nothing stood there yet.
	stood *record.Record
	// version is what the client may be told; "" is that of stood.
	version string
	pending bool // base has changes that the nodes do not have
}

// seen is the copy that a node held.
type seen struct {
	node *node
	item memcached.Copy
}

// on returns the copy that was seen on the node, or nil.
func (s *snapshot) on(n *node) *memcached.Copy {
	for i := range s.seen {
		if s.seen[i].node == n {
			return &s.seen[i].item
		}
	}
	return nil
}

// NewRecord returns a session that does not exist yet. Saving it where one does
// exist replaces all attributes of that.
func NewRecord(key string) *Record {
	return &Record{key: key, Attrs: map[string][]byte{}}
}

// Key is the session id that the record was made or loaded with.
func (r *Record) Key() string {
	if r == nil {
		return ""
	}
	return r.key
}

// Format shows nothing of the session, whatever the verb: a Record that is logged
// gives nothing away.
func (r Record) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "cluster.Record(%d attributes)", len(r.Attrs))
}

// LogValue is what package slog shows, whatever the handler.
func (r Record) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }

// MarshalJSON refuses: a session's values are for the app alone.
func (r Record) MarshalJSON() ([]byte, error) {
	return nil, errors.New("cluster: a Record holds a session and is not written as JSON")
}
