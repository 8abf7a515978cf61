package scsstore

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/owner"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides whose a session is, and what its owner can do: see his sessions, end one, end all.

// labelKey is the context key of the label.
type labelKey struct{}

// WithLabel returns a context for the requests of one user, with what he is shown of the sessions that
// begin there (cluster.SessionInfo.Label), such as the device and the address:
//
//	func labelled(next http.Handler) http.Handler {
//		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
//			next.ServeHTTP(w, r.WithContext(scsstore.WithLabel(r.Context(), r.UserAgent())))
//		})
//	}
//
//	http.ListenAndServe(addr, labelled(sessions.LoadAndSave(mux)))
//
// It counts at the commit that gives a session its owner: the login.
func WithLabel(ctx context.Context, label string) context.Context {
	return context.WithValue(ctx, labelKey{}, label)
}

func labelOf(ctx context.Context) string {
	if ctx == nil {
		return ""
	}
	label, _ := ctx.Value(labelKey{}).(string)
	return label
}

// ownerOf returns the owner that the attributes name, empty for none.
func (s *Store) ownerOf(attrs map[string][]byte) (string, error) {
	value, err := s.ownerValue(attrs)
	if err != nil {
		return "", err
	}
	text, err := owner.Text(value)
	if err != nil {
		return "", fmt.Errorf("the value of OwnerKey %q: %w", s.OwnerKey, err)
	}
	return text, nil
}

func (s *Store) ownerValue(attrs map[string][]byte) (any, error) {
	if b, ok := attrs[wholeName]; ok {
		_, values, err := (scs.GobCodec{}).Decode(b)
		if err != nil {
			return nil, fmt.Errorf("OwnerKey %q is set, and the session was written by a codec that this store cannot read: use serializer.Codec: %w", s.OwnerKey, err)
		}
		return values[s.OwnerKey], nil
	}
	name, err := serializer.MarshalKey(s.OwnerKey)
	if err != nil {
		return nil, err
	}
	b, ok := attrs[name]
	if !ok {
		return nil, nil
	}
	value, err := serializer.Unmarshal(b)
	if err != nil {
		return nil, fmt.Errorf("the value of OwnerKey %q: %w", s.OwnerKey, err)
	}
	return value, nil
}

// predecessor is the session that a new token continues: that of the values, or the one that the
// request has deleted.
func (r *request) predecessor(on *snapshot) *snapshot {
	if _, deleted := r.all(); on == nil && len(deleted) > 0 {
		return deleted[len(deleted)-1].snapshot
	}
	return on
}

// Sessions returns the sessions of a user that live, the newest first; see OwnerKey. For "this device"
// use SessionInfo.Is with the token. The error wraps cluster.ErrUnavailable or cluster.ErrClosed, or
// is the context's.
func (s *Store) Sessions(ctx context.Context, owner string) ([]cluster.SessionInfo, error) {
	if s == nil || s.cluster == nil {
		return nil, ErrNoCluster
	}
	return wrapped(s.cluster.Sessions(ctx, owner))
}

// Destroy ends one session of a user: the one with that SessionInfo.Ref, which is nothing that must be
// kept secret. The error wraps cluster.ErrNotFound where the user has no such session, else
// cluster.ErrUnavailable or cluster.ErrClosed.
func (s *Store) Destroy(ctx context.Context, owner, ref string) error {
	if s == nil || s.cluster == nil {
		return ErrNoCluster
	}
	_, err := wrapped(0, s.cluster.Destroy(ctx, owner, ref))
	return err
}

// DestroyAll ends every session of a user, on every instance within cluster.Config.OwnerCheck, except
// those with the given tokens, and returns how many of the listed ones it has destroyed:
//
//	n, err := store.DestroyAll(ctx, "7", sessions.Token(ctx)) // all others
//
// They are the tokens of the cookies, with SessionManager.HashTokenInStore too.
//
// A session whose first commit begins after DestroyAll has returned is a new login and lives. The
// error wraps cluster.ErrUnavailable, cluster.ErrConflict or cluster.ErrClosed; then the sessions may
// have ended or not.
func (s *Store) DestroyAll(ctx context.Context, owner string, except ...string) (int, error) {
	if s == nil || s.cluster == nil {
		return 0, ErrNoCluster
	}
	return wrapped(s.cluster.DestroyAll(ctx, owner, withHashes(except)...))
}

// withHashes returns the tokens and what scs makes of them with SessionManager.HashTokenInStore, which a
// store is not told of: no token is the hash of another one.
func withHashes(tokens []string) (ids []string) {
	for _, token := range tokens {
		sum := sha256.Sum256([]byte(token))
		ids = append(ids, token, base64.RawURLEncoding.EncodeToString(sum[:]))
	}
	return ids
}

func wrapped[T any](result T, err error) (T, error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		err = fmt.Errorf("scsstore: %w", err)
	}
	return result, err
}
