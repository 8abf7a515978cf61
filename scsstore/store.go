package scsstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/lineage"
	"github.com/holdfast-go/holdfast/internal/weakmap"
)

// This file decides what each verb of scs means for the cluster, and which outcomes it reports to
// scs as errors.

// MaxTokenBytes is the length of the longest token that is accepted, in bytes. The tokens of scs
// have 43. A longer token is never found and cannot be committed.
const MaxTokenBytes = 1024

var (
	// ErrBadToken is returned by Commit for an empty token and for a token longer than
	// MaxTokenBytes.
	ErrBadToken = errors.New("scsstore: unusable session token")

	// ErrNoCluster is returned by every method of a Store that was not made by New, or that New
	// made of a nil Cluster.
	ErrNoCluster = errors.New("scsstore: the store has no cluster: make it with scsstore.New(c), where c comes from cluster.New")
)

// Store is an scs.Store and scs.CtxStore. Several goroutines and SessionManagers may use it at
// once. It needs no Close: the Cluster has one.
//
// Tokens may hold any bytes; nodes see only hashes of tokens.
//
// A token opens its session in every SessionManager and in every app on the same nodes, also where
// the values mean something else. To keep SessionManagers or apps apart, give each a Cluster with a
// [cluster.Config.KeyPrefix] of its own.
type Store struct {
	// Accept, if not nil, is called with the bytes of every session that was found. If it returns
	// false, Find reports the session as not found, so that the user gets a new one; the stored
	// session is left to expire. Use it when sessions were written by a codec that the app no
	// longer uses, and that its present one cannot read either: serializer.Codec reads them with
	// its field Former, so that nobody has to log in again.
	//
	//	store.Accept = func(b []byte) bool { _, ok := serializer.Split(b); return ok }
	//
	// Find calls it on its own goroutine. It must not change the bytes. Set it before the store is
	// used.
	Accept func(b []byte) bool

	// ReportDestroyed makes Commit return an error that wraps cluster.ErrDestroyed for a session
	// that was deleted, or has ended, since its request has found it. If false, Commit stores
	// nothing and returns nil, since the request did nothing wrong. But scs's own LoadAndSave takes
	// nil for success: it sets its cookie with the dead token, perhaps over the cookie of a login
	// that was faster. So use [Store.LoadAndSave], which needs no setting; or set ReportDestroyed,
	// and with it an ErrorFunc that lets the page pass:
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

	// Logger receives one warning of the store, at the first commit of a session that is stored as
	// one attribute, because its codec is not [serializer.Codec]: of two parallel requests the
	// later one replaces the session then. If nil, slog.Default() is used. An app that wants it so
	// sets slog.New(slog.DiscardHandler). Set it before the store is used.
	Logger *slog.Logger

	// OwnerKey is the key of the session value that names the user, such as "userID": a string, or an
	// integer, which counts as its decimal text. Sessions with that value are the user's: Sessions
	// lists them, and DestroyAll ends them. If empty, no session has an owner, which costs nothing.
	//
	// With it, the commit that gives a session its value (the login) reads and writes the user's
	// record on the nodes as well, and a Find now and then reads it (cluster.Config.OwnerCheck). The
	// codec must be serializer.Codec or scs.GobCodec: a commit of other bytes is an error, and so is
	// one of a value of another type. Set it before the store is used, and in an app that runs not
	// before all its instances have a version of this package that knows it.
	OwnerKey string

	cluster  *cluster.Cluster
	requests weakmap.Map[*request] // by the Done channels of their contexts
	gone     *gone
	warned   sync.Once // of sessions that are committed whole
}

// New returns a store that keeps its sessions in c.
func New(c *cluster.Cluster) *Store {
	lineage.Watch()
	return &Store{cluster: c, gone: new(gone)}
}

// Format prints the type's name alone, whatever the verb: the store knows the tokens of the
// requests under way.
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

// FindCtx returns the bytes that were committed for the token, merged with what other requests have
// committed since. If the session does not exist, has expired or was deleted, found is false and
// the error nil. The same holds for an empty token and for one that is too long; no node is asked
// then.
//
// The error wraps cluster.ErrUnavailable when too few nodes can be reached to know,
// cluster.ErrVersion for a record of a newer version, and the context's error when the context ends
// first. An outage is never reported as "not found": scs would give the user a new, empty session,
// and forget the old one.
func (s *Store) FindCtx(ctx context.Context, token string) (b []byte, found bool, err error) {
	if s == nil || s.cluster == nil {
		return nil, false, ErrNoCluster
	}
	if !usable(token) {
		return nil, false, nil
	}
	req := s.requestOf(ctx)
	v := s.visitOf(ctx)
	rec, err := s.cluster.LoadVersion(ctx, token, v.version())
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
	v.note(rec)
	known := &snapshot{token: token, rec: rec}
	req.found(known)
	note(s, b, known)
	return b, true, nil
}

