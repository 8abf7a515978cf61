package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/owner"
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

// ownership is what the app says of a session's owner, for the next save.
type ownership struct {
	told         bool // SetOwner was called
	owner, label string
	// succeeds is the id of the session that this one continues under another id, and successorOf the
	// same where that has an owner.
	succeeds    string
	successorOf *predecessor
	// changed: the next save writes gives; nil: the session has no owner from then on.
	changed bool
	gives   *owner.Owned
	// kept are the owner's keys under which the session may be his already: then it stays so.
	kept []record.Key
}

// predecessor is a session that continues under another id.
type predecessor struct {
	id string
	owner.Owned
}

// SetOwner says whose session it is: the user's id in the app. An empty owner means that it is
// nobody's. The label is what the user is shown of the session (SessionInfo.Label), such as the
// device: text, of which MaxLabelBytes are kept. It counts when the session gets its owner.
//
// The next Save gives the session that owner, unless it has it already. Without a call the session
// keeps the owner that it has.
func (r *Record) SetOwner(owner, label string) {
	if r == nil {
		return
	}
	r.own.told, r.own.owner, r.own.label = true, owner, label
}

// Succeeds says that the session continues another one under a new id, as after a login. A Save that
// would give it the owner of the old one returns ErrDestroyed where DestroyAll has ended the old one,
// and one with a context of [Cluster.Lock] for the old one ErrLockLost where somebody else has that lock.
func (r *Record) Succeeds(old *Record) {
	if r == nil {
		return
	}
	r.own.succeeds, r.own.successorOf = "", nil
	if old == nil || old.snap.base == nil {
		return
	}
	r.own.succeeds = old.key
	if o, ok, err := owner.Of(old.snap.base); ok && err == nil {
		r.own.successorOf = &predecessor{old.key, o}
	}
}

// MaxLabelBytes is how much of a label is kept (Record.SetOwner).
const MaxLabelBytes = owner.MaxLabelBytes

// enter returns the session with its owner. One that has that owner already keeps what it says: the
// epochs that it has seen begin are those of its login, not of this save.
func (own *ownership) enter(s *record.Record, at record.Timestamp) *record.Record {
	if has, ok, err := owner.Of(s); ok && err == nil && own.gives != nil && slices.Contains(own.kept, has.Owner) {
		return s
	}
	return own.gives.In(s, at)
}
