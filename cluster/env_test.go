package cluster

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// env returns a getenv over pairs, with two good nodes, at which nobody listens, where none are given.
func env(pairs ...string) func(string) string {
	m := map[string]string{"MEMCACHED_NODES": "n1:127.0.0.1:1,n2:127.0.0.1:2"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func goodKey(b byte) string { return base64.StdEncoding.EncodeToString(sealKeyOf(b)) }

func TestConfigFromEnv(t *testing.T) {
	ca, cert, key := certificate(t)
	cfg, err := ConfigFromEnv(env(
		"MEMCACHED_NODES", "n1:a:1 n2:b:2 n3:c:3\n", "MEMCACHED_FAILOVER_NODES", "n3\n", "MEMCACHED_FORMER_NODES", "n1:a:1 n4:d:4",
		"MEMCACHED_REPLICAS", "2", "MEMCACHED_MIN_COPIES", "2", "MEMCACHED_TIMEOUT", "90ms", "MEMCACHED_DISCOVER_EVERY", "5s", "MEMCACHED_TRANSITION_FOR", "30s",
		"MEMCACHED_KEY_PREFIX", "app:", "MEMCACHED_USERNAME", "me", "MEMCACHED_PASSWORD", "secret",
		"MEMCACHED_TLS", "1", "MEMCACHED_TLS_CA", ca, "MEMCACHED_TLS_CERT", cert, "MEMCACHED_TLS_KEY", key,
		"MEMCACHED_TLS_SERVER_NAME", "cache", "MEMCACHED_ALLOW_UNRESOLVED", "true",
		"MEMCACHED_SEAL_KEYS", goodKey(1)+" "+goodKey(2), "MEMCACHED_ALLOW_UNSEALED", "true",
	))
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(cfg.Nodes, []Node{{ID: "n1", Addr: "a:1"}, {ID: "n2", Addr: "b:2"}, {ID: "n3", Addr: "c:3", Standby: true}}) {
		t.Errorf("nodes %v", cfg.Nodes)
	}
	if !slices.Equal(cfg.FormerNodes, []Node{{ID: "n1", Addr: "a:1"}, {ID: "n4", Addr: "d:4"}}) {
		t.Errorf("former nodes %v", cfg.FormerNodes)
	}
	if cfg.Replicas != 2 || cfg.MinCopies != 2 || cfg.Timeout != 90*time.Millisecond || cfg.DiscoverEvery != 5*time.Second || cfg.TransitionFor != 30*time.Second || cfg.KeyPrefix != "app:" ||
		cfg.Username != "me" || cfg.Password != "secret" || !cfg.AllowUnresolved || !cfg.AllowUnsealed {
		t.Error("a value is lost")
	}
	if len(cfg.SealKeys) != 2 || !slices.Equal(cfg.SealKeys[1], sealKeyOf(2)) {
		t.Error("a seal key is lost")
	}
	if cfg.TLS == nil || cfg.TLS.RootCAs == nil || len(cfg.TLS.Certificates) != 1 || cfg.TLS.ServerName != "cache" || cfg.TLS.InsecureSkipVerify {
		t.Error("TLS is not as it was asked for")
	}
	if c, err := New(cfg); err != nil {
		t.Error(err)
	} else {
		c.Close()
	}
	plain, err := ConfigFromEnv(env())
	if err != nil || plain.TLS != nil || plain.Timeout != 0 || plain.Replicas != 0 || len(plain.SealKeys) != 0 {
		t.Errorf("what is not set is not zero: %v", err)
	}
}

// Numbers that do not fit each other, or the list of nodes, are told in the words of the environment.
func TestNumbersOfTheEnvironmentThatDoNotFit(t *testing.T) {
	for _, c := range []struct {
		why   string
		pairs []string
		wants []string
	}{
		{"too many replicas", []string{"MEMCACHED_REPLICAS", "3"}, []string{`MEMCACHED_REPLICAS="3"`, "1 to 2", "MEMCACHED_NODES"}},
		{"too many min copies", []string{"MEMCACHED_MIN_COPIES", "3"}, []string{`MEMCACHED_MIN_COPIES="3"`, "1 to 2", "MEMCACHED_REPLICAS"}},
		{"more min copies than replicas", []string{"MEMCACHED_REPLICAS", "1", "MEMCACHED_MIN_COPIES", "2"}, []string{`MEMCACHED_MIN_COPIES="2"`, "1 to 1"}},
		{"a transition that ends before all have the list", []string{"MEMCACHED_DISCOVERY", "file:/x", "MEMCACHED_TRANSITION_FOR", "10s"}, []string{"MEMCACHED_TRANSITION_FOR is 10s", "MEMCACHED_DISCOVER_EVERY 30s", "2m0s"}},
	} {
		cfg, err := ConfigFromEnv(env(c.pairs...))
		if err == nil {
			t.Errorf("%s: accepted as %v", c.why, cfg)
			continue
		}
		for _, want := range c.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not name %s: %v", c.why, want, err)
			}
		}
		if strings.Count(err.Error(), "cluster: ") != 1 {
			t.Errorf("%s: want one prefix: %v", c.why, err)
		}
	}
}

// Other software has passwords in its node lists. What may be one is not shown: not by the
// error of the list, nor by those of the variable and of the configuration.
func TestAPasswordInANodeListIsNotShown(t *testing.T) {
	for _, in := range []string{
		"me:" + planted + "@a:1",
		"memcached://me:" + planted + "@a:1",
		"memcached://a:1/?password=" + planted,
		"a:1?password=" + planted,
		"n1:a:1?user=me&password=" + planted,
		"n1:a:1;password=" + planted,
		"password=" + planted + ";n1:a:1",
		"me:" + planted + ":a:11211",
		"n1:me:" + planted + ":a:11211",
		"n1:a:1,n2:b:1?password=" + planted,
		`{"nodes":["a:1"],"password":"` + planted + `"}`,
		`[{"host":"a","password":"` + planted + `"}]`,
		`n1:a:1,"` + planted + `"`,
	} {
		_, err := ParseNodes(in)
		_, err2 := ConfigFromEnv(env("MEMCACHED_NODES", in))
		_, err3 := ConfigFromEnv(env("MEMCACHED_FAILOVER_NODES", in))
		_, err4 := New(Config{Nodes: []Node{{Addr: in}}})
		_, err5 := New(Config{Nodes: []Node{{ID: "n1", Addr: in}}})
		c, err6 := New(Config{Nodes: []Node{{ID: in, Addr: "127.0.0.1:1"}}})
		c.Close()
		for i, err := range []error{err, err2, err3, err4, err5, err6} {
			if err == nil && i < 5 {
				t.Errorf("%q: accepted (%d)", in, i)
			}
			if err != nil && strings.Contains(err.Error(), planted) {
				t.Errorf("%q: shown (%d): %v", in, i, err)
			}
		}
	}
}

func TestANilGetenvIsTheEnvironment(t *testing.T) {
	t.Setenv("MEMCACHED_NODES", "x:127.0.0.1:1")
	if cfg, err := ConfigFromEnv(nil); err != nil || cfg.Nodes[0].ID != "x" {
		t.Errorf("%v, %v", cfg, err)
	}
}

// certificate writes a self-signed certificate and its key, and returns the files.
func certificate(t *testing.T) (ca, cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "cache"}, DNSNames: []string{"cache"},
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	cert = write("cert.pem", "CERTIFICATE", der)
	return cert, cert, write("key.pem", "PRIVATE KEY", private)
}
