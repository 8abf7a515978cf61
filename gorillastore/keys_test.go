package gorillastore_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides which keys a store accepts, and how they may change.

func TestNewRefusesUnusableKeys(t *testing.T) {
	_, c, _ := start(t)
	k := func(n int) []byte { return bytes.Repeat([]byte("k"), n) }
	for _, test := range []struct {
		what string
		keys [][]byte
		says []string // nil: accepted
	}{
		{"no keys", nil, []string{"no keys", "32 random bytes"}},
		{"a nil key", [][]byte{nil}, []string{"key 1", "is empty", "32 random bytes"}},
		{"an empty key", [][]byte{{}}, []string{"key 1", "is empty"}},
		{"a word", [][]byte{[]byte("hunter")}, []string{"key 1", "6 bytes", "32 random bytes"}},
		{"one byte too short", [][]byte{k(15)}, []string{"key 1", "15 bytes"}},
		{"a second pair without its first key", [][]byte{k(32), k(32), nil, k(32)}, []string{"key 3", "is empty"}},
		{"a second pair that is short", [][]byte{k(32), nil, k(8)}, []string{"key 3", "8 bytes"}},
		{"a block key of a wrong size", [][]byte{k(32), k(33)}, []string{"key 2", "33 bytes", "16, 24 or 32"}},
		{"a rotation that forgot the nils", [][]byte{k(64), k(64)}, []string{"key 2", "64 bytes", "put a nil after each"}},

		{"one key", [][]byte{k(32)}, nil},
		{"the shortest key", [][]byte{k(16)}, nil},
		{"AES-128", [][]byte{k(32), k(16)}, nil},
		{"AES-192", [][]byte{k(64), k(24)}, nil},
		{"AES-256", [][]byte{k(64), k(32)}, nil},
		{"an empty block key is none", [][]byte{k(32), {}}, nil},
		{"rotation", [][]byte{k(32), nil, k(33), k(16), k(34)}, nil},
	} {
		store, err := gorillastore.New(c, test.keys...)
		if test.says == nil {
			if err != nil {
				t.Errorf("%s: %v", test.what, err)
				continue
			}
			u := newUser(t)
			u.set(store, "app", "k", "v")
			u.want(store, "app", "k", "v")
			continue
		}
		if err == nil || store != nil {
			t.Errorf("%s: was accepted", test.what)
			continue
		}
		for _, s := range test.says {
			if !strings.Contains(err.Error(), s) {
				t.Errorf("%s: %q does not say %q", test.what, err, s)
			}
		}
		if strings.Contains(err.Error(), "kkk") || strings.Contains(err.Error(), "hunter") {
			t.Errorf("%s: %q shows the key", test.what, err)
		}
	}
	if _, err := gorillastore.New(nil, k(32)); err == nil || !strings.Contains(err.Error(), "cluster.New") {
		t.Errorf("a nil cluster: %v", err)
	}
}

// An app that wipes its keys after New must not sign with zeroes from then on.
func TestKeysAreCopied(t *testing.T) {
	_, c, _ := start(t)
	auth, block := bytes.Clone(authKey), bytes.Clone(authKey[:16])
	u := newUser(t)
	store := newStore(t, c, auth, block)
	u.set(store, "app", "k", "v")
	clear(auth)
	clear(block)
	u.want(store, "app", "k", "v")
}

// Where a pair shares its first key with another one, only the second tells whose cookie it is.
func TestPairsThatShareTheirFirstKey(t *testing.T) {
	_, c, _ := start(t)
	one, two := authKey[:16], authKey[16:]
	plain, first, second := newStore(t, c, authKey), newStore(t, c, authKey, one), newStore(t, c, authKey, two)
	for what, step := range map[string]struct{ from, to sessions.Store }{
		"encryption begins":  {plain, newStore(t, c, authKey, one, authKey, nil)},
		"encryption ends":    {first, newStore(t, c, authKey, nil, authKey, one)},
		"encryption changes": {first, newStore(t, c, authKey, two, authKey, one)},
		"and back":           {second, newStore(t, c, authKey, one, authKey, two)},
	} {
		t.Run(what, func(t *testing.T) {
			u := newUser(t)
			u.set(step.from, "app", "k", "v")
			u.want(step.to, "app", "k", "v")
		})
	}
}
