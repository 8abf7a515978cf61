package scsstore

import (
	"crypto/sha256"
	"maps"
	"slices"
	"sync"
)

// This file decides which values of a session live on under a new token: none, if the session had
// gone before its request deleted it.
//
// RenewToken deletes the session and gives its values a new token. If another request has destroyed
// the session meanwhile, or it has ended, a commit of all these values would bring it back. The
// deletion notices that: it finds nothing to delete.

// deletion is the deletion of a session that the request knew.
type deletion struct {
	*snapshot
	gone bool // the session had ended before, or another request had deleted it
}

// deletes remembers the session that a request is about to delete. If the request knows the
// session, its first deletion counts: a second one finds nothing. If it does not, the caller may be
// a part of a request with a context of its own, as within http.TimeoutHandler; then the deletion
// is remembered for all requests.
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

// lost returns the values that a session under a new token must not take over from its old token.
// If the old session is not known, before is nil and every session that the request has found
// counts.
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

// gone are the sessions that were deleted after they had gone, by contexts under which no find of
// them is known. It holds hashes of their tokens, because printing a Store by value prints this.
type gone struct {
	mu     sync.Mutex // guards below
	hashes [][sha256.Size]byte
}

// maxGone is how many hashes gone holds. A token matters from RenewToken to the commit of the same
// request.
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
