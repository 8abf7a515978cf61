package cluster

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
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
		cfg, err := ConfigFromEnv(env("MEMCACHED_SEAL_KEYS", c.value))
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
		if cfg, err := ConfigFromEnv(env("MEMCACHED_SEAL_KEYS", value)); err != nil || len(cfg.SealKeys) != len(strings.Fields(strings.ReplaceAll(value, ",", " "))) {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// In Go as in the environment: a list that was made and got no key is no wish for plain
// records, and a key of nothing is none.
func TestAConfigWithAListOfNoSealKeysIsRefused(t *testing.T) {
	for _, keys := range [][][]byte{{}, {nil}, {{}}, {sealKeyOf(1), nil}} {
		c, err := New(Config{Nodes: twoNodes(), SealKeys: keys})
		if err == nil || !strings.Contains(err.Error(), "SealKeys") {
			t.Errorf("%d keys: %v", len(keys), err)
			c.Close()
		}
	}
}

// What stands in a variable for a path may be the key itself, in any form.
func TestAKeyInThePlaceOfItsPathIsNotShown(t *testing.T) {
	_, cert, key := certificate(t)
	pem, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	inner := strings.Join(strings.Split(strings.TrimSpace(string(pem)), "\n")[1:], "\n")
	inner, _, _ = strings.Cut(inner, "-----END")
	oneLine := strings.ReplaceAll(inner, "\n", "")
	der, err := base64.StdEncoding.DecodeString(oneLine)
	if err != nil {
		t.Fatal(err)
	}
	for why, value := range map[string]string{
		"PEM":                      string(pem),
		"PEM, line breaks escaped": strings.ReplaceAll(string(pem), "\n", `\n`),
		"base64 of PEM":            base64.StdEncoding.EncodeToString(pem),
		"base64 of DER":            oneLine,
		"base64 of DER, in lines":  inner,
		"base64 for URLs":          base64.RawURLEncoding.EncodeToString(der),
		"hexadecimal":              hex.EncodeToString(der),
		"a slash before it":        "/" + oneLine,
		"JSON":                     `{"kty":"EC","d":"` + oneLine + `"}`,
		"a data URL":               "data:application/x-pem-file;base64," + oneLine,
	} {
		for _, pairs := range [][]string{
			{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CERT", cert, "MEMCACHED_TLS_KEY", value},
			{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CERT", value, "MEMCACHED_TLS_KEY", key},
			{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_KEY", value},
			{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CERT", value},
			{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", value},
			{"MEMCACHED_TLS_KEY", value},
			{"MEMCACHED_TLS_CA", value},
			{"MEMCACHED_TLS", value},
			{"MEMCACHED_TLS", value, "MEMCACHED_TLS_KEY", key},
			{"MEMCACHED_TLS_SERVER_NAME", value},
			{"MEMCACHED_TIMEOUT", value},
			{"MEMCACHED_FAILOVER_NODES", value},
			{"MEMCACHED_NODES", value},
		} {
			_, err := ConfigFromEnv(env(pairs...))
			name := pairs[len(pairs)-2]
			if name == "MEMCACHED_NODES" && value[0] == '/' {
				continue // the path of a socket
			}
			if err == nil || !strings.Contains(err.Error(), "MEMCACHED_") {
				t.Errorf("%s in %s: %v", why, name, err)
				continue
			}
			for _, secret := range []string{oneLine[40:70], value[20:50], hex.EncodeToString(der)[40:70]} {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s in %s is shown: %v", why, name, err)
				}
			}
		}
	}
	// A path is shown, so that whoever set it sees the mistake.
	missing := filepath.Join(t.TempDir(), "missing.key")
	_, err = ConfigFromEnv(env("MEMCACHED_TLS", "true", "MEMCACHED_TLS_CERT", cert, "MEMCACHED_TLS_KEY", missing))
	if err == nil || !strings.Contains(err.Error(), "missing.key") || !strings.Contains(err.Error(), "no such file") {
		t.Error(err)
	}
}

// A username is half of a login, and some write the whole of it there.
func TestALoginInAUsernameIsNotShown(t *testing.T) {
	for _, user := range []string{"me:" + planted, "me " + planted, planted} {
		_, err := ConfigFromEnv(env("MEMCACHED_USERNAME", user))
		_, err2 := ConfigFromEnv(env("MEMCACHED_USERNAME", user+":", "MEMCACHED_PASSWORD", "x"))
		_, err3 := New(Config{Nodes: twoNodes(), Username: user + ":", Password: "x"})
		for _, err := range []error{err, err2, err3} {
			if err == nil || strings.Contains(err.Error(), planted) {
				t.Errorf("%q: %v", user, err)
			}
		}
	}
}
