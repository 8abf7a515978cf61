package memcached

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

// This file decides how a connection is encrypted, and what is said when one side refuses
// the other's certificate.

// certificateError says whose certificate was refused, and why.
type certificateError struct {
	text string
	err  error
}

func (e *certificateError) Error() string { return e.text + ": " + e.err.Error() }
func (e *certificateError) Unwrap() error { return e.err }

// encrypt has the connection speak TLS.
func (d *dialer) encrypt(c *nodeConn, address string) error {
	conf := d.tls()
	if conf.ServerName == "" && !conf.InsecureSkipVerify {
		conf.ServerName, _, _ = net.SplitHostPort(address)
	}
	shown := &shownCertificate{configured: len(conf.Certificates) > 0 || conf.GetClientCertificate != nil}
	shown.watch(conf)
	secure := tls.Client(c.below, conf)
	if err := secure.Handshake(); err != nil {
		var plain tls.RecordHeaderError
		if errors.As(err, &plain) {
			return fmt.Errorf("TLS handshake: the node does not speak TLS: %w", err)
		}
		if isTimeout(err) {
			return errNoTLS
		}
		return fmt.Errorf("TLS handshake: %w", shown.explain(err))
	}
	c.Conn = abrupt{secure, shown}
	return nil
}

// shownCertificate is what became of the server's wish to see a client certificate.
type shownCertificate struct {
	configured bool // there is a client certificate
	asked      bool // the server wants one
	sent       *tls.Certificate
	answered   atomic.Bool // the server has taken it
}

// watch makes conf tell what it is asked for, and choose as it would.
func (s *shownCertificate) watch(conf *tls.Config) {
	choose, certs := conf.GetClientCertificate, conf.Certificates
	conf.GetClientCertificate = func(info *tls.CertificateRequestInfo) (cert *tls.Certificate, err error) {
		s.asked = true
		if choose != nil {
			cert, err = choose(info)
		} else {
			cert = fitting(info, certs...)
		}
		if err == nil && cert != nil && len(cert.Certificate) > 0 {
			s.sent = cert
		}
		return cert, err
	}
}

// explain names the refusal of a certificate. Other errors stay as they are.
func (s *shownCertificate) explain(err error) error {
	var theirs *tls.CertificateVerificationError
	if errors.As(err, &theirs) {
		return &certificateError{"the node's TLS certificate is refused", theirs.Err}
	}
	reason, ok := alertOf(err)
	switch {
	case !ok || !s.asked || !isRefusalOfACertificate(reason):
		return err
	case s.sent != nil:
		return &certificateError{fmt.Sprintf("the node refuses our client certificate (%s)", described(s.sent, time.Now())), reason}
	case s.configured:
		return &certificateError{"the node wants a client certificate from another authority than that of ours", reason}
	}
	return &certificateError{"the node wants a client certificate: set Config.TLS.Certificates (MEMCACHED_TLS_CERT, MEMCACHED_TLS_KEY)", reason}
}

// alertOf returns what the server said when it broke off the handshake. Package tls has no type
// for it outside of QUIC.
func alertOf(err error) (error, bool) {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "remote error" {
		return op.Err, true
	}
	return nil, false
}

// isRefusalOfACertificate reports whether an alert says so. TLS 1.2 has none for a certificate
// that is missing: it is a handshake failure (RFC 5246, section 7.4.6).
func isRefusalOfACertificate(alert error) bool {
	return slices.ContainsFunc([]string{"certificate", "handshake failure", "access denied"}, func(s string) bool {
		return strings.Contains(alert.Error(), s)
	})
}

// described tells of a certificate what an operator needs to find out why it is refused.
func described(c *tls.Certificate, now time.Time) string {
	leaf := c.Leaf
	if leaf == nil {
		return "unreadable"
	}
	const day = "2006-01-02 15:04 MST"
	dates := "valid until " + leaf.NotAfter.UTC().Format(day)
	if now.After(leaf.NotAfter) {
		dates = "expired on " + leaf.NotAfter.UTC().Format(day)
	} else if now.Before(leaf.NotBefore) {
		dates = "not valid before " + leaf.NotBefore.UTC().Format(day)
	}
	return fmt.Sprintf("%s, issued by %q", dates, leaf.Issuer.String())
}

// abrupt closes a TLS connection without a goodbye: a server that has stopped reading would
// keep it waiting, for five seconds of its own (tls.Conn.Close).
type abrupt struct {
	*tls.Conn
	shown *shownCertificate
}

func (c abrupt) Close() error { return c.NetConn().Close() }

// Read explains what TLS 1.3 says no earlier than here: that our certificate is refused.
func (c abrupt) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.shown.answered.Store(true)
	}
	if err != nil && !c.shown.answered.Load() {
		err = c.shown.explain(err)
	}
	return n, err
}

// Write that finds the connection closed looks for the reason, which the server sent before.
func (c abrupt) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err != nil && !isTimeout(err) && c.shown.asked && !c.shown.answered.Load() {
		if _, why := c.Read(make([]byte, 1)); why != nil && isCertificate(why) {
			err = why
		}
	}
	return n, err
}

func isCertificate(err error) bool {
	return errors.As(err, new(*certificateError))
}
