package cluster

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/owner"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what an owner can do: see the sessions, end one, end all.

// errNoOwner is for an owner without a name.
var errNoOwner = errors.New("cluster: the owner is empty: pass the user's id, as the session has it")

// Sessions returns the sessions of an owner that live (Record.SetOwner), the newest first. At most 256
// of one owner are listed, those that began last. Entries of sessions that are gone are removed. The
// error is ErrUnavailable, ErrClosed or ctx's.
func (c *Cluster) Sessions(ctx context.Context, owner string) ([]SessionInfo, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	if owner == "" {
		return nil, errNoOwner
	}
	var all []SessionInfo
	for _, key := range c.ownerKeys(owner) {
		o, err := c.readOwner(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("cluster: sessions of an owner: %w", err)
		}
		found, err := c.lookAtListed(ctx, key, o)
		if err != nil {
			return nil, fmt.Errorf("cluster: sessions of an owner: %w", err)
		}
		all = append(all, found...)
	}
	slices.SortStableFunc(all, func(a, b SessionInfo) int { return b.Created.Compare(a.Created) })
	return all, nil
}

// lookAtListed reads the listed sessions of an owner and returns those that live. The entries of the
// others are removed.
func (c *Cluster) lookAtListed(ctx context.Context, key record.Key, o *owner.Record) (all []SessionInfo, err error) {
	infos, errs := make([]*SessionInfo, len(o.Sessions)), make([]error, len(o.Sessions))
	atOnce(len(o.Sessions), func(i int) {
		op := c.operationOn(o.Sessions[i].Key, intent{mayBeMissing: true})
		v, err := op.find(ctx)
		if errs[i] = err; err == nil && c.isOwnedBy(v.merged, op.hash, key, o) {
			infos[i] = c.infoOf(op.hash, v)
		}
	})
	var gone []record.Key
	for i, s := range infos {
		switch {
		case errs[i] != nil:
			return nil, errs[i]
		case s != nil:
			all = append(all, *s)
		case c.isSettled(o.Sessions[i]):
			gone = append(gone, o.Sessions[i].Key)
		}
	}
	c.removeEntries(key, gone)
	return all, nil
}

// isOwnedBy reports whether the session lives, and is that owner's.
func (c *Cluster) isOwnedBy(s *record.Record, hash, key record.Key, o *owner.Record) bool {
	if !s.Live(c.cfg.Now()) {
		return false
	}
	by, ok, err := owner.Of(s)
	return ok && err == nil && by.Owner == key && !o.Ends(hash, by.Epochs)
}

// isSettled reports whether the entry is so old that its session has been saved if it ever will: an
// entry is made before the first save.
func (c *Cluster) isSettled(l owner.Entry) bool {
	return c.cfg.Now().UnixMilli()-l.Created > time.Minute.Milliseconds()
}

// removeEntries removes entries from an owner's record. Those that cannot be removed now are found
// gone again.
func (c *Cluster) removeEntries(key record.Key, gone []record.Key) {
	if len(gone) > 0 {
		_, _ = c.changeOwner(key, owner.Remove(gone...))
	}
}

// Destroy ends one session of an owner: the one that has this SessionInfo.Ref. The error is
// ErrNotFound where the owner has no such session, or ErrUnavailable or ErrClosed; the session may
// then be destroyed or not.
func (c *Cluster) Destroy(ctx context.Context, owner, ref string) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	if owner == "" {
		return errNoOwner
	}
	for _, key := range c.ownerKeys(owner) {
		o, err := c.readOwner(ctx, key)
		if err != nil {
			return fmt.Errorf("cluster: destroy: %w", err)
		}
		for _, l := range o.Sessions {
			if refOf(l.Key) != ref {
				continue
			}
			destroyed, err := c.destroyIf(l.Key, func(s *record.Record) bool { return c.isOwnedBy(s, l.Key, key, o) })
			if err != nil {
				return err
			}
			if destroyed {
				c.removeEntries(key, []record.Key{l.Key})
				return nil
			}
		}
	}
	return ErrNotFound
}

