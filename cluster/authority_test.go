package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// authority signs certificates.
type authority struct {
	t    *testing.T
	name string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{t: t, name: name}
	a.cert, a.key, a.pem, _ = a.sign(name, time.Now().Add(time.Hour), true)
	return a
}

// sign makes a certificate that ends then, and its key.
func (a *authority) sign(name string, ends time.Time, isCA bool) (*x509.Certificate, *ecdsa.PrivateKey, []byte, []byte) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: ends, IsCA: isCA, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
}

// pair makes a certificate with its key, both as text.
func (a *authority) pair(name string, ends time.Time) (cert, key []byte) {
	_, _, cert, key = a.sign(name, ends, false)
	return cert, key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// later and earlier are ends of certificates.
func later() time.Time   { return time.Now().Add(time.Hour) }
func earlier() time.Time { return time.Now().Add(-time.Hour) }

// keyRing is a directory with the files of a client.
type keyRing struct {
	t   *testing.T
	dir string
}

func (k keyRing) path(name string) string { return filepath.Join(k.dir, name) }

// put replaces a file at once, as tools that renew certificates do.
func (k keyRing) put(name string, text []byte) {
	k.t.Helper()
	if err := os.WriteFile(k.path(name)+".new", text, 0o600); err != nil {
		k.t.Fatal(err)
	}
	if err := os.Rename(k.path(name)+".new", k.path(name)); err != nil {
		k.t.Fatal(err)
	}
}

// config is that of a client of the node with these files.
func (k keyRing) config(addr string) (Config, *syncBuffer) {
	k.t.Helper()
	pairs := []string{"MEMCACHED_NODES", "n1:" + addr, "MEMCACHED_TLS", "true", "MEMCACHED_TIMEOUT", "5s", "MEMCACHED_TLS_CA", k.path("ca")}
	if _, err := os.Stat(k.path("cert")); err == nil {
		pairs = append(pairs, "MEMCACHED_TLS_CERT", k.path("cert"), "MEMCACHED_TLS_KEY", k.path("key"))
	}
	cfg, err := ConfigFromEnv(env(pairs...))
	if err != nil {
		k.t.Fatal(err)
	}
	logs := &syncBuffer{}
	cfg.Logger = slog.New(slog.NewTextHandler(logs, nil))
	return cfg, logs
}

// secured starts an embedded node that wants client certificates of the authority.
func secured(t *testing.T, nodes, clients *authority, version uint16) (addr string) {
	t.Helper()
	cert, key := nodes.pair("node", later())
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served(t, tls.NewListener(l, &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients.pool(),
		MinVersion: version, MaxVersion: version,
	}))
	return l.Addr().String()
}

// memcachedWithTLS starts a real memcached that wants client certificates of the authority.
func memcachedWithTLS(t *testing.T, nodes, clients *authority) (addr string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "tls") // memcached may run as another user
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	cert, key := nodes.pair("node", later())
	for name, text := range map[string][]byte{"cert": cert, "key": key, "clients": clients.pem} {
		if err := errors.Join(os.Chmod(dir, 0o755), os.WriteFile(filepath.Join(dir, name), text, 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	env := testenv.Start(t, 1, testenv.Real(), testenv.Args("-Z", "-o", "ssl_chain_cert="+dir+"/cert,ssl_key="+dir+"/key,ssl_verify_mode=2,ssl_ca_cert="+dir+"/clients"))
	return env.Node(0).Addr()
}

func reachable(c *Cluster) error {
	return c.Ping(context.Background())
}

// until waits until the nodes can be reached; the test's own timeout bounds it.
func untilReachable(c *Cluster) {
	for reachable(c) != nil {
		time.Sleep(time.Millisecond)
	}
}

// onSecuredNodes runs a test on every kind of node with TLS that wants client certificates.
func onSecuredNodes(t *testing.T, test func(t *testing.T, addr string, nodes, clients *authority, files keyRing)) {
	nodes, clients := newAuthority(t, "authority of nodes"), newAuthority(t, "authority of clients")
	for _, kind := range []struct {
		name  string
		start func(t *testing.T) string
	}{
		{"TLS 1.2", func(t *testing.T) string { return secured(t, nodes, clients, tls.VersionTLS12) }},
		{"TLS 1.3", func(t *testing.T) string { return secured(t, nodes, clients, tls.VersionTLS13) }},
		{"memcached", func(t *testing.T) string { return memcachedWithTLS(t, nodes, clients) }},
	} {
		t.Run(kind.name, func(t *testing.T) {
			files := keyRing{t, t.TempDir()}
			files.put("ca", nodes.pem)
			test(t, kind.start(t), nodes, clients, files)
		})
	}
}
