package gorillastore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/owner"
)

// This file decides whose a session is, and what its owner can do: see his sessions, end one, end all.

// setOwner tells the record whose the session is.
func (s *Store) setOwner(r *http.Request, session *sessions.Session, rec *cluster.Record) error {
	if s.OwnerKey == nil {
		return nil
	}
	if !reflect.TypeOf(s.OwnerKey).Comparable() {
		return fmt.Errorf("gorillastore: session %q: OwnerKey is a %T, which is no key of a map: use a string", session.Name(), s.OwnerKey)
	}
	text, err := owner.Text(session.Values[s.OwnerKey])
	if err != nil {
		return fmt.Errorf("gorillastore: session %q: the value of OwnerKey, key %s: %w", session.Name(), shown(s.OwnerKey), err)
	}
	label := ""
	if s.Label != nil && text != "" {
		label = s.Label(r)
	}
	rec.SetOwner(text, label)
	return nil
}

// Sessions returns the sessions of a user that live, the newest first; see OwnerKey. For "this device"
// use SessionInfo.Is with session.ID. The error wraps cluster.ErrUnavailable or cluster.ErrClosed, or
// is the context's.
func (s *Store) Sessions(ctx context.Context, owner string) ([]cluster.SessionInfo, error) {
	if s == nil {
		return nil, errNoStore
	}
	return wrapped(s.cluster.Sessions(ctx, owner))
}

// Destroy ends one session of a user: the one with that SessionInfo.Ref, which is nothing that must be
// kept secret. The error wraps cluster.ErrNotFound where the user has no such session, else
// cluster.ErrUnavailable or cluster.ErrClosed.
func (s *Store) Destroy(ctx context.Context, owner, ref string) error {
	if s == nil {
		return errNoStore
	}
	_, err := wrapped(0, s.cluster.Destroy(ctx, owner, ref))
	return err
}

// DestroyAll ends every session of a user, on every instance within cluster.Config.OwnerCheck, except
// those with the given ids, and returns how many of the listed ones it has destroyed:
//
//	n, err := store.DestroyAll(r.Context(), "7", session.ID) // all others
//
// A session whose first Save begins after DestroyAll has returned is a new login and lives. The error
// wraps cluster.ErrUnavailable, cluster.ErrConflict or cluster.ErrClosed; then the sessions may have
// ended or not.
func (s *Store) DestroyAll(ctx context.Context, owner string, except ...string) (int, error) {
	if s == nil {
		return 0, errNoStore
	}
	return wrapped(s.cluster.DestroyAll(ctx, owner, except...))
}

func wrapped[T any](result T, err error) (T, error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("gorillastore: %w", err)
	}
	return result, err
}
