package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides when the nodes get what only this process has: at once in the background, when
// a node is back, before they are asked for the session, and at Close. Every write of a session has all that is
// pending of it then.

const (
	// mostWriteBehind is how many sessions may have changes on their way in the background. Further saves
	// wait for the nodes.
	mostWriteBehind = 1024
	// writersAtOnce is how many sessions are written at a time.
	writersAtOnce = 16
	// writeRetry is the time between two attempts to write a session that could not be written.
	writeRetry = time.Second
	// mostClosing bounds what Close does with pending changes; a Timeout that is long counts instead.
	mostClosing = 5 * time.Second
)

// saveBehind makes the changes of a save on the local copy, and leaves the writing to the background.
// It reports false where the save has to wait for the nodes: there is no fresh copy, or no room, or
// the save has an error to tell.
func (l *localLayer) saveBehind(s *save) bool {
	if !l.cfg.WriteBehind || s.snap.base == nil {
		return false
	}
	kept, _ := l.keep(s, l.cfg.Fresh, false)
	return kept
}

// withPending is what was found, with what this process holds beyond it: every write of a session
// takes along all that is pending (rule 38).
func (op *operation) withPending(found *record.Record) *record.Record {
	if op.c.local == nil {
		return found
	}
	kept := op.c.local.get(op.hash)
	if kept.pending == nil {
		return found
	}
	want, ok := record.Take(found, kept.pending, kept.stood, op.c.cfg.Now(), op.c.writer)
	if !ok && !want.IsTombstone() {
		return found // it has ended there
	}
	return want
}

// writeFirst writes what the nodes do not have of the session, before it is read there (rule 39): nodes that
// came back empty would say that there is none.
func (l *localLayer) writeFirst(ctx context.Context, key record.Key) {
	if !l.isUnwritten(key) {
		return
	}
	l.c.within(ctx, func() {
		l.settleMarked(key)
		_ = l.writeBack(key) // what cannot be written is served from here, or an error of the load
	})
}

// within waits for f, and reports false where ctx ends before; f goes on then. It is for use within an
// operation.
func (c *Cluster) within(ctx context.Context, f func()) bool {
	done := make(chan struct{})
	c.running.Add(1)
	go func() {
		defer c.running.Done()
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-ctx.Done():
		return false
	}
}

// writeBack writes what is pending of the session.
func (l *localLayer) writeBack(key record.Key) error {
	s := l.newWriteBack(key)
	if s == nil {
		return nil
	}
	var err error
	if s.pending.IsTombstone() {
		s.operation = l.c.operationOn(key, intent{isDeletion: true})
		_, err = s.converge(nil, saveRounds, s.decideDestroy)
	} else {
		err = l.c.takeTurn(context.Background(), s)
	}
	l.writtenBack(s, err)
	return err
}

// newWriteBack is a save of what is pending; nil where nothing is.
func (l *localLayer) newWriteBack(key record.Key) *save {
	lc := l.get(key)
	if lc.pending == nil {
		return nil
	}
	s := &save{snap: &snapshot{base: lc.stood, seen: lc.seen}, pending: lc.pending}
	if lc.unused { // those copies are gone
		s.snap.seen = nil
	}
	s.at = record.Timestamp{Clock: lc.own, Writer: l.writer}
	s.operation = l.c.operationOn(key, intent{mayBeNew: lc.stood == nil})
	return s
}

// planWriteBack is plan for a write-back.
func (s *save) planWriteBack(before *record.Record) (*record.Record, error) {
	want, ok := record.Take(before, s.pending, s.snap.base, s.c.cfg.Now(), s.c.writer)
	if !ok {
		return nil, ErrDestroyed
	}
	return want, nil
}

// writtenBack takes up what has become of that.
func (l *localLayer) writtenBack(s *save, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lc := l.copies[s.hash]
	if lc == nil {
		return
	}
	switch {
	case err == nil && s.pending.IsTombstone():
		l.endLocked(s.hash, s.pending)
	case err == nil:
		l.confirmLocked(s.hash, s.last.merged, nil, slices.Clone(s.last.targets), s.last.readAt)
	case errors.Is(err, ErrDestroyed) && !lc.stood.IsTombstone(): // else it was destroyed here
		l.endLocked(s.hash, s.last.merged) // the changes have ended with their session
	case errors.Is(err, ErrTooLarge):
		l.c.log.warn(nil, "cluster: changes that were pending are too large for the nodes, and lost", "reason", err.Error())
		l.dropLocked(lc)
	}
}

// writeLoop writes what is pending until the Cluster is closed.
func (l *localLayer) writeLoop() {
	c := l.c
	tick := time.NewTicker(writeRetry)
	defer tick.Stop()
	room := make(chan struct{}, writersAtOnce)
	for {
		select {
		case <-c.closing:
			return
		case <-l.queue.kicked:
		case <-tick.C:
			l.retry(slices.ContainsFunc(c.nodes(), (*node).isUp))
		}
		for key, ok := l.next(); ok; key, ok = l.next() {
			select {
			case room <- struct{}{}:
			case <-c.closing:
				return // Close writes the rest, in a bounded time
			}
			c.running.Go(func() {
				defer func() { <-room }()
				l.tried(key, l.writeBack(key))
			})
		}
	}
}

// writeRest is for Close: it writes what is pending, as far as the nodes take it in a few seconds, and
// returns an error that says how many sessions they have not taken.
func (l *localLayer) writeRest() error {
	timeout := l.c.cfg.Timeout
	until := time.Now().Add(max(mostClosing, 20*timeout))
	left := len(l.unwrittenKeys())
	for try := 0; left > 0 && try < 3 && time.Now().Before(until); try++ { // a node may come back just now
		time.Sleep(time.Duration(try) * timeout)
		l.writeAll(until)
		left = len(l.unwrittenKeys())
	}
	if left == 0 {
		return nil
	}
	l.c.log.warn(nil, "cluster: closed with changes that no node has taken; they are lost", "sessions", left)
	return fmt.Errorf("%w: closed with changes that no node has taken: %d session(s)", ErrUnavailable, left)
}

// writeAll tries to write each session that has pending changes, until that time.
func (l *localLayer) writeAll(until time.Time) {
	keys := make(chan record.Key)
	var wg sync.WaitGroup
	for range writersAtOnce {
		wg.Go(func() {
			for key := range keys {
				if time.Now().Before(until) {
					_ = l.writeBack(key) // what is left is counted below
				}
			}
		})
	}
	for _, key := range l.unwrittenKeys() {
		keys <- key
	}
	close(keys)
	wg.Wait()
}

// unwrittenKeys are those of the sessions with changes that the nodes do not have.
func (l *localCopies) unwrittenKeys() (keys []record.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, c := range l.copies {
		if c.changed {
			keys = append(keys, key)
		}
	}
	return keys
}
