package scsstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/hidden"
	"github.com/holdfast-go/holdfast/internal/lineage"
)

// This file decides how a request changes a value that other requests change at the same time:
// Update.

// Update changes the session of ctx without losing what other requests change at the same time, and
// stores it. It calls change with a context that has the session as it is stored now, and not as it
// was when the request began; if another request commits the session meanwhile, it calls change
// again, with that. Two requests that both raise a counter, or both add to a cart, are both counted.
//
//	err := store.Update(r.Context(), sessions, func(ctx context.Context) error {
//		sessions.Put(ctx, "n", sessions.GetInt(ctx, "n")+1)
//		return nil
//	})
//
// Only the context that change is given has that session: a Put with the request's own context within
// change is a plain one. Afterwards the request's own session has the values that are stored, and
// none of them is written again when the request is committed. What the request has changed before Update is
// committed first, as by Commit. Its status is Modified from then on, so that scs sets its cookie.
// If change returns an error, Update returns it, nothing of it is stored, and the request's session
// is as before.
//
// Change may be called many times: it must have no effect but on the values, and it must not call
// Commit, Destroy, RenewToken or Update. A session that is not stored yet is committed after one
// call of change. It works with every codec; with another than serializer.Codec the session is one
// value, so that a plain commit of another request replaces what Update has stored.
//
// M must be a SessionManager whose Store is s, and ctx one that m.Load, or LoadAndSave, has made. The
// error is that of change, or wraps cluster.ErrNotFound or cluster.ErrDestroyed for a session that
// was deleted or has ended, or one of cluster.ErrUnavailable (the change is stored or not),
// cluster.ErrConflict, cluster.ErrLockLost, cluster.ErrTooLarge and cluster.ErrVersion.
func (s *Store) Update(ctx context.Context, m *scs.SessionManager, change func(context.Context) error) error {
	switch {
	case s == nil || s.cluster == nil:
		return ErrNoCluster
	case m == nil || change == nil:
		return errors.New("scsstore: update: the SessionManager or the function is nil")
	case ctx == nil || ctx.Value(sessionKey(m)) == nil:
		return errors.New("scsstore: update: the context has no session of that SessionManager: use the request's, within LoadAndSave")
	case ctx.Value(updatingKey{s}) != nil:
		return errors.New("scsstore: update: called within the function of another Update, which has the session already")
	}
	token := m.Token(ctx)
	if token == "" {
		if err := change(ctx); err != nil {
			return err
		}
		_, _, err := m.Commit(ctx)
		return err
	}
	if m.Status(ctx) == scs.Modified {
		if _, _, err := m.Commit(ctx); err != nil {
			return err
		}
	}
	u := &oneUpdate{manager: *m, token: token}
	u.manager.Store = u
	u.bare = hidden.Without(ctx, sessionKey(m))
	if _, err := u.manager.Load(u.bare, token); err != nil { // says under which name m stores the session
		return err
	}
	u.bare = context.WithValue(u.bare, updatingKey{s}, true)
	return s.update(ctx, m, u, change)
}

func (s *Store) update(ctx context.Context, m *scs.SessionManager, u *oneUpdate, change func(context.Context) error) error {
	var own error
	var stored *cluster.Record
	var result context.Context
	err := s.cluster.Update(ctx, u.key, func(rec *cluster.Record) error {
		if u.found = toPayload(rec.Attrs); s.Accept != nil && !s.Accept(u.found) {
			return cluster.ErrNotFound
		}
		if result, own = u.manager.Load(u.bare, u.token); own != nil {
			return own
		}
		if own = change(result); own != nil {
			return own
		}
		stored = rec
		if own = u.take(result, rec); own == nil && s.OwnerKey != "" {
			var owner string
			if owner, own = s.ownerOf(rec.Attrs); own == nil {
				rec.SetOwner(owner, labelOf(ctx))
			}
		}
		return own
	})
	if own != nil {
		return own
	}
	if err != nil {
		return fmt.Errorf("scsstore: update: %w", err)
	}
	s.visitOf(ctx).note(stored) // else the client would bring the version of before
	return s.show(ctx, m, u, result, stored)
}

// show gives the request's own session the values that are stored, and remembers that they are.
func (s *Store) show(ctx context.Context, m *scs.SessionManager, u *oneUpdate, result context.Context, stored *cluster.Record) error {
	for _, key := range m.Keys(ctx) {
		if !m.Exists(result, key) {
			m.Remove(ctx, key)
		}
	}
	for _, key := range m.Keys(result) {
		m.Put(ctx, key, m.Get(result, key))
	}
	if _, _, err := u.manager.Commit(ctx); err != nil { // which only encodes
		return fmt.Errorf("scsstore: update: %w", err)
	}
	known := &snapshot{token: u.key, rec: stored, equal: sameBy(m.Codec)}
	lineage.Of(u.committed).SetNote(s, known)
	s.requestOf(ctx).committed(known)
	return nil
}

// sameBy compares sessions by what a codec makes of them: one that writes maps in another order each
// time has changed nothing.
func sameBy(codec scs.Codec) func(a, b []byte) bool {
	return func(a, b []byte) bool {
		deadlineA, valuesA, errA := codec.Decode(a)
		deadlineB, valuesB, errB := codec.Decode(b)
		return errA == nil && errB == nil && deadlineA.Equal(deadlineB) && reflect.DeepEqual(valuesA, valuesB)
	}
}

// updatingKey is the context key of contexts that Update gives to change.
type updatingKey struct{ *Store }

// sessionKey is the key under which m keeps the session in a context.
func sessionKey(m *scs.SessionManager) any {
	return hidden.KeyOf(func(ctx context.Context) { _, _ = m.Load(ctx, "") })
}

// oneUpdate is the scs.Store of one Update: it finds what the update has read, and keeps what change
// commits.
type oneUpdate struct {
	manager scs.SessionManager // whose Store it is
	token   string
	key     string          // under which the session is stored: a hash of the token where m hashes it
	bare    context.Context // without the request's own session

	found, committed []byte
	expiry           time.Time
	deleted          bool
}

// take puts what change has left into the record.
func (u *oneUpdate) take(result context.Context, rec *cluster.Record) error {
	switch {
	case u.deleted || u.manager.Status(result) == scs.Destroyed || u.manager.Token(result) != u.token:
		return errors.New("scsstore: update: the function has destroyed the session or renewed its token: do so outside of Update")
	case u.manager.Status(result) == scs.Unmodified:
		return nil
	}
	if _, _, err := u.manager.Commit(result); err != nil {
		return err
	}
	attrs := fromPayload(bytes.Clone(u.committed))
	keep(rec.Attrs, attrs)
	rec.Attrs, rec.Deadline = attrs, u.expiry
	return nil
}

// Find is scs.Store's.
func (u *oneUpdate) Find(key string) (b []byte, found bool, err error) {
	u.key = key
	return u.found, u.found != nil, nil
}

// Commit is scs.Store's.
func (u *oneUpdate) Commit(_ string, b []byte, expiry time.Time) error {
	u.committed, u.expiry = b, expiry
	return nil
}

// Delete is scs.Store's.
func (u *oneUpdate) Delete(string) error {
	u.deleted = true
	return nil
}
