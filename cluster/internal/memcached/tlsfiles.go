package memcached

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// This file decides when certificates that lie in files are read again: at a handshake, so
// that a certificate that was renewed on disk is used without a restart. What cannot be used,
// such as a file that is being written, leaves the last good one in use.

// rereadEvery is the least time between two looks at the files.
const rereadEvery = 100 * time.Millisecond

// fromFiles is a value that is made of files.
type fromFiles[T any] struct {
	paths []string
	parse func(contents [][]byte) (*T, error)

	current atomic.Pointer[T] // the last good one

	mu   sync.Mutex        // guards below; a handshake that finds it held takes the current value
	last time.Time         // of the last look
	seen [sha256.Size]byte // what the last look found
	err  error             // why it was of no use
}

// readFiles returns the value that the files make now.
func readFiles[T any](parse func(contents [][]byte) (*T, error), paths ...string) (*fromFiles[T], error) {
	f := &fromFiles[T]{paths: paths, parse: parse, last: time.Now()}
	f.look()
	return f, f.err
}

// get returns the value, after a look at the files if it is time for one. The log, which may
// be nil, is told once what has changed.
func (f *fromFiles[T]) get(log Logger) *T {
	if !f.mu.TryLock() {
		return f.current.Load() // a disk that hangs must hold up one handshake only
	}
	defer f.mu.Unlock()
	if time.Since(f.last) < rereadEvery {
		return f.current.Load()
	}
	f.last = time.Now()
	before := f.err
	switch changed := f.look(); {
	case log == nil:
	case f.err != nil && (changed || before == nil || before.Error() != f.err.Error()):
		log.Warn("cluster: TLS files cannot be used, the last good ones stay in use", "files", strings.Join(f.paths, ", "), "reason", f.err.Error())
	case f.err == nil && (changed || before != nil):
		log.Info("cluster: TLS files were read again", "files", strings.Join(f.paths, ", "))
	}
	return f.current.Load()
}

// look reads the files, and reports whether they have changed since the last look.
func (f *fromFiles[T]) look() (changed bool) {
	contents, sum := make([][]byte, len(f.paths)), sha256.New()
	for i, path := range f.paths {
		b, err := os.ReadFile(path)
		if err != nil {
			f.err = err
			return false
		}
		contents[i] = b
		fmt.Fprintf(sum, "%d %s", len(b), b)
	}
	seen := [sha256.Size]byte(sum.Sum(nil))
	if seen == f.seen && f.err == nil {
		return false
	}
	changed, f.seen = seen != f.seen, seen
	v, err := f.parse(contents)
	if f.err = err; err == nil {
		f.current.Store(v)
	}
	return changed
}

// TLSFiles are files with what a *tls.Config is made of.
type TLSFiles struct {
	roots *fromFiles[x509.CertPool]   // nil: the system's
	pair  *fromFiles[tls.Certificate] // nil: none
	first *x509.CertPool              // what roots were at the start
	log   atomic.Pointer[Logger]      // of whoever made the last handshake
}

// ReadRoots has conf trust the authorities in a file.
func (f *TLSFiles) ReadRoots(conf *tls.Config, path string) error {
	roots, err := readFiles(parseRoots, path)
	if err != nil {
		return err
	}
	f.roots, f.first = roots, roots.current.Load()
	conf.RootCAs = f.first
	return nil
}

// ReadPair has conf show the client certificate in a file, whose key is in another.
func (f *TLSFiles) ReadPair(conf *tls.Config, cert, key string) error {
	pair, err := readFiles(parsePair, cert, key)
	if err != nil {
		return err
	}
	f.pair = pair
	conf.Certificates, conf.GetClientCertificate = []tls.Certificate{*pair.current.Load()}, f.clientCertificate
	return nil
}

// Renew puts the roots of now into conf, unless the app has set its own. The log is told what
// has changed, also by the handshake that follows.
func (f *TLSFiles) Renew(conf *tls.Config, log Logger) {
	if f == nil {
		return
	}
	f.log.Store(&log)
	if f.roots != nil && conf.RootCAs == f.first {
		conf.RootCAs = f.roots.get(log)
	}
}

// clientCertificate has the signature of tls.Config.GetClientCertificate.
func (f *TLSFiles) clientCertificate(info *tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return fitting(info, *f.pair.get(f.logger())), nil
}

// logger returns the log of whoever made the last handshake, or nil.
func (f *TLSFiles) logger() Logger {
	if log := f.log.Load(); log != nil {
		return *log
	}
	return nil
}

// fitting returns the first certificate that the server says it accepts; an empty one, which
// sends none, if there is none. It is what crypto/tls does with tls.Config.Certificates.
func fitting(info *tls.CertificateRequestInfo, certs ...tls.Certificate) *tls.Certificate {
	for i := range certs {
		if info.SupportsCertificate(&certs[i]) == nil {
			return &certs[i]
		}
	}
	return new(tls.Certificate)
}

func parseRoots(contents [][]byte) (*x509.CertPool, error) {
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(contents[0]) {
		return nil, errors.New("no certificate in it")
	}
	return pool, wholePEM(contents[0])
}

func parsePair(contents [][]byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(contents[0], contents[1])
	if err != nil {
		return nil, err
	}
	return &pair, errors.Join(wholePEM(contents[0]), wholePEM(contents[1]))
}

// wholePEM refuses text that ends within a block: a file that is being written.
func wholePEM(text []byte) error {
	for {
		block, rest := pem.Decode(text)
		if block == nil {
			break
		}
		text = rest
	}
	if bytes.Contains(text, []byte("-----BEGIN")) {
		return errors.New("it ends within a PEM block")
	}
	return nil
}
