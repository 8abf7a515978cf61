package cluster

import (
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

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
