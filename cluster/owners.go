package cluster

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what owners have to do with a save and a load: a save gives the session its
// owner, and a load asks whether an epoch has ended the session.

// ownership is what the app says of a session's owner, for the next save.
type ownership struct {
	told         bool // SetOwner was called
	owner, label string
	// succeeds is the id of the session that this one continues under another id, and successorOf the
	// same where that has an owner.
	succeeds    string
	successorOf *predecessor
	// changed: the next save writes value as the owner; nil: the session has none from then on.
	changed bool
	value   []byte
	// kept are the owner's keys under which the session may be his already: then it stays so.
	kept []record.Key
}

// predecessor is a session that continues under another id.
type predecessor struct {
	id string
	owned
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
	if o, ok, err := ownedIn(old.snap.base); ok && err == nil {
		r.own.successorOf = &predecessor{old.key, o}
	}
}

// enter returns the session with its owner. One that has that owner already keeps what it says: the
// epochs that it has seen begin are those of its login, not of this save.
func (own *ownership) enter(s *record.Record, at record.Timestamp) *record.Record {
	if has, ok, err := ownedIn(s); ok && err == nil && own.value != nil && slices.Contains(own.kept, has.owner) {
		return s
	}
	return s.WithReserved(ownerAttr, own.value, at)
}

// ownerKeys are the keys of an owner's records: one for each seal key, the first for new sessions.
// While seal keys are rotated the sessions of one owner are told of in several records.
type ownerKeys func(owner string) []record.Key

// newOwnerKeys derives the secrets by which owners are hashed. Where nothing is sealed the secret is
// none: whoever reads a node's memory reads the values of sessions, too.
func newOwnerKeys(cfg *Config) ownerKeys {
	const use = "holdfast owners: "
	derive := func(secret []byte) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(use + cfg.KeyPrefix))
		return mac.Sum(nil)
	}
	var secrets [][]byte
	for _, key := range cfg.SealKeys {
		secrets = append(secrets, derive(key))
	}
	if len(secrets) == 0 || cfg.AllowUnsealed {
		secrets = append(secrets, derive(nil))
	}
	return func(owner string) (keys []record.Key) {
		for _, secret := range secrets {
			mac := hmac.New(sha256.New, secret)
			mac.Write([]byte(owner))
			keys = append(keys, record.OwnerKey([sha256.Size]byte(mac.Sum(nil))))
		}
		return keys
	}
}

// giveOwner prepares what the save is to say of the session's owner. A session that gets its owner is
// entered in the owner's record, and takes from the same reading the epochs that it has seen begin
// (rule 40). One that has the owner under an earlier seal key moves to the present one: else it would
// be nobody's when that key is removed. The error is that of a reading that proves nothing.
func (c *Cluster) giveOwner(ctx context.Context, r *Record) error {
	own := &r.own
	own.changed, own.value = false, nil
	has, isOwned, err := ownedIn(r.snap.base)
	if own.owner == "" {
		own.changed = isOwned || r.snap.base == nil // the session that it replaces may be somebody's
		return nil
	}
	keys, hash := c.ownerKeys(own.owner), c.handles.keyOf(r.key)
	deadline := c.cfg.Now().Add(c.cfg.Lifetime)
	if !r.Deadline.IsZero() {
		deadline = r.Deadline
	}
	first := owned{owner: keys[0], created: c.cfg.Now().UnixMilli(), label: shortened(own.label)}
	goesOn := own.successorOf
	own.kept = keys
	if isOwned && err == nil && slices.Contains(keys, has.owner) {
		if has.owner == keys[0] {
			c.enterAgain(ctx, has, hash, deadline)
			return nil
		}
		first.created, first.label = has.created, has.label
		goesOn, own.kept = &predecessor{r.key, has}, keys[:1]
	}
	o, err := c.enterSession(ctx, first, hash, deadline)
	if err != nil {
		return err
	}
	first.epochs = o.names()
	if goesOn != nil && slices.Contains(keys, goesOn.owner) {
		if first.epochs, err = c.epochsOfSuccessor(ctx, goesOn, keys[0], o); err != nil {
			return err
		}
	}
	own.changed, own.value = true, first.encode()
	return nil
}

// epochsOfSuccessor are the epochs that a session has seen begin which goes on from another one, and is
// told of in that record. Where the other one was told of in another record, an epoch that only the
// first of them shows yet ends the session: a DestroyAll under way begins it in both, under one name.
// The error is ErrDestroyed where the other one has ended.
func (c *Cluster) epochsOfSuccessor(ctx context.Context, p *predecessor, owner record.Key, o *ownerRecord) ([]epoch, error) {
	was := o
	if p.owner != owner {
		var err error
		if was, err = c.readOwner(ctx, p.owner); err != nil {
			return nil, err
		}
	}
	if was.ends(c.handles.keyOf(p.id), p.epochs) {
		c.stats.destroyed.Add(1)
		return nil, ErrDestroyed
	}
	if p.owner == owner {
		return o.names(), nil
	}
	seen := slices.Clone(p.epochs)
	for _, e := range o.names() {
		if slices.Contains(was.names(), e) && !slices.Contains(seen, e) {
			seen = append(seen, e)
		}
	}
	return seen, nil
}

