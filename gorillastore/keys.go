package gorillastore

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/gorilla/securecookie"
)

// This file decides which keys may protect cookies.

// minAuthKey is the length of the shortest authentication key, in bytes. Shorter keys are mostly
// words, which can be guessed offline from a single cookie.
const minAuthKey = 16

// keyring returns the codecs, which hold the keys. It is a function because nothing that prints,
// dumps or encodes a Store, also by value or inside another value, can look into a function.
// Package fmt prints pointers and unexported fields without calling their methods.
type keyring func() []securecookie.Codec

// codecs returns the codecs of the keys that New was given; a Store that New has not made has none.
func (k keyring) codecs() []securecookie.Codec {
	if k == nil {
		return nil
	}
	return k()
}

// newKeyring makes one codec for each pair of keys, the last of which may lack its encryption key.
func newKeyring(keyPairs [][]byte) (keyring, error) {
	if len(keyPairs) == 0 {
		return nil, errors.New("gorillastore: no keys: pass New a secret of 32 random bytes that all instances of the app share, " +
			"such as one from securecookie.GenerateRandomKey(32)")
	}
	var codecs []securecookie.Codec
	for i := 0; i < len(keyPairs); i += 2 {
		auth, block := bytes.Clone(keyPairs[i]), []byte(nil)
		if i+1 < len(keyPairs) && len(keyPairs[i+1]) > 0 {
			block = keyPairs[i+1] // not kept: securecookie expands it at once
		}
		switch n := len(auth); {
		case n == 0:
			return nil, fmt.Errorf("gorillastore: key %d, which authenticates, is empty: use 32 random bytes "+
				"(keys come in pairs: one that authenticates, one that encrypts or nil)", i+1)
		case n < minAuthKey:
			return nil, fmt.Errorf("gorillastore: key %d, which authenticates, has %d bytes, fewer than %d: use 32 random bytes", i+1, n, minAuthKey)
		}
		switch n := len(block); n {
		case 0, 16, 24, 32:
		default:
			return nil, fmt.Errorf("gorillastore: key %d, which encrypts, has %d bytes: use 16, 24 or 32 random bytes, or nil for no encryption "+
				"(keys come in pairs: to rotate keys without encryption, put a nil after each)", i+2, n)
		}
		codec := securecookie.New(auth, block)
		codec.SetSerializer(idSerializer{})
		// No limit on the signature's age: it would be one for all sessions of the store, while
		// each has its own deadline in its record.
		codec.MaxAge(0)
		codecs = append(codecs, codec)
	}
	return func() []securecookie.Codec { return codecs }, nil
}
