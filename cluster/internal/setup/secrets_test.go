package setup

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
)

// Sealing must not fail open: a list of keys that is set and holds none, or lacks one, comes
// from a variable that is not set, and records would be plain without a word.
func TestSealKeysThatAreNotThere(t *testing.T) {
	k := goodKey(0xfb) // with '+' in it
	raw := sealKeyOf(0xfb)
	for _, c := range []struct{ why, value, want string }{
		{"a comma", ",", "key 1 is empty"},
		{"a space", " ", "key 1 is empty"},
		{"a line break", "\n", "key 1 is empty"},
		{"the first is not set", "," + k, "key 1 is empty"},
		{"the second is not set", k + ",", "key 2 is empty"},
		{"the second is not set, before a line break", k + ",\n", "key 2 is empty"},
		{"one between is not set", k + ", ," + goodKey(2), "key 2 is empty"},
		{"quotation marks", `"` + k + `"`, "quotation marks"},
		{"empty quotation marks", `""`, "quotation marks"},
		{"hexadecimal", hex.EncodeToString(raw), "hexadecimal"},
		{"the alphabet for URLs", base64.URLEncoding.EncodeToString(raw), "alphabet for URLs"},
		{"the alphabet for URLs, without padding", base64.RawURLEncoding.EncodeToString(raw), "alphabet for URLs"},
		{"no padding", base64.RawStdEncoding.EncodeToString(raw), "end with one '='"},
		{"a variable that was not replaced", "$K1", "not 32 bytes in base64"},
		{"a semicolon between", k + ";" + goodKey(2), "not 32 bytes in base64"},
	} {
		cfg, err := FromEnv(env("MEMCACHED_SEAL_KEYS", c.value))
		if err == nil {
			t.Errorf("%s: accepted, with %d keys", c.why, len(cfg.SealKeys))
			continue
		}
		for _, want := range []string{"MEMCACHED_SEAL_KEYS", c.want} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not say %q: %v", c.why, want, err)
			}
		}
		for _, form := range []string{k, goodKey(2), strings.Trim(k, "="), hex.EncodeToString(raw)} {
			if strings.Contains(err.Error(), form) {
				t.Errorf("%s: the key is shown: %v", c.why, err)
			}
		}
	}
	for _, value := range []string{k, k + "\n", " " + k, k + "," + goodKey(2), k + " , " + goodKey(2), k + "\n" + goodKey(2)} {
		if cfg, err := FromEnv(env("MEMCACHED_SEAL_KEYS", value)); err != nil || len(cfg.SealKeys) != len(strings.Fields(strings.ReplaceAll(value, ",", " "))) {
			t.Errorf("%q: %v", value, err)
		}
	}
}