// enterSession enters the session in its owner's record, and returns what the record says then. Where
// the entry cannot be written the record is read: the session is not listed, and an epoch ends it all
// the same.
func (c *Cluster) enterSession(ctx context.Context, s owned, hash record.Key, deadline time.Time) (*ownerRecord, error) {
	// Twice what is left: an entry is renewed when the session lives longer than it says, which is
	// then not at each save.
	end := record.DeadlineOf(deadline)
	end = min(end+max(end-c.cfg.Now().UnixMilli(), 0), record.MaxDeadline)
	c.noteLifetime(end)
	o, err := c.changeOwner(s.owner, ownerChange{enter: []ownerEntry{{hash, s.created, end}}, until: end})
	if err == nil {
		return o, nil
	}
	return c.readOwner(ctx, s.owner)
}

// enterAgain enters the session anew where the owner's record, as it was read of late, lists it no
// more, or not for as long as it is to live.
func (c *Cluster) enterAgain(ctx context.Context, s owned, hash record.Key, deadline time.Time) {
	o, _ := c.owners.get(s.owner)
	if o == nil {
		return
	}
	l, ok := o.lists(hash)
	if ok && l.until >= record.DeadlineOf(deadline) || !ok && len(o.sessions) >= mostListed {
		return
	}
	_, _ = c.enterSession(ctx, s, hash, deadline)
}

// checkOwner returns ErrNotFound for a session that an epoch of its owner has ended (rule 41). A reading
// of the owner's record that is younger than OwnerCheck lets the session live; only one that began
// after the session was read ends it, because the session may have seen epochs begin that an older
// reading does not show. The error is ErrUnavailable where the owner's record cannot be read.
func (c *Cluster) checkOwner(ctx context.Context, hash record.Key, s *record.Record) error {
	by, ok, err := ownedIn(s)
	if !ok || err != nil {
		return err
	}
	o, readAt := c.owners.get(by.owner)
	if o != nil && time.Since(readAt) < c.cfg.OwnerCheck && !o.ends(hash, by.epochs) {
		return nil
	}
	if o, err = c.readOwner(ctx, by.owner); err != nil {
		return err
	}
	if !o.ends(hash, by.epochs) {
		return nil
	}
	c.running.Add(1)
	go func() { // so that the session stays ended where the owner's record is lost
		defer c.running.Done()
		_, _ = c.destroyOwned(hash, by.owner, o)
	}()
	return ErrNotFound
}

// mayHaveEnded reports whether an epoch that this process knows of may have ended a session that it has a
// local copy of: then the nodes are asked.
func (c *Cluster) mayHaveEnded(hash record.Key, s *record.Record) bool {
	by, ok, err := ownedIn(s)
	if !ok || err != nil {
		return ok
	}
	o, _ := c.owners.get(by.owner)
	return o != nil && o.ends(hash, by.epochs)
}

// mostOwned bounds what is remembered of owners, in sessions, epochs and owners: of some 50 bytes each. With
// more the older half is forgotten.
const mostOwned = 8 * mostRecent

// owners are the records of owners that this process has read of late.
type owners struct {
	mu    sync.Mutex    // guards below
	keep  time.Duration // how long: a local copy that is shown must not outlive the reading that ends it
	begun time.Time     // of the younger half
	size  int           // of the younger half
	read  recent[ownerReading]
}

// ownerReading is one reading of an owner's record.
type ownerReading struct {
	*ownerRecord
	at time.Time // when it began
}

func (os *owners) get(owner record.Key) (*ownerRecord, time.Time) {
	os.mu.Lock()
	defer os.mu.Unlock()
	r := os.read.get(owner)
	return r.ownerRecord, r.at
}

// put remembers a reading, unless a younger one is known.
func (os *owners) put(owner record.Key, o *ownerRecord, at time.Time) {
	os.mu.Lock()
	defer os.mu.Unlock()
	if os.read.get(owner).at.After(at) {
		return
	}
	size := o.size()
	if was, known := os.read.young[owner]; known {
		size -= was.size()
	}
	most := mostRecent
	if len(os.read.young) > 0 && os.size+size > mostOwned/2 || time.Since(os.begun) > os.keep {
		// The older half is of no use any more, or there is no room for it.
		os.begun, os.size, most, size = time.Now(), 0, 0, o.size()
	}
	os.size += size
	os.read.put(owner, ownerReading{o, at}, most)
}
