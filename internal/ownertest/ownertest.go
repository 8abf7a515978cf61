// Package ownertest has what the tests of both drivers demand of a store that shows and ends a user's
// sessions.
package ownertest

import (
	"context"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// Store is a driver's.
type Store interface {
	Sessions(ctx context.Context, owner string) ([]cluster.SessionInfo, error)
	Destroy(ctx context.Context, owner, ref string) error
	DestroyAll(ctx context.Context, owner string, except ...string) (int, error)
}

// Listed demands that these are the owner's sessions, by their labels, the newest first: "tablet laptop*
// phone". The one with a star has the id here.
func Listed(t testing.TB, store Store, owner, here, want string) []cluster.SessionInfo {
	t.Helper()
	all, err := store.Sessions(t.Context(), owner)
	var got []string
	for _, s := range all {
		label := s.Label
		if s.Is(here) {
			label += "*"
		}
		got = append(got, label)
	}
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("listed are %q, %v, want %q", got, err, want)
	}
	return all
}

// Refusals are what the store answers to every question about an owner of whom it can tell nothing.
func Refusals(t testing.TB, store Store, owner string) [3]error {
	_, sessions := store.Sessions(t.Context(), owner)
	_, destroyAll := store.DestroyAll(t.Context(), owner)
	return [3]error{sessions, store.Destroy(t.Context(), owner, "ref"), destroyAll}
}
