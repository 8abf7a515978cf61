package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides who has the lock on a session: Lock.
//
// The lock is a reserved attribute of the session's own record. It is taken and given back by Update,
// so that two never have it, and there is nothing beside the session that could be left behind. Its
// value names the one who has it, and for how long.
//
// Whether that time is over is told by the clock of the one who waits: it must have seen the same
// lock for as long as its lease (rule 34). Times are never compared between machines. So a lock
// whose holder has died is free one lease after somebody has begun to wait for it.
//
// A holder that stood still does not know that its lease is over. But taking the lock changes the
// record, at the node that decides, so the holder's next write there is refused, and it finds
// another name in the lock.

// lockName is the reserved attribute of the lock. Its value is "<holder> <lease in ms>", and empty
// while nobody has the lock.
const lockName = record.ReservedPrefix + "lock"

// maxLease bounds a lease.
const maxLease = 24 * time.Hour

// How often one who waits for a lock looks, at first and in the end.
const (
	firstLook = 4 * time.Millisecond
	lastLook  = 64 * time.Millisecond
)

// Lock waits until nobody else has the lock on the session, and takes it: for as long as lease, or
// until unlock is called. It is for a handler that must run one at a time for a session, on all
// instances. For a change of the session alone Update is cheaper.
//
// Held is ctx with the lock in it. Save, Update and Delete of this session with held, or a context made
// of it, return [ErrLockLost], and store nothing, once somebody else has taken the lock, also when this
// process merely stood still for longer than the lease; and after unlock. So does the Save of a session that succeeds
// this one (Record.Succeeds). Calls with other contexts are not hindered:
// all that must keep clear of each other take the lock. What a handler does elsewhere, as with a
// payment service, is not undone: choose a lease that is longer than it takes.
//
// Unlock gives the lock back and may be called more than once. It is not nil. Where no node is
// reachable, or the holder has died, the lock is free once its lease is over, counted from when the
// next one begins to wait.
//
// A lock that ctx has already is not taken again: then unlock does nothing. The error is ErrNotFound
// without a session, ctx's error when ctx ends first, or one of Update. With an error there is no
// lock: held is ctx, and unlock does nothing.
func (c *Cluster) Lock(ctx context.Context, key string, lease time.Duration) (held context.Context, unlock func(), err error) {
	none := func() {}
	if ctx == nil {
		ctx = context.Background()
	}
	if err := c.begin(); err != nil {
		return ctx, none, err
	}
	defer c.running.Done()
	if lease < time.Millisecond || lease > maxLease {
		return ctx, none, fmt.Errorf("cluster: lock: a lease of %v: it must be between 1 ms and %v", lease, maxLease)
	}
	hash := c.handles.keyOf(key)
	if c.lockOf(ctx, hash) != "" {
		_, err := c.update(ctx, nil, key, func(*Record) error { return nil })
		return ctx, none, err
	}
	holder, err := c.takeInTime(ctx, key, lease)
	if err != nil {
		return ctx, none, err
	}
	var once sync.Once
	return c.withLock(ctx, hash, holder), func() { once.Do(func() { c.unlock(key, holder) }) }, nil
}

// takeInTime waits for the lock, and returns the holder's name. Those who wait count the lease from when
// it was written: where that was a lease ago before it is known here, another one may have it already,
// and it is taken anew.
func (c *Cluster) takeInTime(ctx context.Context, key string, lease time.Duration) (holder string, err error) {
	for !c.isClosing() {
		holder = c.name + "." + nameOf(c.cfg.Rand())
		written, err := c.takeLock(ctx, key, holder+" "+strconv.FormatInt(lease.Milliseconds(), 10))
		isLate := time.Since(written) >= lease
		if errors.Is(err, ErrUnavailable) || err == nil && isLate {
			c.giveBack(key, holder) // after an error it may be stored all the same
		}
		if err != nil || !isLate {
			return holder, err
		}
	}
	return "", ErrClosed
}

// lockKey is the context key of the locks on sessions of a Cluster.
type lockKey struct{ *Cluster }

// heldLock is a lock that a context has, and those that it has besides.
type heldLock struct {
	hash   record.Key
	holder string
	others *heldLock
}

// withLock returns ctx with one more lock.
func (c *Cluster) withLock(ctx context.Context, hash record.Key, holder string) context.Context {
	others, _ := ctx.Value(lockKey{c}).(*heldLock)
	return context.WithValue(ctx, lockKey{c}, &heldLock{hash, holder, others})
}

// lockOf returns the holder's name of the lock on the session that ctx has; empty: it has none.
func (c *Cluster) lockOf(ctx context.Context, hash record.Key) string {
	l, _ := ctx.Value(lockKey{c}).(*heldLock)
	for ; l != nil; l = l.others {
		if l.hash == hash {
			return l.holder
		}
	}
	return ""
}

// takeLock waits for the lock, and writes it. It returns when it has begun to.
func (c *Cluster) takeLock(ctx context.Context, key, lock string) (written time.Time, err error) {
	hash := c.handles.keyOf(key)
	for wait := firstLook; ; wait = min(2*wait, lastLook) {
		_, err := c.update(ctx, nil, key, func(r *Record) error {
			if c.locks.mustWait(hash, r.lock, time.Now()) {
				return errLocked
			}
			r.lock, written = lock, time.Now()
			return nil
		})
		if !errors.Is(err, errLocked) && !errors.Is(err, ErrConflict) {
			return written, err
		}
		select {
		case <-time.After(wait/2 + time.Duration(c.cfg.jitter()*float64(wait/2))):
		case <-c.closing:
			return written, ErrClosed
		case <-ctx.Done():
			return written, fmt.Errorf("cluster: lock: another one has it: %w", ctx.Err())
		}
	}
}

