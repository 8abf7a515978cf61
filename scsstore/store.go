package scsstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/lineage"
	"github.com/holdfast-go/holdfast/internal/weakmap"
)

// This file decides what each verb of scs means for the cluster, and which
// outcomes scs is told as errors.

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
//
// Whoever has a token has its session: also in another SessionManager, and in another app
// on the same nodes, whose values may mean something else. Keep them apart by a Cluster with a
// [cluster.Config.KeyPrefix] of its own for each.
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

	// ReportDestroyed makes Commit return an error that wraps cluster.ErrDestroyed for a
	// session that was deleted, or has ended, since its request has found it. If false,
	// Commit returns nil then: nothing is stored, and the request has nothing to be
	// blamed for. But scs's own LoadAndSave takes nil for success and sets its cookie, with
	// a token that is dead, perhaps over the cookie of a login that was faster. Use
	// [Store.LoadAndSave], which needs no setting; or set this, and with it an ErrorFunc
	// that lets the page pass:
	//
	//	sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
	//		if errors.Is(err, cluster.ErrDestroyed) {
	//			return // the page goes out without a cookie
	//		}
	//		log.Print(err)
	//		http.Error(w, "Please try again in a moment.", http.StatusServiceUnavailable)
	//	}
	//
	// Set it before the store is used.
	ReportDestroyed bool

	cluster  *cluster.Cluster
	requests weakmap.Map[*request] // by the Done channels of their contexts
	gone     *gone
}

// New returns a store that keeps its sessions in c.
func New(c *cluster.Cluster) *Store {
	lineage.Watch()
	return &Store{cluster: c, gone: new(gone)}
}

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
	req := s.requestOf(ctx)
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
	known := &snapshot{token: token, rec: *rec}
	req.found(known)
	if !whole(rec.Attrs) { // no other codec tells what it decodes
		lineage.Found(b).SetNote(s, known)
	}
	return b, true, nil
}

// CommitCtx stores the bytes for the token until expiry. When it returns nil
// they are on at least cluster.Config.MinCopies nodes.
//
// Where the find is known that the bytes come from, only the difference to it is
// written, and an attribute that still has the value that was found is left as it is
// stored. Otherwise the bytes replace the whole session. See the package comment.
//
// A session that was deleted meanwhile, by the logout in another request, stays
// deleted, and one that has ended since it was found stays ended. CommitCtx returns nil
// then: the slow request has nothing to be blamed for. See ReportDestroyed.
//
// A token that the request has not found is that of a new session. If the request has
// deleted the session that the values come from, as RenewToken does, and that one had
// already been deleted or ended, the new session holds only what the request itself has
// put; without such a value, and where the codec does not tell values apart, nothing is stored.
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
	// Of what is remembered nothing may share memory with b: it would last as long as that.
	attrs := fromPayload(bytes.Clone(b))
	line, req := lineage.Of(b), s.requestOf(ctx)
	now, ok := s.changed(line, req, token, attrs)
	err := cluster.ErrDestroyed
	if ok {
		now.rec.Deadline = expiry
		// Not with ctx: a save that waits for another one of its session would end with the client.
		err = s.cluster.Save(context.Background(), &now.rec)
		// After another failure what was known before still is: the app may try again. That
		// a session was destroyed is known from now on.
		if err == nil || errors.Is(err, cluster.ErrDestroyed) {
			line.SetNote(s, now)
			req.committed(now)
		}
	}
	if errors.Is(err, cluster.ErrDestroyed) && !s.reportsDestroyed(ctx) {
		return nil
	}
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
// It is looked up first whether the session still exists; see CommitCtx.
//
// The error wraps cluster.ErrUnavailable when no node could be told.
func (s *Store) DeleteCtx(ctx context.Context, token string) error {
	if s == nil || s.cluster == nil {
		return ErrNoCluster
	}
	if !usable(token) {
		return nil
	}
	req := s.requestOf(ctx)
	s.deletes(req, token, s.hasGone(ctx, token))
	if err := s.cluster.Delete(ctx, token); err != nil {
		return fmt.Errorf("scsstore: delete: %w", err)
	}
	return nil
}

// hasGone reports whether it is known that there is no such session any more.
func (s *Store) hasGone(ctx context.Context, token string) bool {
	if ctx != nil {
		ctx = context.WithoutCancel(ctx)
	}
	_, err := s.cluster.Load(ctx, token)
	return errors.Is(err, cluster.ErrNotFound)
}

func usable(token string) bool { return token != "" && len(token) <= MaxTokenBytes }
