package record

import (
	"crypto/sha256"
	"encoding/base64"
)

// This file decides under which key a session lies on the nodes.

// Key is the SHA-256 of a session id. The id itself never leaves the process.
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
