package cluster

import (
	"bytes"
	"encoding/hex"
	"errors"
	"slices"
	"testing"
)

func sealKeyOf(b byte) []byte { return bytes.Repeat([]byte{b}, sealKeySize) }

func mustSealer(t testing.TB, allowUnsealed bool, keys ...byte) *sealer {
	t.Helper()
	var all [][]byte
	for _, k := range keys {
		all = append(all, sealKeyOf(k))
	}
	s, err := newSealer(all, allowUnsealed)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func sealedBytes(t testing.TB, s *stored, with *sealer) []byte {
	t.Helper()
	b, err := s.encode(aKey, with)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

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
	for _, b := range [][]byte{b, again, sealedBytes(t, tombstone(7), seal)} {
		before := slices.Clone(b)
		got, err := decode(b, aKey, seal, readAt)
		if err != nil {
			t.Fatal(err)
		}
		if !got.destroyed && !sameRecord(got, s) {
			t.Errorf("came back as %s", show(got))
		}
		if !bytes.Equal(b, before) {
			t.Error("opening writes into its input")
		}
	}
}

// resealed gives changed bytes a good checksum, as whoever owns the box would.
func resealed(b []byte) []byte { return sealed(b[:len(b)-checksumSize]) }

func TestASealedRecordThatWasTouchedIsRefused(t *testing.T) {
	seal := mustSealer(t, true, 1)
	b := sealedBytes(t, liveAt(1, value("a", "1", 5)), seal)
	for i := range (len(b) - checksumSize) * 8 {
		bad := slices.Clone(b)
		bad[i/8] ^= 1 << (i % 8)
		if _, err := decode(bad, aKey, seal, readAt); !errors.Is(err, errDamaged) {
			t.Fatalf("bit %d flipped: %v", i, err)
		}
		if i/8 == 2 && i%8 == 1 {
			continue // the sealed flag itself: a plain record of junk, below
		}
		if got, err := decode(resealed(bad), aKey, seal, readAt); err == nil {
			t.Fatalf("bit %d flipped under a good checksum: %s", i, show(got))
		}
	}
	plainNow := slices.Clone(b)
	plainNow[2] &^= flagSealed
	if got, err := decode(resealed(plainNow), aKey, seal, readAt); err == nil && len(got.attrs) > 0 {
		t.Errorf("ciphertext read as a plain record: %s", show(got))
	}
	for n := range len(b) - checksumSize {
		if _, err := decode(sealed(b[:n]), aKey, seal, readAt); err == nil {
			t.Fatalf("cut to %d bytes under a good checksum", n)
		}
	}
}

func TestASealedRecordCannotMoveToAnotherKey(t *testing.T) {
	seal := mustSealer(t, false, 1)
	b := sealedBytes(t, liveAt(1, value("user", "admin", 5)), seal)
	copy(b[3:headerSize], anotherKey[:keyHashSize])
	if _, err := decode(resealed(b), anotherKey, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a header with another key's hash: %v", err)
	}
	// A key whose first bytes are the same is another key all the same.
	twin := aKey
	twin[len(twin)-1]++
	if _, err := decode(sealedBytes(t, liveAt(1), seal), twin, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a key that begins alike: %v", err)
	}
}

func TestALiveRecordCannotBeMadeADestroyedOne(t *testing.T) {
	seal := mustSealer(t, false, 1)
	b := sealedBytes(t, liveAt(1), seal)
	b[2] |= flagDestroyed
	if _, err := decode(resealed(b), aKey, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Error(err)
	}
	d := sealedBytes(t, tombstone(1), seal)
	d[2] &^= flagDestroyed
	if _, err := decode(resealed(d), aKey, seal, readAt); !errors.Is(err, ErrSealed) {
		t.Error("a deletion undone:", err)
	}
}

func TestSealKeysRotate(t *testing.T) {
	old, appended, moved, fresh := mustSealer(t, false, 1), mustSealer(t, false, 1, 2), mustSealer(t, false, 2, 1), mustSealer(t, false, 2)
	s := liveAt(1, value("a", "1", 5))
	for _, c := range []struct {
		name        string
		wrote, read *sealer
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
		got, err := decode(sealedBytes(t, s, c.wrote), aKey, c.read, readAt)
		if c.ok && (err != nil || !sameRecord(got, s)) || !c.ok && !errors.Is(err, ErrSealed) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestPlainAndSealedDoNotMix(t *testing.T) {
	s := liveAt(1, value("a", "1", 5))
	if _, err := decode(plain(s), aKey, mustSealer(t, false, 1), readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a plain record passes for a sealed one: %v", err)
	}
	if _, err := decode(plain(tombstone(1)), aKey, mustSealer(t, false, 1), readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("a plain deletion passes for a sealed one: %v", err)
	}
	if got, err := decode(plain(s), aKey, mustSealer(t, true, 1), readAt); err != nil || !sameRecord(got, s) {
		t.Errorf("AllowUnsealed: %v", err)
	}
	if _, err := decode(sealedBytes(t, s, mustSealer(t, false, 1)), aKey, nil, readAt); !errors.Is(err, ErrSealed) {
		t.Errorf("sealed, and there are no keys: %v", err)
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
		if s, err := newSealer(c.keys, c.allow); err == nil || s != nil {
			t.Errorf("%s is accepted", c.name)
		}
	}
	if s, err := newSealer(nil, false); s != nil || err != nil {
		t.Error("no keys is no sealer")
	}
}