// DestroyAll ends every session of an owner, on every instance within Config.OwnerCheck, except those
// with the given ids (scs: tokens), and returns how many of the listed ones it has destroyed. A session
// whose first save begins after DestroyAll has returned is a new login and lives; one whose first save
// is under way meanwhile may end or live. An exception counts only for a session that lives, and that
// this owner has.
//
// It goes on when ctx ends. The error is ErrUnavailable, ErrConflict or ErrClosed: then the sessions
// may have ended or not, also some that began meanwhile; call it again.
func (c *Cluster) DestroyAll(_ context.Context, owner string, except ...string) (int, error) {
	if err := c.begin(); err != nil {
		return 0, err
	}
	defer c.running.Done()
	if owner == "" {
		return 0, errNoOwner
	}
	var spare []record.Key
	for _, id := range except {
		if id != "" {
			spare = append(spare, c.handles.keyOf(id))
		}
	}
	count := 0
	var errs []error
	name := c.newEpoch() // one for all records: a session may move from one to the other
	for _, key := range c.ownerKeys(owner) {
		n, err := c.endAll(key, name, spare)
		count += n
		if err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return count, fmt.Errorf("cluster: destroy all: %w", errs[0])
	}
	return count, nil
}

// looks is how often DestroyAll looks for sessions that were listed meanwhile.
const looks = 3

// endAll begins an epoch (rule 42), which ends what is not listed as well, and destroys what is listed.
//
// The epoch takes the place of those that were read before it. A session that one of these has ended
// must not be spared by this one: what is spared is read first.
func (c *Cluster) endAll(key record.Key, name owner.Epoch, spare []record.Key) (count int, err error) {
	ctx := context.Background()
	o, err := c.readOwner(ctx, key)
	if err != nil {
		return 0, err
	}
	var spared []record.Key
	for _, hash := range spare {
		op := c.operationOn(hash, intent{mayBeMissing: true})
		v, err := op.find(ctx)
		if err != nil {
			return 0, err
		}
		if c.isOwnedBy(v.merged, hash, key, o) {
			spared = append(spared, hash)
		}
	}
	until := c.cfg.Now().UnixMilli() + max(c.longest.Load(), mostLifetime.Milliseconds())
	o, err = c.changeOwner(key, o.BeginEpoch(name, spared, until))
	if err != nil {
		return 0, err
	}
	var done, destroyed []record.Key
	for range looks {
		next := o.EndedBut(done)
		if len(next) == 0 {
			break
		}
		gone, err := c.destroyListed(next, key, o)
		if count += len(gone); err != nil {
			return count, err
		}
		done, destroyed = append(done, next...), append(destroyed, gone...)
		if o, err = c.readOwner(ctx, key); err != nil {
			return count, err
		}
	}
	c.removeEntries(key, destroyed)
	return count, nil
}

func (c *Cluster) newEpoch() (name owner.Epoch) {
	binary.BigEndian.PutUint64(name[:], c.cfg.Rand())
	return name
}

// destroyListed destroys those of the sessions that an epoch has ended, and returns them.
func (c *Cluster) destroyListed(hashes []record.Key, key record.Key, o *owner.Record) (gone []record.Key, err error) {
	errs, was := make([]error, len(hashes)), make([]bool, len(hashes))
	atOnce(len(hashes), func(i int) { was[i], errs[i] = c.destroyOwned(hashes[i], key, o) })
	for i := range hashes {
		if errs[i] != nil {
			err = errs[i]
		} else if was[i] {
			gone = append(gone, hashes[i])
		}
	}
	return gone, err
}

// destroyOwned destroys a session that an epoch of its owner has ended, if it is still that owner's:
// who has logged in anew, or as somebody else, stays.
func (c *Cluster) destroyOwned(hash, key record.Key, o *owner.Record) (destroyed bool, err error) {
	return c.destroyIf(hash, func(s *record.Record) bool {
		by, ok, err := owner.Of(s)
		return s.Live(c.cfg.Now()) && ok && err == nil && by.Owner == key && o.Ends(hash, by.Epochs)
	})
}

// destroyIf destroys a session if what is read of it is such.
func (c *Cluster) destroyIf(hash record.Key, is func(*record.Record) bool) (destroyed bool, err error) {
	op := c.operationOn(hash, intent{isDeletion: true})
	v, err := op.converge(nil, saveRounds, func(v *view) decision {
		switch {
		case destroyed:
			return op.decideDestroy(v) // some node may lack the tombstone yet
		case v.merged == nil || v.merged.IsTombstone() || !is(v.merged):
			return decision{}
		}
		destroyed = true
		return op.decideDestroy(v)
	})
	if destroyed && c.local != nil {
		c.local.destroyed(hash, v.merged, err)
	}
	return destroyed, err
}

// atOnce calls do for the numbers below n, some at a time.
func atOnce(n int, do func(i int)) {
	const most = 16
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, most) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
