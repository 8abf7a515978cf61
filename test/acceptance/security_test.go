package acceptance

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells how apps fare behind TLS and passwords, and with cookies that were kept
// too long.

// authority is a CA of the test's own, and the directory of its files.
type authority struct {
	t    *testing.T
	dir  string
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	ca := &authority{t: t, dir: t.TempDir()}
	ca.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test CA"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der := ca.sign("ca", ca.cert)
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	ca.cert = cert
	return ca
}

// sign writes name.crt and name.key; the first key is the authority's own.
func (ca *authority) sign(name string, template *x509.Certificate) []byte {
	ca.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		ca.t.Fatal(err)
	}
	if ca.key == nil {
		ca.key = key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, &key.PublicKey, ca.key)
	if err != nil {
		ca.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		ca.t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{"crt": {Type: "CERTIFICATE", Bytes: der}, "key": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(ca.file(name, file), pem.EncodeToMemory(block), 0o600); err != nil {
			ca.t.Fatal(err)
		}
	}
	return der
}

func (ca *authority) file(name, kind string) string { return filepath.Join(ca.dir, name+"."+kind) }

// server makes the certificate of a node on the loopback address.
func (ca *authority) server(name string, notAfter time.Time) testenv.Option {
	ca.sign(name, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotAfter: notAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{name},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return testenv.Args("-Z", "-o", fmt.Sprintf("ssl_chain_cert=%s,ssl_key=%s,ssl_ca_cert=%s,ssl_verify_mode=2",
		ca.file(name, "crt"), ca.file(name, "key"), ca.file("ca", "crt")))
}

// secure makes an instance that is configured by those variables, and by that Timeout.
func secure(t *testing.T, timeout time.Duration, variables map[string]string) options {
	return options{config: func(c *cluster.Config) {
		var addrs []string
		for _, n := range c.Nodes {
			addrs = append(addrs, n.ID+":"+n.Addr)
		}
		from, err := cluster.ConfigFromEnv(func(name string) string {
			if name == "MEMCACHED_NODES" {
				return strings.Join(addrs, ",")
			}
			return variables[name]
		})
		if err != nil {
			t.Fatal(err)
		}
		c.TLS, c.Username, c.Password, c.SealKeys, c.Timeout = from.TLS, from.Username, from.Password, from.SealKeys, timeout
	}}
}

// with returns a copy of the variables with that pair changed; an empty value removes it.
func with(variables map[string]string, pairs ...string) map[string]string {
	changed := map[string]string{}
	for name, value := range variables {
		changed[name] = value
	}
	for i := 0; i < len(pairs); i += 2 {
		changed[pairs[i]] = pairs[i+1]
	}
	return changed
}

// Nodes that demand TLS, a client certificate and a password, and apps that have all of
// them or lack one.
func TestNodesBehindTLSAndAPassword(t *testing.T) {
	const password = "PASSplantedPASS"
	ca := newAuthority(t)
	auth := filepath.Join(ca.dir, "auth")
	if err := os.WriteFile(auth, []byte("app:"+password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ca.sign("client", &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "app"}, NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	locked := []testenv.Option{testenv.Real(), ca.server("cache", time.Now().Add(time.Hour)), testenv.Args("-Y", auth)}
	late := []testenv.Option{testenv.Real(), ca.server("late", time.Now().Add(-time.Hour)), testenv.Args("-Y", auth)}
	other := newAuthority(t)
	all := map[string]string{
		"MEMCACHED_TLS": "true", "MEMCACHED_TLS_CA": ca.file("ca", "crt"),
		"MEMCACHED_TLS_CERT": ca.file("client", "crt"), "MEMCACHED_TLS_KEY": ca.file("client", "key"),
		"MEMCACHED_USERNAME": "app", "MEMCACHED_PASSWORD": password,
		"MEMCACHED_SEAL_KEYS": base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32)),
	}
	each(t, apart, func(t *testing.T, d driver) {
		w := newWorld(t, d, 2, locked...)
		expired := newWorld(t, d, 2, late...)
		plain := newWorld(t, d, 2, testenv.Real())
		u := w.newUser()
		app1, app2 := w.start(secure(t, timeout, all)), w.start(secure(t, timeout, with(all, "MEMCACHED_TLS_SERVER_NAME", "cache")))
		u.logIn(app1, "ann")
		u.is("ann", app1, app2)
		for _, c := range []struct {
			why     string
			w       *world
			timeout time.Duration
			env     map[string]string
			wants   string
		}{
			{"a wrong password", w, timeout, with(all, "MEMCACHED_PASSWORD", "wrong"+password), "login refused"},
			{"an expired certificate", expired, timeout, all, "expired"},
			{"the name of another host", w, timeout, with(all, "MEMCACHED_TLS_SERVER_NAME", "elsewhere"), "not elsewhere"},
			{"another authority", w, timeout, with(all, "MEMCACHED_TLS_CA", other.file("ca", "crt")), "unknown authority"},
			{"a plain node", plain, short, all, "speak TLS"},
			{"no certificate of its own", w, timeout, with(all, "MEMCACHED_TLS_CERT", "", "MEMCACHED_TLS_KEY", ""), ""},
			{"plain words to a node with TLS", w, timeout, map[string]string{"MEMCACHED_USERNAME": "app", "MEMCACHED_PASSWORD": password}, ""},
			{"no password", w, timeout, with(all, "MEMCACHED_USERNAME", "", "MEMCACHED_PASSWORD", ""), ""},
		} {
			stranger := c.w.newUser()
			r := stranger.ask(c.w.start(secure(t, c.timeout, c.env)), "/login", "user", "eve")
			if r.status != http.StatusServiceUnavailable || !strings.Contains(r.body, c.wants) {
				t.Errorf("%s: %v, want %q", c.why, r, c.wants)
			}
			if strings.Contains(r.body, password) || r.cookie(d.cookie) != nil {
				t.Errorf("%s: the answer shows the password, or sets a cookie: %v", c.why, r)
			}
		}
		u.is("ann", app1, app2)
	})
}

// A browser that keeps its cookie beyond the logout, or brings one from before a
// login, is nobody.
func TestReplayedCookies(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.set(app1, "a", "1") // a visitor, not logged in
		before := u.cookie(d.cookie)
		u.logIn(app1, "ann")
		during := u.cookie(d.cookie)
		u.do(app2, "/logout")
		for what, kept := range map[string]string{"from before the login": before, "from before the logout": during} {
			for _, a := range []*app{app1, app2} {
				if r := knock(t, a, "/whoami", d.cookie+"="+kept); !r.ok() || r.body != "nobody" {
					t.Errorf("a cookie %s: %v", what, r)
				}
			}
		}
		w.env.Node(0).Restart()
		if r := knock(t, app1, "/whoami", d.cookie+"="+during); !r.ok() || r.body != "nobody" {
			t.Errorf("after a node has lost its memory: %v", r)
		}
	})
}
