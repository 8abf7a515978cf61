package scsstore

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
)

// This file decides what of a session lives on under a new token: nothing, where it had
// gone before its request deleted it.
//
// RenewToken deletes the session and gives its values a new token. If another request has
// destroyed it meanwhile, or it has ended, a commit of all these values would bring it
// back. What tells is the deletion, which finds nothing to delete.

// deletion is that of a session which the request knew.
type deletion struct {
	*snapshot
	gone bool // it had ended before, or somebody else had deleted it
}

// deletes remembers what a request is about to delete. Where it knows the session, its
// first deletion counts: after that there is nothing left. Otherwise it may be a part
// of the request that has a context of its own, as within http.TimeoutHandler, and all
// requests are told.
func (s *Store) deletes(req *request, token string, gone bool) {
	known := req.snapshotOf(token)
	if known == nil {
		if gone {
			s.gone.add(token)
		}
		return
	}
	req.mu.Lock()
	defer req.mu.Unlock()
	if !slices.ContainsFunc(req.deleted, func(d deletion) bool { return d.is(token) }) {
		req.deleted = append(atMost(maxPerRequest-1, req.deleted), deletion{known, gone})
	}
}

// lost returns the values that a session under a new token must not take over from the
// one that it was before. Where it is not known which that was, any that the request
// has found may be.
func (s *Store) lost(before *snapshot, req *request) map[string][]byte {
	candidates, deleted := req.all()
	if before != nil {
		candidates = []*snapshot{before}
	}
	for _, c := range candidates {
		i := slices.IndexFunc(deleted, func(d deletion) bool { return d.is(c.token) })
		if i >= 0 && deleted[i].gone || i < 0 && s.gone.has(c.token) {
			values := maps.Clone(c.rec.Attrs)
			maps.Copy(values, c.lost)
			return values
		}
	}
	if before != nil {
		return before.lost
	}
	return nil
}

// all returns all that the request knows.
func (r *request) all() ([]*snapshot, []deletion) {
	if r == nil {
		return nil, nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.known), slices.Clone(r.deleted)
}

// gone are the sessions that were deleted after they had gone, by requests whose contexts
// did not tell that they knew them. It holds hashes of their tokens, since whoever prints a
// Store by value prints this.
type gone struct {
	mu     sync.Mutex // guards below
	hashes [][sha256.Size]byte
}

// maxGone bounds them. A token matters from RenewToken to the commit of the same request.
const maxGone = 1024

func (g *gone) add(token string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hashes = append(atMost(maxGone-1, g.hashes), sha256.Sum256([]byte(token)))
}

func (g *gone) has(token string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Contains(g.hashes, sha256.Sum256([]byte(token)))
}
