package cluster

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strings"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what stands for a session's id where no node and no process knows it: when
// sessions are seen one after the other. A handle names the session's key and is signed with a secret
// of this process. It opens the session here and nowhere else, and ends with the process. To anybody
// else it is an id that no session has; so is what is made from a key that a node has listed.

// handles makes handles and reads them. It is made of functions because nothing that prints a Cluster
// can look into a function.
type handles struct {
	sign func(key record.Key) []byte
}

// handlePrefix begins a handle. No id begins so: scs and gorillastore make theirs of base64.
const handlePrefix = "holdfast.handle."

func newHandles() handles {
	var secret [32]byte
	rand.Read(secret[:]) // never fails: the program ends when the system has no randomness
	return handles{func(key record.Key) []byte {
		mac := hmac.New(sha256.New, secret[:])
		mac.Write(key[:])
		return mac.Sum(nil)
	}}
}

// handleOf is the handle of the session with that key.
func (h handles) handleOf(key record.Key) string {
	return handlePrefix + base64.RawURLEncoding.EncodeToString(append(key[:], h.sign(key)...))
}

// keyOf is the key of the session with that id, or of that handle.
func (h handles) keyOf(id string) record.Key {
	text, ok := strings.CutPrefix(id, handlePrefix)
	if !ok {
		return record.KeyOf(id)
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) != 2*sha256.Size {
		return record.KeyOf(id)
	}
	if key := record.Key(b[:sha256.Size]); hmac.Equal(b[sha256.Size:], h.sign(key)) {
		return key
	}
	return record.KeyOf(id)
}
