package setup

import (
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how seal keys and certificates are written as environment variables, and
// what an error may show of a variable's value.

// sealKeysFromEnv reads MEMCACHED_SEAL_KEYS. Its errors count keys instead of
// showing them. A list that is set and holds no key, or lacks one, is an error: it comes
// from a variable that is not set ("$K1,$K2"), and records would be plain without a word.
func sealKeysFromEnv(getenv func(string) string) ([][]byte, error) {
	const name = "MEMCACHED_SEAL_KEYS"
	value := getenv(name)
	if value == "" {
		return nil, nil
	}
	var keys [][]byte
	for i, part := range strings.Split(value, ",") {
		texts := strings.Fields(part)
		if len(texts) == 0 {
			return nil, fmt.Errorf("%s is set, but key %d is empty (is a variable in it not set?): want keys of %d bytes in base64, separated by commas, or remove it", name, max(i, len(keys))+1, record.SealKeySize)
		}
		for _, text := range texts {
			key, err := sealKeyFrom(text)
			if err != nil {
				return nil, fmt.Errorf("%s: key %d is not %d bytes in base64%w: make one with: openssl rand -base64 %d", name, len(keys)+1, record.SealKeySize, err, record.SealKeySize)
			}
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// sealKeyFrom decodes one key. The error says what the text looks like, as the rest of a
// sentence.
func sealKeyFrom(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(text)
	if err == nil && len(key) == record.SealKeySize {
		return key, nil
	}
	isKey := func(b []byte, err error) bool { return err == nil && len(b) == record.SealKeySize }
	bare := strings.TrimRight(text, "=")
	switch {
	case strings.ContainsAny(text, "\"'`"):
		return nil, errors.New(" (it has quotation marks: remove them)")
	case isKey(hex.DecodeString(text)):
		return nil, errors.New(" (it is hexadecimal)")
	case isKey(base64.RawStdEncoding.DecodeString(bare)):
		return nil, errors.New(" (it must end with one '=')")
	case isKey(base64.RawURLEncoding.DecodeString(bare)):
		return nil, errors.New(" (it is in the alphabet for URLs: write '+' for '-' and '/' for '_', and one '=' at the end)")
	}
	return nil, errors.New("")
}

// tlsFromEnv reads MEMCACHED_TLS_*. Any of them set without MEMCACHED_TLS=true is an
// error: a connection that was meant to be encrypted must not be plain.
func tlsFromEnv(getenv func(string) string, use bool) (*tls.Config, *memcached.TLSFiles, error) {
	ca, cert, key, name := getenv("MEMCACHED_TLS_CA"), getenv("MEMCACHED_TLS_CERT"), getenv("MEMCACHED_TLS_KEY"), getenv("MEMCACHED_TLS_SERVER_NAME")
	if !use {
		for _, v := range []struct{ name, text string }{
			{"MEMCACHED_TLS_CA", shownPath("MEMCACHED_TLS_CA", ca)},
			{"MEMCACHED_TLS_CERT", shownPath("MEMCACHED_TLS_CERT", cert)},
			{"MEMCACHED_TLS_KEY", shownPath("MEMCACHED_TLS_KEY", key)},
			{"MEMCACHED_TLS_SERVER_NAME", shown("MEMCACHED_TLS_SERVER_NAME", name)},
		} {
			if getenv(v.name) != "" {
				return nil, nil, fmt.Errorf("%s is set, but %s: set MEMCACHED_TLS=true to encrypt connections, or remove %s", v.text, shown("MEMCACHED_TLS", getenv("MEMCACHED_TLS")), v.name)
			}
		}
		return nil, nil, nil
	}
	for _, v := range []struct{ name, value string }{{"MEMCACHED_TLS_CA", ca}, {"MEMCACHED_TLS_CERT", cert}, {"MEMCACHED_TLS_KEY", key}} {
		if isPEM(v.value) {
			return nil, nil, fmt.Errorf("%s holds PEM text: want the path of a PEM file", v.name) // not shown: it is a secret
		}
	}
	conf, files := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}, &memcached.TLSFiles{}
	if ca != "" {
		if err := files.ReadRoots(conf, ca); err != nil {
			return nil, nil, fmt.Errorf("%s: want a readable PEM file with at least one certificate: %w", shownPath("MEMCACHED_TLS_CA", ca), pathless(err))
		}
	}
	pair := shownPath("MEMCACHED_TLS_CERT", cert) + " and " + shownPath("MEMCACHED_TLS_KEY", key)
	if (cert == "") != (key == "") {
		return nil, nil, fmt.Errorf("%s go together: set both or none, each the path of a PEM file", pair)
	}
	if cert != "" {
		if err := files.ReadPair(conf, cert, key); err != nil {
			return nil, nil, fmt.Errorf("%s: want the paths of PEM files that belong together: %w", pair, pathless(err))
		}
	}
	return conf, files, nil
}

// pathless is the error of a file without the file's name: where a variable holds a key in
// the place of its path, the name is the key.
func pathless(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// shown is a variable with its value, for an error; the variable alone where the value may be
// a secret that was meant for another variable: it is long, or written like a login.
func shown(name, value string) string {
	const most = 200
	if len(value) > most || isPEM(value) || mayHoldSecret(value) {
		return name
	}
	return fmt.Sprintf("%s=%q", name, value)
}

// looksLikeKey reports whether a text can be 24 bytes or more in hexadecimal or base64.
func looksLikeKey(text string) bool {
	isCode := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("+/-_=\r\n ", r)
	}
	return len(text) >= 32 && !strings.ContainsFunc(text, func(r rune) bool { return !isCode(r) })
}

// shownPath is a variable with its value where that is surely a path, and the variable alone
// where it may be what the file should hold, such as a private key in base64. No encoding
// of a key has a dot.
func shownPath(name, value string) string {
	if value == "" || !isPEM(value) && !strings.ContainsAny(value, "\r\n{\"") && (strings.Contains(value, ".") || exists(value)) {
		return fmt.Sprintf("%s=%q", name, value)
	}
	return name + " (not shown, since it may be a key)"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func isPEM(value string) bool { return strings.Contains(value, "-----BEGIN") }
