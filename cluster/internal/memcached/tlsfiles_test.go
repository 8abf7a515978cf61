package memcached

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pairFiles are the files of a client certificate.
type pairFiles struct {
	*testing.T
	cert, key string
}

func newPairFiles(t *testing.T) *pairFiles {
	dir := t.TempDir()
	return &pairFiles{t, filepath.Join(dir, "cert"), filepath.Join(dir, "key")}
}

// renew writes a new pair, and returns the certificate's bytes.
func (p *pairFiles) renew() (cert []byte) {
	p.Helper()
	pair := selfSigned(p.T)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		p.Fatal(err)
	}
	p.put(p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	p.put(p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	return pair.Certificate[0]
}

func (p *pairFiles) put(path string, text []byte) {
	p.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		p.Fatal(err)
	}
}

// expire makes the next handshake look at the files.
func (f *fromFiles[T]) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last = time.Time{}
}

// What is wrong with the files is said once, not at each handshake, and so is that they are good
// again.
func TestFilesThatCannotBeUsedAreSaidOnce(t *testing.T) {
	files, log := newPairFiles(t), &watched{}
	first := files.renew()
	f, err := readFiles(parsePair, files.cert, files.key)
	if err != nil {
		t.Fatal(err)
	}
	shows := func(when string, want []byte, said ...string) {
		t.Helper()
		for range 3 {
			f.expire()
			if got := f.get(log); string(got.Certificate[0]) != string(want) {
				t.Errorf("%s: another certificate is shown", when)
			}
		}
		if len(log.lines) != len(said) {
			t.Errorf("%s: the log says %q", when, log.lines)
		}
		for i, want := range said {
			if !strings.Contains(log.lines[i], want) || !strings.Contains(log.lines[i], files.cert) {
				t.Errorf("%s: the log says %q", when, log.lines[i])
			}
		}
		log.lines = nil
	}
	shows("nothing has changed", first)
	text, err := os.ReadFile(files.cert)
	if err != nil {
		t.Fatal(err)
	}
	files.put(files.cert, text[:len(text)/2])
	shows("half a certificate", first, "cannot be used")
	os.Remove(files.cert)
	shows("no certificate", first, "cannot be used")
	second := files.renew()
	shows("another one", second, "read again")
	files.put(files.cert, nil)
	shows("an empty file", second, "cannot be used")
}

// Between two looks at the files there is time, and whoever finds another at it does not wait.
func TestFilesAreNotReadAtEachHandshake(t *testing.T) {
	files := newPairFiles(t)
	first := files.renew()
	f, err := readFiles(parsePair, files.cert, files.key)
	if err != nil {
		t.Fatal(err)
	}
	second := files.renew()
	f.mu.Lock()
	f.last = time.Now().Add(time.Hour)
	f.mu.Unlock()
	if got := f.get(nil); string(got.Certificate[0]) != string(first) {
		t.Error("the files are read again although they have just been")
	}
	f.expire()
	f.mu.Lock()
	got := f.get(nil)
	f.mu.Unlock()
	if string(got.Certificate[0]) != string(first) {
		t.Error("they are read by two at once")
	}
	if got := f.get(nil); string(got.Certificate[0]) != string(second) {
		t.Error("they are not read again")
	}
}

// Whoever uses the TLS configuration for connections of its own gets renewed certificates too.
func TestAConfigurationOfFilesRenewsItsCertificate(t *testing.T) {
	files, conf, read := newPairFiles(t), &tls.Config{InsecureSkipVerify: true}, &TLSFiles{}
	files.renew()
	if err := read.ReadPair(conf, files.cert, files.key); err != nil {
		t.Fatal(err)
	}
	want := files.renew()
	read.pair.expire()
	client, server := net.Pipe()
	defer client.Close()
	go func() { _ = tls.Client(client, conf).Handshake() }()
	node := tls.Server(server, &tls.Config{Certificates: []tls.Certificate{selfSigned(t)}, ClientAuth: tls.RequireAnyClientCert})
	defer server.Close()
	if err := node.Handshake(); err != nil {
		t.Fatal(err)
	}
	if got := node.ConnectionState().PeerCertificates[0].Raw; string(got) != string(want) {
		t.Error("the server is shown the old certificate")
	}
}
