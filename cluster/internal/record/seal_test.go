package record

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"testing"
)

// This file tests that nobody can read, change, make up or move a sealed record.

// The vectors of c2sp.org/XAES-256-GCM.
func TestSealKeysAreDerivedAsXAES256GCM(t *testing.T) {
	for _, c := range []struct {
		key      byte
		aad, hex string
	}{
		{1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"},
		{3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"},
	} {
		k, err := newSealKey(sealKeyOf(c.key))
		if err != nil {
			t.Fatal(err)
		}
		nonce := []byte("ABCDEFGHIJKLMNOPQRSTUVWX")
		aead, err := k.derive(nonce)
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(aead.Seal(nil, nonce[12:], []byte("XAES-256-GCM"), []byte(c.aad))); got != c.hex {
			t.Errorf("key %d: %s, want %s", c.key, got, c.hex)
		}
	}
}

func TestSealedRecordsComeBackAndShowNothing(t *testing.T) {
	seal := mustSealer(t, false, 1)
	s := liveAt(1, value("password", "hunter2hunter2", 5))
	b, again := sealedBytes(t, s, seal), sealedBytes(t, s, seal)
	for _, secret := range []string{"password", "hunter2"} {
		if bytes.Contains(b, []byte(secret)) {
			t.Errorf("%q can be read", secret)
		}
	}
	if bytes.Equal(b, again) {
		t.Error("sealed twice with one nonce")
	}
	for _, b := range [][]byte{b, again, sealedBytes(t, Tombstone(7), seal)} {
		before := slices.Clone(b)
		got, err := Decode(b, aKey, seal, readAt)
		if err != nil {
			t.Fatal(err)
		}
		if !got.tombstone && !sameRecord(got, s) {
			t.Errorf("came back as %s", show(got))
		}
		if !bytes.Equal(b, before) {
			t.Error("opening writes into its input")
		}
	}
}

func TestASealedRecordThatWasTouchedIsRefused(t *testing.T) {
	seal := mustSealer(t, true, 1)
	b := sealedBytes(t, liveAt(1, value("a", "1", 5)), seal)
	for i := range (len(b) - checksumSize) * 8 {
		bad := slices.Clone(b)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := Decode(bad, aKey, seal, readAt); !errors.Is(err, errDamaged) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
		if i/8 == 2 && i%8 == 1 {
			continue // the sealed flag itself: a plain record of junk, below
		}
		if got, err := Decode(resealed(bad), aKey, seal, readAt); err == nil {
			t.Fatalf("bit %d flipped under a good checksum: %s", i, show(got))
		}
	}
	plainNow := slices.Clone(b)
	plainNow[2] &^= flagSealed
	if got, err := Decode(resealed(plainNow), aKey, seal, readAt); err == nil && len(got.attrs) > 0 {
		t.Errorf("ciphertext read as a plain record: %s", show(got))
	}
	for n := range len(b) - checksumSize {
		if _, err := Decode(sealed(b[:n]), aKey, seal, readAt); err == nil {
			t.Fatalf("cut to %d bytes under a good checksum", n)
		}
	}
}

func TestASealedRecordCannotMoveToAnotherKey(t *testing.T) {
	seal := mustSealer(t, false, 1)
	b := sealedBytes(t, liveAt(1, value("user", "admin", 5)), seal)
	copy(b[3:headerSize], anotherKey[:keyPrefixSize])
	if _, err := Decode(resealed(b), anotherKey, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a header with another key's hash: %v", err)
	}
	// A key whose first bytes are the same is another key all the same.
	twin := aKey
	twin[len(twin)-1]++
	if _, err := Decode(sealedBytes(t, liveAt(1), seal), twin, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a key that begins alike: %v", err)
	}
}

func TestALiveRecordCannotBeMadeATombstone(t *testing.T) {
	seal := mustSealer(t, false, 1)
	b := sealedBytes(t, liveAt(1), seal)
	b[2] |= flagTombstone
	if _, err := Decode(resealed(b), aKey, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
	d := sealedBytes(t, Tombstone(1), seal)
	d[2] &^= flagTombstone
	if _, err := Decode(resealed(d), aKey, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Error("a deletion undone:", err)
	}
}

func TestSealKeysRotate(t *testing.T) {
	old, appended, moved, fresh := mustSealer(t, false, 1), mustSealer(t, false, 1, 2), mustSealer(t, false, 2, 1), mustSealer(t, false, 2)
	s := liveAt(1, value("a", "1", 5))
	for _, c := range []struct {
		name        string
		wrote, read *Sealer
		ok          bool
	}{
		{"the new key is appended: others write the old one", old, appended, true},
		{"and write what the others can read", appended, old, true},
		{"the new key is in front", moved, appended, true},
		{"and still reads the old", appended, moved, true},
		{"an instance that was forgotten cannot read", moved, old, false},
		{"the old key is gone, what it sealed is lost", old, fresh, false},
		{"the rest is not", moved, fresh, true},
	} {
		got, err := Decode(sealedBytes(t, s, c.wrote), aKey, c.read, readAt)
		if c.ok && (err != nil || !sameRecord(got, s)) || !c.ok && !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPlainAndSealedDoNotMix(t *testing.T) {
	s := liveAt(1, value("a", "1", 5))
	if _, err := Decode(plain(s), aKey, mustSealer(t, false, 1), readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a plain record passes for a sealed one: %v", err)
	}
	if _, err := Decode(plain(Tombstone(1)), aKey, mustSealer(t, false, 1), readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a plain deletion passes for a sealed one: %v", err)
	}
	if got, err := Decode(plain(s), aKey, mustSealer(t, true, 1), readAt); err != nil || !sameRecord(got, s) {
		t.Errorf("AllowUnsealed: %v", err)
	}
	if _, err := Decode(sealedBytes(t, s, mustSealer(t, false, 1)), aKey, nil, readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("sealed, and there are no keys: %v", err)
	}
}

// Two records under one nonce would give away what is in both.
func TestWithoutRandomBytesNothingIsSealed(t *testing.T) {
	for _, n := range []int64{0, nonceSize - 1} {
		seal, err := NewSealer([][]byte{sealKeyOf(1)}, false, "", io.LimitReader(rand.Reader, n))
		if err != nil {
			t.Fatal(err)
		}
		if b, err := liveAt(1, value("a", "1", 5)).Encode(aKey, seal); err == nil || b != nil {
			t.Errorf("sealed with %d random bytes", n)
		}
	}
}

func TestSealKeysAreChecked(t *testing.T) {
	for _, c := range []struct {
		name  string
		keys  [][]byte
		allow bool
	}{
		{"too short", [][]byte{make([]byte, 31)}, false},
		{"too long", [][]byte{sealKeyOf(1), make([]byte, 33)}, false},
		{"empty", [][]byte{{}}, false},
		{"twice", [][]byte{sealKeyOf(1), sealKeyOf(2), sealKeyOf(1)}, false},
		{"AllowUnsealed without keys", nil, true},
	} {
		if s, err := NewSealer(c.keys, c.allow, "", rand.Reader); err == nil || s != nil {
			t.Errorf("%s is accepted", c.name)
		}
	}
	if s, err := NewSealer(nil, false, "", rand.Reader); s != nil || err != nil {
		t.Error("no keys is no sealer")
	}
}

// Nothing but what was sealed comes out of a sealed cluster, and what comes out is read
// as if it had never been sealed.
func FuzzOpen(f *testing.F) {
	seal := mustSealer(f, false, 1)
	live, gone := liveAt(1<<41, value("user", "ann", 5), removal("cart", 7)), Tombstone(1<<41)
	for _, s := range []*Record{live, gone} {
		b := sealedBytes(f, s, seal)
		for _, seed := range [][]byte{b, b[:len(b)-1], plain(s), sealedBytes(f, s, mustSealer(f, false, 2)), bodyOf(b), bodyOf(plain(s))} {
			f.Add(seed)
		}
		moved := slices.Clone(b)
		copy(moved[3:], anotherKey[:keyPrefixSize])
		f.Add(moved)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, b := range [][]byte{b, under(flagSealed, b), under(flagSealed|flagTombstone, b), under(0, b), under(flagTombstone, b)} {
			before := slices.Clone(b)
			s, err := Decode(b, aKey, seal, readAt)
			if !bytes.Equal(b, before) {
				t.Fatal("Decode writes into its input")
			}
			if err == nil && !sameRecord(s, live) && !sameRecord(s, gone) {
				t.Fatalf("never sealed, and opened: %s", show(s))
			}
		}
		head := append([]byte{formatMagic, formatVersion, flagSealed}, aKey[:keyPrefixSize]...)
		whole, err := seal.begin(head)
		if err != nil {
			t.Fatal(err)
		}
		if whole, err = seal.finish(append(whole, b...), aKey); err != nil {
			t.Fatal(err)
		}
		s, err := Decode(sealed(whole), aKey, seal, readAt)
		bare, bareErr := read(under(0, b))
		if (err == nil) != (bareErr == nil) || err == nil && !sameRecord(s, bare) {
			t.Fatalf("sealed it reads as %s, %v; plain as %s, %v", show(s), err, show(bare), bareErr)
		}
	})
}
