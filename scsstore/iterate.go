package scsstore

import (
	"context"
	"fmt"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/lineage"
)

// This file decides how scs iterates over all sessions, whose tokens no node and no process knows.

var (
	_ scs.IterableStore    = (*Store)(nil)
	_ scs.IterableCtxStore = (*Store)(nil)
)

// All is AllCtx with context.Background.
func (s *Store) All() (map[string][]byte, error) { return s.AllCtx(context.Background()) }

// AllCtx returns the bytes of every session that lives, for SessionManager.Iterate; the map is never
// nil unless there is an error. Its keys are handles, since nobody has the tokens. A handle is good in
// this process: Find, Commit and Delete take it, until the Cluster is closed. To every other process,
// and after a restart, it is the token of no session. It opens its session, so keep it as secret as a
// token.
//
// With SessionManager.HashTokenInStore scs hashes handles like tokens, and they open nothing.
//
// The map holds all sessions at once: count with Cluster.All, which does not. Left out are sessions
// that Accept refuses, and those that no codec of scs can have written.
//
// The error wraps cluster.ErrKeysNotListed where nodes do not list their keys, and any error of
// Cluster.All: there are all sessions, or none.
func (s *Store) AllCtx(ctx context.Context) (map[string][]byte, error) {
	if s == nil || s.cluster == nil {
		return nil, ErrNoCluster
	}
	all := map[string][]byte{}
	for rec, err := range s.cluster.Records(ctx) {
		if err != nil {
			return nil, fmt.Errorf("scsstore: all: %w", err)
		}
		if b, known := s.read(rec); known != nil {
			all[rec.Key()] = b
			note(s, b, known)
		}
	}
	return all, nil
}

// read returns the bytes of a record, and what a commit of them is compared with: nil where the record
// is none that scs may have.
func (s *Store) read(rec *cluster.Record) ([]byte, *snapshot) {
	b := toPayload(rec.Attrs)
	if b == nil || s.Accept != nil && !s.Accept(b) {
		return nil, nil
	}
	return b, &snapshot{token: rec.Key(), rec: rec}
}

// note has the bytes lead to their find, where the codec keeps them together: no other codec tells
// what it decodes.
func note(s *Store, b []byte, known *snapshot) {
	if !whole(known.rec.Attrs) {
		lineage.Found(b).SetNote(s, known)
	}
}
