package scsstore

// This file decides what each verb of scs means for the cluster, and which
// outcomes scs is told as errors.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// MaxTokenBytes is the length of the longest token that is used, in bytes. The
// tokens of scs have 43. A longer one is never found and cannot be committed.
const MaxTokenBytes = 1024

var (
	// ErrBadToken is returned by Commit for an empty token and for one longer
	// than MaxTokenBytes.
	ErrBadToken = errors.New("scsstore: unusable session token")

	// ErrNoCluster is returned by every method of a Store that was not made by
	// New, or made of a nil Cluster.
	ErrNoCluster = errors.New("scsstore: the store has no cluster: make it with scsstore.New(c), where c comes from cluster.New")
)

// Store is an scs.Store and scs.CtxStore. It may be used by several goroutines
// and SessionManagers at once, and needs no Close: the Cluster has one.
//
// Tokens may hold any bytes; nodes see only their hashes.
type Store struct {
	// Accept, if not nil, is asked about the bytes of every session that was
	// found. Where it returns false the session is reported as not found, so
	// that the user gets a new one; the stored one is left to expire. It is the
	// way out when sessions were written by a codec that the app no longer uses:
	//
	//	store.Accept = func(b []byte) bool { _, ok := serializer.Split(b); return ok }
	//
	// It is called by the goroutine that called Find, and must not change the bytes.
	// Set it before the store is used.
	Accept func(b []byte) bool

	cluster   *cluster.Cluster
	snapshots snapshots
}

// New returns a store that keeps its sessions in c.
func New(c *cluster.Cluster) *Store { return &Store{cluster: c} }

// Format shows nothing, whatever the verb: the store knows the tokens of the requests under way.
func (s *Store) Format(f fmt.State, _ rune) { fmt.Fprint(f, "scsstore.Store") }

// Find is FindCtx with context.Background.
func (s *Store) Find(token string) (b []byte, found bool, err error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx with context.Background: it replaces all values of the session.
func (s *Store) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

// Delete is DeleteCtx with context.Background.
func (s *Store) Delete(token string) error {
	return s.DeleteCtx(context.Background(), token)
}

// FindCtx returns the bytes that were committed for the token, joined with what
// other requests have committed since. A session that does not exist, has expired
// or was deleted is not found, with a nil error; so are an empty and an over-long
// token, without a word to any node.
//
// The error is not nil when the nodes cannot tell: cluster.ErrUnavailable when
// none of them answers, cluster.ErrVersion for a record of a newer version, the
// context's error when it ends first. An outage is never reported as "not found":
// scs would give the user a new, empty session, and forget the old one.
func (s *Store) FindCtx(ctx context.Context, token string) (b []byte, found bool, err error) {
	if s == nil || s.cluster == nil {
		return nil, false, ErrNoCluster
	}
	if !usable(token) {
		return nil, false, nil
	}
	req := requestOf(ctx)
	rec, err := s.cluster.Load(ctx, token)
	if errors.Is(err, cluster.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("scsstore: find: %w", err)
	}
	b = toPayload(rec.Attrs)
	if s.Accept != nil && !s.Accept(b) {
		return nil, false, nil
	}
	s.snapshots.keep(req, token, rec)
	return b, true, nil
}

// CommitCtx stores the bytes for the token until expiry. When it returns nil
// they are on at least cluster.Config.MinCopies nodes.
//
// After a FindCtx with the same token and a context with the same Done channel,
// only the difference to what was found is written. Otherwise the bytes replace
// the whole session. See the package comment.
//
// A session that was deleted meanwhile, by the logout in another request, stays
// deleted, and CommitCtx returns nil: the slow request has nothing to be blamed
// for. scs will send its cookie with the dead token once more, and the next
// request that brings it starts a new session.
//
// An expiry that is not in the future ends the session, as DeleteCtx does.
//
// The save is finished also when ctx is cancelled: a client that goes away does not
// undo what its request has done. The error is ErrBadToken, or wraps one of
// cluster.ErrUnavailable, cluster.ErrConflict, cluster.ErrTooLarge and cluster.ErrVersion.
func (s *Store) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	if s == nil || s.cluster == nil {
		return ErrNoCluster
	}
	if !usable(token) {
		return fmt.Errorf("%w: it has %d bytes, and must have 1 to %d", ErrBadToken, len(token), MaxTokenBytes)
	}
	if !expiry.After(time.Now()) {
		return s.DeleteCtx(ctx, token)
	}
	req := requestOf(ctx)
	rec := s.snapshots.take(req, token)
	if rec == nil {
		rec = cluster.NewRecord(token)
	}
	rec.Attrs, rec.Deadline = fromPayload(b), expiry
	err := s.cluster.Save(ctx, rec)
	if errors.Is(err, cluster.ErrDestroyed) {
		return nil
	}
	// After a failure, too: the record still knows what the request had found,
	// and the app may try again.
	s.snapshots.keep(req, token, rec)
	if err != nil {
		return fmt.Errorf("scsstore: commit: %w", err)
	}
	return nil
}

// DeleteCtx destroys the session for good: a token that was deleted is not found
// again, whatever other requests commit for it. It is finished also when ctx is
// cancelled. Deleting what does not exist is nil, and so is deleting an empty or
// over-long token, which cannot exist.
//
// The error wraps cluster.ErrUnavailable when no node could be told.
func (s *Store) DeleteCtx(ctx context.Context, token string) error {
	if s == nil || s.cluster == nil {
		return ErrNoCluster
	}
	if !usable(token) {
		return nil
	}
	if err := s.cluster.Delete(ctx, token); err != nil {
		return fmt.Errorf("scsstore: delete: %w", err)
	}
	return nil
}

func usable(token string) bool { return token != "" && len(token) <= MaxTokenBytes }
