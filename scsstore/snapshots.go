package scsstore

import (
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/lineage"
)

// This file decides which find a commit belongs to. The app has changed what differs from that
// find.

// snapshot is a session as a find has returned it, or as a commit has left it. It
// never changes: a commit works on a copy of the record.
type snapshot struct {
	token string
	rec   *cluster.Record
	// lost are values of a session that had gone when this one took its place under a
	// new token. The app still holds them, and they are not stored.
	lost map[string][]byte
	// equal compares the values in the bytes of two sessions that are stored in one piece; nil: it is
	// not known how. It is known after an Update.
	equal func(a, b []byte) bool
}

func (s *snapshot) is(token string) bool { return s != nil && s.token == token }

// changed returns the session as a commit of the attributes leaves it, for Save. ok is false if the
// attributes come from a session that has gone, under a new token.
//
// The line of the bytes tells for certain which snapshot the values come from. If the codec draws
// no line, because it is another codec or copies its bytes, the request is asked.
func (s *Store) changed(line *lineage.Line, req *request, token string, attrs map[string][]byte) (now *snapshot, ok bool) {
	on, _ := line.Note(s).(*snapshot)
	base := on
	if !base.is(token) {
		base = req.snapshotOf(token)
	}
	now = &snapshot{token: token}
	if base != nil {
		rec := *base.rec
		now.rec, now.lost = &rec, base.lost
		keep(base.rec.Attrs, attrs)
		now.equal = base.equal
		if was := base.rec.Attrs[wholeName]; base.equal != nil && was != nil && whole(attrs) && base.equal(was, attrs[wholeName]) {
			attrs[wholeName] = was
		}
	} else {
		now.rec, now.lost = cluster.NewRecord(token), s.lost(on, req)
		if on != nil { // what was left alone goes to the new token as it is stored
			keep(on.rec.Attrs, attrs)
		}
		if before := req.predecessor(on); before != nil {
			now.rec.Succeeds(before.rec)
		}
	}
	now.rec.Attrs = attrs
	return now, now.lost == nil || own(now.lost, attrs) || base != nil
}

// request is what one request knows of the sessions that it has found. A nil request knows nothing
// and remembers nothing: it is the request of contexts that cannot be told apart.
type request struct {
	mu      sync.Mutex // guards below
	known   []*snapshot
	deleted []deletion // of the sessions in known
}

// maxPerRequest bounds what is remembered for one context. A request finds one
// session, or two when it merges them; a context that finds more belongs to something
// longer than a request, and its oldest finds are the least likely to be committed.
const maxPerRequest = 16

// found remembers the first find of each session, because the app's values come from the first. Of
// a session that is stored as one attribute the newest find counts: a commit replaces the session
// as a whole, and if many requests share a context, an old find would make a new change look like
// none.
func (r *request) found(s *snapshot) {
	r.remember(s, func(had *snapshot) bool { return whole(had.rec.Attrs) })
}

// committed remembers the session as a commit has left it.
func (r *request) committed(s *snapshot) {
	r.remember(s, func(*snapshot) bool { return true })
}

func (r *request) remember(s *snapshot, inPlaceOf func(had *snapshot) bool) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, had := range r.known {
		if had.is(s.token) {
			if inPlaceOf(had) {
				r.known[i] = s
			}
			return
		}
	}
	r.known = append(atMost(maxPerRequest-1, r.known), s)
}

func (r *request) snapshotOf(token string) *snapshot {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.known {
		if s.is(token) {
			return s
		}
	}
	return nil
}

// atMost returns the last n of the list.
func atMost[T any](n int, list []T) []T {
	return slices.Delete(list, 0, max(0, len(list)-n))
}
