package cluster

import (
	"crypto/tls"
	"os"
	"strings"
	"testing"
)

// A client certificate that was renewed on disk is used from the next handshake on.
func TestACertificateRenewedOnDiskIsUsed(t *testing.T) {
	onSecuredNodes(t, func(t *testing.T, addr string, _, clients *authority, files keyRing) {
		cert, key := clients.pair("app", earlier())
		files.put("cert", cert)
		files.put("key", key)
		cfg, logs := files.config(addr)
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := reachable(c); err == nil {
			t.Fatal("an expired certificate is accepted: the test has no point")
		}
		cert, key = clients.pair("app", later())
		files.put("cert", cert) // between the two they do not belong together
		files.put("key", key)
		untilReachable(c)
		if !strings.Contains(logs.String(), "read again") {
			t.Errorf("the log does not say so: %s", logs)
		}
	})
}

// Files that cannot be used change nothing, and are said once: a half-written one, a pair whose second
// file is still to come, one that is gone.
func TestFilesThatCannotBeUsedLeaveTheLastGoodOnesInUse(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it waits for files to be read again")
	}
	nodes, clients := newAuthority(t, "authority of nodes"), newAuthority(t, "authority of clients")
	addr := secured(t, nodes, clients, tls.VersionTLS13)
	files := keyRing{t, t.TempDir()}
	cert, key := clients.pair("app", later())
	other, _ := clients.pair("app", later())
	chain := append(append([]byte{}, nodes.pem...), clients.pem...)
	good := map[string][]byte{"ca": nodes.pem, "cert": cert, "key": key}
	for _, c := range []struct {
		why, file string
		text      []byte // nil: gone
	}{
		{"an empty certificate", "cert", []byte{}},
		{"half a certificate", "cert", cert[:len(cert)/2]},
		{"a chain that ends in the middle", "cert", append(append([]byte{}, cert...), chain[:len(chain)-len(clients.pem)/2]...)},
		{"half a key", "key", key[:len(key)/2]},
		{"a certificate for another key", "cert", other},
		{"no certificate", "cert", nil},
		{"no key", "key", nil},
		{"an empty CA file", "ca", []byte{}},
		{"a CA file that ends in the middle", "ca", chain[:len(chain)-len(clients.pem)/2]},
		{"no CA file", "ca", nil},
	} {
		t.Run(c.why, func(t *testing.T) {
			for name, text := range good {
				files.put(name, text)
			}
			cfg, logs := files.config(addr)
			cl, err := New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer cl.Close()
			if c.text == nil {
				os.Remove(files.path(c.file))
			} else {
				files.put(c.file, c.text)
			}
			for !strings.Contains(logs.String(), "cannot be used") {
				if err := reachable(cl); err != nil {
					t.Fatal(err)
				}
			}
			if text := logs.String(); strings.Count(text, "cannot be used") != 1 || !strings.Contains(text, files.path(c.file)) || strings.Contains(text, "read again") {
				t.Errorf("the log says %s", text)
			}
			// What comes later is used.
			files.put(c.file, good[c.file])
			for !strings.Contains(logs.String(), "read again") {
				if err := reachable(cl); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Nodes that get certificates of a new authority are trusted once it is in the file.
func TestAnAuthorityAddedOnDiskIsTrusted(t *testing.T) {
	old, next := newAuthority(t, "old"), newAuthority(t, "next")
	addr := secured(t, next, next, tls.VersionTLS13)
	files := keyRing{t, t.TempDir()}
	cert, key := next.pair("app", later())
	for name, text := range map[string][]byte{"ca": old.pem, "cert": cert, "key": key} {
		files.put(name, text)
	}
	cfg, _ := files.config(addr)
	own := cfg // of an app that sets an authority itself
	own.TLS = cfg.TLS.Clone()
	own.TLS.RootCAs = old.pool()
	var clusters []*Cluster
	for _, cfg := range []Config{cfg, own} {
		c, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := reachable(c); err == nil || !strings.Contains(err.Error(), "unknown authority") {
			t.Fatalf("the old authority is no good here: %v", err)
		}
		clusters = append(clusters, c)
	}
	files.put("ca", append(append([]byte{}, old.pem...), next.pem...))
	untilReachable(clusters[0])
	if err := reachable(clusters[1]); err == nil {
		t.Error("what the app has set is replaced")
	}
}
