package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
)

// This file decides under which key a session lies on the nodes, or the record of an owner.

// Key is the SHA-256 of a session id, or the key of an owner's record. Neither the id nor the owner
// ever leaves the process.
type Key [sha256.Size]byte

// KeyOf is the key of the session with that id.
func KeyOf(id string) Key {
	var room [128]byte // most ids fit, and then nothing is allocated
	return sha256.Sum256(append(room[:0], id...))
}

// Name is the memcached key under which the record lies. It cannot be turned back into the
// session id, so nobody who lists a node's keys can take over a session.
func (k Key) Name(prefix string) string {
	const usualPrefix = 100
	var room [usualPrefix + (sha256.Size*8+5)/6]byte
	b := append(room[:0], prefix...)
	return string(base64.RawURLEncoding.AppendEncode(b, k[:]))
}

// KeyNamed is the key whose Name, without the prefix, that is. Ok is false where the name is none of
// a session.
func KeyNamed(name string) (k Key, ok bool) {
	if len(name) != base64.RawURLEncoding.EncodedLen(len(k)) {
		return k, false
	}
	n, err := base64.RawURLEncoding.Strict().Decode(k[:], []byte(name))
	return k, err == nil && n == len(k)
}

// ownerEnd ends the keys of owners. That a session's key ends so has a chance of 1 in 2^64, and such
// a session is not found.
const ownerEnd = "hf-owner"

// OwnerKey is the key of an owner's record, of a keyed hash of the owner.
func OwnerKey(mac [sha256.Size]byte) Key {
	copy(mac[len(mac)-len(ownerEnd):], ownerEnd)
	return mac
}

// IsOwner reports whether the key is one of an owner's record, and none of a session. Both kinds have
// names of one form: what copies records from node to node treats them alike.
func (k Key) IsOwner() bool { return string(k[len(k)-len(ownerEnd):]) == ownerEnd }

// Compare orders keys.
func (k Key) Compare(o Key) int { return bytes.Compare(k[:], o[:]) }