var errLocked = errors.New("cluster: locked")

// lockWatches are what those who wait in this process have seen of locks. They outlive each of them:
// where nobody waits for as long as the lease of a holder that has died, the next one goes on from
// what the one before it has seen. No two locks have the same value, so one that is seen again was
// there all the time.
type lockWatches struct {
	mu   sync.Mutex // guards below
	seen recent[lockWatch]
}

// mustWait reports whether somebody has the lock on the session. It takes in what the record says now.
func (ws *lockWatches) mustWait(key record.Key, lock string, now time.Time) bool {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	w := ws.seen.get(key)
	must := w.mustWait(lock, now)
	if must {
		ws.seen.put(key, w, mostRecent)
	}
	return must
}

// lockWatch is what those who wait have seen of one lock.
type lockWatch struct {
	seen  string
	since time.Time
}

// mustWait reports whether somebody has the lock. It takes in what the record says now.
func (w *lockWatch) mustWait(lock string, now time.Time) bool {
	switch {
	case lock == "":
		return false
	case lock != w.seen:
		w.seen, w.since = lock, now
		return true
	}
	return now.Sub(w.since) < leaseOf(lock)
}

// leaseOf is the lease in the value of a lock.
func leaseOf(lock string) time.Duration {
	_, text, _ := strings.Cut(lock, " ")
	ms, err := strconv.ParseInt(text, 10, 64)
	if err != nil || ms < 0 {
		return 0
	}
	return min(time.Duration(min(ms, maxLease.Milliseconds()))*time.Millisecond, maxLease)
}

// lockIn is the value of the lock in a record.
func lockIn(r *record.Record) string {
	lock, _ := r.Reserved(lockName)
	return string(lock)
}

// isHeldBy reports whether the lock is that of the holder.
func isHeldBy(lock, holder string) bool {
	name, _, _ := strings.Cut(lock, " ")
	return name == holder
}

// unlock gives the lock back, within an operation of its own.
func (c *Cluster) unlock(key, holder string) {
	if c.begin() != nil {
		return
	}
	defer c.running.Done()
	c.giveBack(key, holder)
}

// holdOn prolongs the lock that ctx has on the session, for what is not done by an update of it: for a
// lease nobody else can have it. It returns ErrLockLost where that is known; what cannot be known is no
// error here.
func (c *Cluster) holdOn(ctx context.Context, key string) error {
	if c.lockOf(ctx, c.handles.keyOf(key)) == "" {
		return nil
	}
	_, err := c.update(context.WithoutCancel(ctx), nil, key, func(r *Record) error {
		r.lock = prolonged(r.lock)
		return nil
	})
	if errors.Is(err, ErrLockLost) {
		return err
	}
	return nil
}

// prolonged is the same lock with another value: those who wait count its lease anew.
func prolonged(lock string) string {
	name, _, _ := strings.Cut(lock, " ")
	lease := leaseOf(lock).Milliseconds()
	if next := lease + 1; next <= maxLease.Milliseconds() {
		return name + " " + strconv.FormatInt(next, 10)
	}
	return name + " " + strconv.FormatInt(lease-1, 10)
}

// giveBack writes that nobody has the lock, if it is still the holder's.
func (c *Cluster) giveBack(key, holder string) {
	_, _ = c.update(context.Background(), nil, key, func(r *Record) error {
		if !isHeldBy(r.lock, holder) {
			return errLocked
		}
		r.lock = ""
		return nil
	}) // else it is free when its lease is over
}

// saveWithLock is a Save by one who has the lock: an update, with what the app has changed since the
// snapshot. A plain save would write to all targets at once, and a part of it might be stored although
// somebody else has the lock.
func (c *Cluster) saveWithLock(ctx context.Context, t *tracing, r *Record) error {
	base := r.snap.base
	var was map[string][]byte
	if base != nil {
		was = base.Values()
	}
	stored, err := c.update(context.WithoutCancel(ctx), t, r.key, func(now *Record) error {
		now.own = r.own
		if base == nil {
			clear(now.Attrs)
		}
		for name := range was {
			if _, kept := r.Attrs[name]; !kept {
				delete(now.Attrs, name)
			}
		}
		for name, value := range r.Attrs {
			if old, known := was[name]; !known || !bytes.Equal(old, value) {
				now.Attrs[name] = value
			}
		}
		if base == nil || record.DeadlineOf(r.Deadline) != base.Deadline() {
			now.Deadline = r.Deadline
		}
		return nil
	})
	if errors.Is(err, ErrNotFound) || errors.Is(err, ErrDestroyed) {
		r.snap.ended = true
		return ErrDestroyed
	}
	if err == nil && stored != nil { // else nothing was changed
		// What others have changed is no change of the app's, nor is it one that the app has not seen it.
		r.snap = snapshot{base: record.Change(stored, r.Attrs, stored.Deadline(), record.Timestamp{}), stood: stored}
	}
	return err
}
