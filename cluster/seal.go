package cluster

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
)

// This file decides how records are sealed, so that a memcached box can neither
// read nor forge them: AES-256-GCM, under a key that is derived per record. A sealed
// record is
//
//	header as ever, with the sealed flag     authenticated, with the key's whole hash
//	4 bytes that name the seal key
//	24 random bytes, the nonce
//	the body, encrypted, and its 16 byte tag
//	CRC-32C of all before
//
// The derivation is XAES-256-GCM (c2sp.org/XAES-256-GCM): with a random nonce, plain
// GCM is safe for 2^32 records per key only, which a busy app writes in days.

const (
	sealKeySize  = 32
	sealNameSize = 4
	nonceSize    = 24
	tagSize      = 16
	sealOverhead = sealNameSize + nonceSize + tagSize
)

// sealer seals with its first key and opens with all.
type sealer struct {
	keys          []sealKey
	allowUnsealed bool
	prefix        string // of the memcached keys: a record of one app is none of another's
}

type sealKey struct {
	name  [sealNameSize]byte
	block cipher.Block
	k1    *[aes.BlockSize]byte // not shown by package fmt, see secret
}

// newSealer returns nil when there are no keys: records are then plain.
func newSealer(keys [][]byte, allowUnsealed bool) (*sealer, error) {
	if keys != nil && len(keys) == 0 {
		return nil, errors.New("SealKeys is empty, but not nil: records would be plain: add a key, or leave it nil")
	}
	if len(keys) == 0 {
		if allowUnsealed {
			return nil, errors.New("AllowUnsealed (MEMCACHED_ALLOW_UNSEALED) needs SealKeys (MEMCACHED_SEAL_KEYS): set them, or remove it")
		}
		return nil, nil
	}
	s := &sealer{allowUnsealed: allowUnsealed}
	for i, key := range keys {
		if len(key) != sealKeySize {
			return nil, fmt.Errorf("SealKeys: key %d has %d bytes: want %d random bytes", i+1, len(key), sealKeySize)
		}
		k, err := newSealKey(key)
		if err != nil {
			return nil, err
		}
		for j, other := range s.keys {
			if other.name == k.name {
				return nil, fmt.Errorf("SealKeys: keys %d and %d are the same", j+1, i+1)
			}
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

func newSealKey(key []byte) (sealKey, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return sealKey{}, err
	}
	k := sealKey{block: block, k1: new([aes.BlockSize]byte)}
	name := sha256.Sum256(append([]byte("holdfast seal key name:"), key...))
	copy(k.name[:], name[:])
	block.Encrypt(k.k1[:], k.k1[:])
	carry := byte(0)
	for i := len(k.k1) - 1; i >= 0; i-- {
		k.k1[i], carry = k.k1[i]<<1|carry, k.k1[i]>>7
	}
	k.k1[len(k.k1)-1] ^= carry * 0x87
	return k, nil
}

// derive returns the cipher for records with that nonce; it uses the nonce's
// second half itself.
func (k *sealKey) derive(nonce []byte) (cipher.AEAD, error) {
	var key [sealKeySize]byte
	for half := range 2 {
		b := key[half*aes.BlockSize:][:aes.BlockSize]
		copy(b, []byte{0, byte(half + 1), 'X', 0})
		copy(b[4:], nonce[:12])
		subtle.XORBytes(b, b, k.k1[:])
		k.block.Encrypt(b, b)
	}
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// additional is what is authenticated beside the body of b: its header, and the whole
// of the memcached key under which it lies.
func (s *sealer) additional(b []byte, key keyHash) []byte {
	a := append(b[:headerSize:headerSize], key[:]...)
	return append(a, s.prefix...)
}

// seal appends the sealed body to b, which holds the header.
func (s *sealer) seal(b, body []byte, key keyHash) ([]byte, error) {
	k := &s.keys[0]
	additional := s.additional(b, key)
	b = append(b, k.name[:]...)
	at := len(b)
	b = b[:at+nonceSize]
	_, _ = rand.Read(b[at:]) // never fails (package crypto/rand)
	aead, err := k.derive(b[at:])
	if err != nil {
		return nil, err
	}
	return aead.Seal(b, b[at+12:at+nonceSize], body, additional), nil
}

// errForged is ErrSealed for a record that names one of our keys and was not sealed
// with it: no other key will open it, so another copy may take its place.
var errForged = fmt.Errorf("%w: it was changed or moved since it was sealed", ErrSealed)

// open returns the body of a sealed record; b is the record without its checksum.
// The error is ErrSealed.
func (s *sealer) open(b []byte, key keyHash) ([]byte, error) {
	if len(b) < headerSize+sealOverhead {
		return nil, errDamaged
	}
	sealed := b[headerSize:]
	name, nonce, body := sealed[:sealNameSize], sealed[sealNameSize:][:nonceSize], sealed[sealNameSize+nonceSize:]
	for i := range s.keys {
		k := &s.keys[i]
		if string(k.name[:]) != string(name) {
			continue
		}
		aead, err := k.derive(nonce)
		if err != nil {
			return nil, err
		}
		if plain, err := aead.Open(nil, nonce[12:], body, s.additional(b, key)); err == nil {
			return plain, nil
		}
		return nil, errForged
	}
	return nil, fmt.Errorf("%w: its key is not among the SealKeys", ErrSealed)
}
