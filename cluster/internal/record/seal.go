package record

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
)

// This file decides how records are sealed, so that a memcached box can neither read nor forge
// them: AES-256-GCM, under a key that is derived for each record. A sealed record is
//
//	header as ever, with the sealed flag     authenticated, with the whole key
//	4 bytes that name the seal key
//	24 random bytes, the nonce
//	the body, encrypted, and its tag of 16 bytes
//	CRC-32C of everything before
//
// The derivation is XAES-256-GCM (c2sp.org/XAES-256-GCM): with a random nonce, plain GCM is safe
// for 2^32 records under one key only, which a busy app writes in days.

// SealKeySize is the length of a seal key in bytes.
const SealKeySize = 32

const (
	sealNameSize = 4
	nonceSize    = 24
	tagSize      = 16
	sealOverhead = sealNameSize + nonceSize + tagSize
	sealedBodyAt = headerSize + sealNameSize + nonceSize
)

// Sealer seals with its first key, and opens with all.
type Sealer struct {
	keys          []sealKey
	allowUnsealed bool
	prefix        string    // of the memcached keys: a record of one app is no record of another
	random        io.Reader // of nonces
}

type sealKey struct {
	name  [sealNameSize]byte
	block cipher.Block
	k1    *[aes.BlockSize]byte // behind a pointer: package fmt prints its address only
}

// NewSealer returns a Sealer for records under keys with that prefix. It returns nil where keys is
// nil: records are then plain. Random is the source of nonces, crypto/rand.Reader outside tests.
// The error says which setting is wrong and what it wants.
func NewSealer(keys [][]byte, allowUnsealed bool, prefix string, random io.Reader) (*Sealer, error) {
	if keys != nil && len(keys) == 0 {
		return nil, errors.New("SealKeys is empty, but not nil: records would be plain: add a key, or leave it nil")
	}
	if len(keys) == 0 {
		if allowUnsealed {
			return nil, errors.New("AllowUnsealed (MEMCACHED_ALLOW_UNSEALED) needs SealKeys (MEMCACHED_SEAL_KEYS): set them, or remove it")
		}
		return nil, nil
	}
	s := &Sealer{allowUnsealed: allowUnsealed, prefix: prefix, random: random}
	for i, key := range keys {
		if len(key) != SealKeySize {
			return nil, fmt.Errorf("SealKeys: key %d has %d bytes: want %d random bytes", i+1, len(key), SealKeySize)
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

// derive returns the cipher for the record with that nonce. The cipher itself takes the nonce's
// second half.
func (k *sealKey) derive(nonce []byte) (cipher.AEAD, error) {
	var key [SealKeySize]byte
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

// additional is what is authenticated beside the body of b: its header, and the whole of the
// memcached key under which it lies.
func (s *Sealer) additional(b []byte, key Key) []byte {
	a := make([]byte, 0, headerSize+len(key)+len(s.prefix))
	a = append(a, b[:headerSize]...)
	a = append(a, key[:]...)
	return append(a, s.prefix...)
}

// begin appends to b, which holds the header, what stands before a sealed body.
func (s *Sealer) begin(b []byte) ([]byte, error) {
	b = append(b, s.keys[0].name[:]...)
	b = append(b, make([]byte, nonceSize)...)
	if _, err := io.ReadFull(s.random, b[len(b)-nonceSize:]); err != nil {
		return nil, fmt.Errorf("no random bytes for a nonce: %w", err)
	}
	return b, nil
}

// finish encrypts the body of b, which is all behind what begin appended, in its place, and
// appends the tag.
func (s *Sealer) finish(b []byte, key Key) ([]byte, error) {
	head, body := b[:sealedBodyAt], b[sealedBodyAt:]
	nonce := head[sealedBodyAt-nonceSize:]
	aead, err := s.keys[0].derive(nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(head, nonce[12:], body, s.additional(b, key)), nil
}

// open returns the body of a sealed record; b is the record without its checksum. The error is
// ErrSealed, or says that b is too short.
func (s *Sealer) open(b []byte, key Key) ([]byte, error) {
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
		return nil, ErrTampered
	}
	return nil, fmt.Errorf("%w: its key is not among the SealKeys", ErrSealed)
}

// IsCurrent reports whether the record is sealed as this Sealer seals: with its first key. A nil
// Sealer seals none.
func (s *Sealer) IsCurrent(b []byte) bool {
	if s == nil {
		return true
	}
	return len(b) >= headerSize+sealNameSize && b[2]&flagSealed != 0 && string(b[headerSize:][:sealNameSize]) == string(s.keys[0].name[:])
}
