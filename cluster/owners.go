package cluster

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/owner"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what owners have to do with a save and a load: a save gives the session its
// owner, and a load asks whether an epoch has ended the session.

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
	own.changed, own.gives = false, nil
	has, isOwned, err := owner.Of(r.snap.base)
	if own.owner == "" {
		own.changed = isOwned || r.snap.base == nil // the session that it replaces may be somebody's
		return nil
	}
	keys, hash := c.ownerKeys(own.owner), c.handles.keyOf(r.key)
	deadline := c.cfg.Now().Add(c.cfg.Lifetime)
	if !r.Deadline.IsZero() {
		deadline = r.Deadline
	}
	first := owner.Owned{Owner: keys[0], Created: c.cfg.Now().UnixMilli(), Label: own.label}
	goesOn := own.successorOf
	own.kept = keys
	if isOwned && err == nil && slices.Contains(keys, has.Owner) {
		if has.Owner == keys[0] {
			c.enterAgain(ctx, has, hash, deadline)
			return nil
		}
		first.Created, first.Label = has.Created, has.Label
		goesOn, own.kept = &predecessor{r.key, has}, keys[:1]
	}
	o, err := c.enterSession(ctx, first, hash, deadline)
	if err != nil {
		return err
	}
	first.Epochs = o.Epochs()
	if goesOn != nil && slices.Contains(keys, goesOn.Owner) {
		if first.Epochs, err = c.epochsOfSuccessor(ctx, goesOn, keys[0], o); err != nil {
			return err
		}
	}
	own.changed, own.gives = true, &first
	return nil
}

// epochsOfSuccessor are the epochs that a session has seen begin which goes on from another one, and is
// told of in the record o, under that key. The error is ErrDestroyed where the other one has ended.
func (c *Cluster) epochsOfSuccessor(ctx context.Context, p *predecessor, key record.Key, o *owner.Record) ([]owner.Epoch, error) {
	was := o
	if p.Owner != key {
		var err error
		if was, err = c.readOwner(ctx, p.Owner); err != nil {
			return nil, err
		}
	}
	if was.Ends(c.handles.keyOf(p.id), p.Epochs) {
		c.stats.destroyed.Add(1)
		return nil, ErrDestroyed
	}
	return p.SeenBySuccessor(was, o), nil
}

// enterSession enters the session in its owner's record, and returns what the record says then. Where
// the entry cannot be written the record is read: the session is not listed, and an epoch ends it all
// the same.
func (c *Cluster) enterSession(ctx context.Context, s owner.Owned, hash record.Key, deadline time.Time) (*owner.Record, error) {
	// Twice what is left: an entry is renewed when the session lives longer than it says, which is
	// then not at each save.
	end := record.DeadlineOf(deadline)
	end = min(end+max(end-c.cfg.Now().UnixMilli(), 0), record.MaxDeadline)
	c.noteLifetime(end, c.cfg.Now())
	o, err := c.changeOwner(s.Owner, owner.Enter(owner.Entry{Key: hash, Created: s.Created, Until: end}))
	if err == nil {
		return o, nil
	}
	return c.readOwner(ctx, s.Owner)
}

// enterAgain enters the session anew where the owner's record, as it was read of late, lists it no
// more, or not for as long as it is to live.
func (c *Cluster) enterAgain(ctx context.Context, s owner.Owned, hash record.Key, deadline time.Time) {
	if o, _ := c.owners.get(s.Owner); o != nil && !o.ListsUntil(hash, record.DeadlineOf(deadline)) {
		_, _ = c.enterSession(ctx, s, hash, deadline)
	}
}

// checkOwner returns ErrNotFound for a session that an epoch of its owner has ended (rule 41). A reading
// of the owner's record that is younger than OwnerCheck lets the session live; only one that began
// after the session was read ends it, because the session may have seen epochs begin that an older
// reading does not show. The error is ErrUnavailable where the owner's record cannot be read.
func (c *Cluster) checkOwner(ctx context.Context, hash record.Key, s *record.Record) error {
	by, ok, err := owner.Of(s)
	switch {
	case errors.Is(err, owner.ErrDamaged):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case !ok || err != nil:
		return err
	}
	o, readAt := c.owners.get(by.Owner)
	if o != nil && time.Since(readAt) < c.cfg.OwnerCheck && !o.Ends(hash, by.Epochs) {
		return nil
	}
	if o, err = c.readOwner(ctx, by.Owner); err != nil {
		return err
	}
	if !o.Ends(hash, by.Epochs) {
		return nil
	}
	c.running.Add(1)
	go func() { // so that the session stays ended where the owner's record is lost
		defer c.running.Done()
		_, _ = c.destroyOwned(hash, by.Owner, o)
	}()
	return ErrNotFound
}

// mayHaveEnded reports whether an epoch that this process knows of may have ended a session that it has a
// local copy of: then the nodes are asked.
func (c *Cluster) mayHaveEnded(hash record.Key, s *record.Record) bool {
	by, ok, err := owner.Of(s)
	if !ok || err != nil {
		return ok
	}
	o, _ := c.owners.get(by.Owner)
	return o != nil && o.Ends(hash, by.Epochs)
}