// CommitCtx stores the bytes for the token until expiry. When it returns nil, the session lies on
// at least cluster.Config.MinCopies nodes.
//
// If the find is known that the bytes come from, only the difference is written: an attribute that
// still has the value that was found keeps its stored bytes. Otherwise the bytes replace the whole
// session. The package comment says when the find is known.
//
// A session that was deleted meanwhile, by a logout in another request, stays deleted, and a
// session that has ended since it was found stays ended. CommitCtx stores nothing then and returns
// nil; see ReportDestroyed.
//
// A token that the request has not found belongs to a new session. RenewToken makes such a token:
// it deletes the old session and commits the values under the new token. If the old session had
// already been deleted or had ended, the new session holds only the values that the request itself
// has put. If there are none, or if the codec does not tell values apart, nothing is stored.
//
// An expiry that is not in the future deletes the session, as DeleteCtx does.
//
// The save is finished also when ctx is cancelled: a client that goes away does not undo what its
// request has done. The error is ErrBadToken or ErrNoCluster, or wraps one of
// cluster.ErrUnavailable, cluster.ErrConflict, cluster.ErrTooLarge and cluster.ErrVersion; with
// ReportDestroyed also cluster.ErrDestroyed.
func (s *Store) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	if s == nil || s.cluster == nil {
		return ErrNoCluster
	}
	if !usable(token) {
		return fmt.Errorf("%w: it has %d bytes, and must have 1 to %d; scs makes good ones", ErrBadToken, len(token), MaxTokenBytes)
	}
	if !expiry.After(time.Now()) {
		return s.DeleteCtx(ctx, token)
	}
	// Nothing that is remembered may share memory with b: it would last as long as b.
	attrs := fromPayload(bytes.Clone(b))
	if whole(attrs) {
		s.warned.Do(s.warnWhole)
	}
	line, req := lineage.Of(b), s.requestOf(ctx)
	now, ok := s.changed(line, req, token, attrs)
	err := cluster.ErrDestroyed
	if ok && s.OwnerKey != "" {
		owner, err := s.ownerOf(attrs)
		if err != nil {
			return fmt.Errorf("scsstore: commit: %w", err)
		}
		now.rec.SetOwner(owner, labelOf(ctx))
	}
	if ok {
		now.rec.Deadline = expiry
		// Not with ctx itself: a save that waits for another save of its session would end with
		// the client. Its values are kept: for Config.Trace, and a lock may be among them.
		err = s.cluster.Save(withoutEnd(ctx), now.rec)
		// After any other failure the old snapshot stays the base, because the app may try again.
		// After ErrDestroyed the new snapshot says from now on that the session is gone.
		if err == nil { // before others see now, which never changes
			s.visitOf(ctx).note(now.rec)
		}
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

// DeleteCtx destroys the session for good: a deleted token is not found again, whatever other
// requests commit for it. It is finished also when ctx is cancelled. It returns nil for a session
// that does not exist, and for a token that is empty or too long.
//
// DeleteCtx first asks the nodes whether the session still exists, because a commit under a new
// token must know it; see CommitCtx.
//
// The error wraps cluster.ErrUnavailable or cluster.ErrClosed; the session may then be destroyed or
// not. With a context of LockHandler, or cluster.Lock, it is also cluster.ErrLockLost: somebody else
// has the lock, and the session is as it was.
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
	s.visitOf(ctx).forget()
	return nil
}

// hasGone reports whether the nodes say that there is no such session any more.
func (s *Store) hasGone(ctx context.Context, token string) bool {
	_, err := s.cluster.Load(withoutEnd(ctx), token)
	return errors.Is(err, cluster.ErrNotFound)
}

// warnWhole tells the operator what a codec other than serializer.Codec costs.
func (s *Store) warnWhole() {
	logger := s.Logger
	if logger == nil {
		logger = slog.Default()
	}
	logger.Warn("scsstore: sessions are committed whole: of two parallel requests of a session the later one replaces what the other one has changed",
		"mend", "sessions.Codec = serializer.Codec{Former: scs.GobCodec{}}, with the codec of before as Former; or set scsstore.Store.Logger to silence this")
}

// withoutEnd returns a context with the values of ctx that does not end. Nil has none.
func withoutEnd(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return context.WithoutCancel(ctx)
}

func usable(token string) bool { return token != "" && len(token) <= MaxTokenBytes }
