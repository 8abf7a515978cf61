package acceptance

// This file tells how apps fare behind TLS and passwords, and that nothing of what
// must stay secret is ever printed.

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"hash/crc32"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/testenv"
)

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

// printed is everything that a story prints, and what must not be in it.
type printed struct {
	t       *testing.T
	text    bytes.Buffer
	secrets map[string]string // by what they are
	file    *os.File
}

// listen collects what is logged and printed until the test ends. No other test may run
// meanwhile.
func listen(t *testing.T) *printed {
	t.Helper()
	file, err := os.Create(filepath.Join(t.TempDir(), "printed"))
	if err != nil {
		t.Fatal(err)
	}
	p := &printed{t: t, secrets: map[string]string{}, file: file}
	stdout, stderr, writer, flags, logger := os.Stdout, os.Stderr, log.Writer(), log.Flags(), slog.Default()
	os.Stdout, os.Stderr = file, file
	log.SetOutput(file)
	slog.SetDefault(slog.New(slog.NewJSONHandler(file, &slog.HandlerOptions{Level: slog.LevelDebug})))
	t.Cleanup(func() {
		os.Stdout, os.Stderr = stdout, stderr
		slog.SetDefault(logger)
		log.SetOutput(writer)
		log.SetFlags(flags)
		file.Close()
	})
	return p
}

// show prints a value in every way that somebody might.
func (p *printed) show(values ...any) {
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			fmt.Fprintf(p.file, verb+"\n", v)
		}
		slog.Info("shown", "value", v)
		log.Println(v)
		if b, err := json.Marshal(v); err == nil {
			fmt.Fprintln(p.file, string(b))
		}
	}
}

// answers prints what a failed request tells its user.
func (p *printed) answers(r reply) reply {
	if !r.ok() {
		fmt.Fprintln(p.file, r.status, r.err, r.body)
	}
	return r
}

// forms are the ways in which bytes get into print.
func forms(secret string) []string {
	b := []byte(secret)
	all := []string{
		secret, hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), strings.Trim(fmt.Sprint(b), "[]"),
		strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"),
	}
	// In base64 it may begin at any of three places; what its neighbours touch is cut off.
	for before, cut := range []int{0, 2, 3} {
		padded := append(make([]byte, before), b...)
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			text := enc.EncodeToString(padded)
			all = append(all, text[cut:len(text)-2])
		}
	}
	return all
}

func (p *printed) check() {
	p.t.Helper()
	b, err := os.ReadFile(p.file.Name())
	if err != nil {
		p.t.Fatal(err)
	}
	out := string(b)
	if len(out) < 1000 || !strings.Contains(out, "node is down") {
		p.t.Errorf("too little was printed to show anything: %d bytes", len(out))
	}
	for what, secret := range p.secrets {
		if len(secret) < 12 {
			p.t.Fatalf("the %s is too short to look for", what)
		}
		for _, form := range forms(secret) {
			if at := strings.Index(out, form); at >= 0 {
				p.t.Errorf("%s in print, as %q: …%.200q", what, form, out[max(0, at-120):])
				break
			}
		}
	}
}

// forge breaks the seal of a record, under a good checksum.
func forge(b []byte) []byte {
	b = slices.Clone(b[:len(b)-crc32.Size])
	b[len(b)-1] ^= 1
	return binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
}

// A login, damage, forgery, an outage, wrong passwords and a logout: neither what is
// printed nor what a node holds tells a secret.
func TestNothingSecretIsPrinted(t *testing.T) {
	// One driver after the other, not in parallel: the default loggers are the process's.
	for _, d := range all {
		t.Run(d.name, func(t *testing.T) {
			p := listen(t)
			w := newWorld(t, d, 3)
			seal := []byte("SEALplantedSEALplantedSEAL012345")
			p.secrets["seal key"] = string(seal)
			p.secrets["password"] = "PASSplantedPASS"
			p.secrets["cookie key"] = string(authKey)
			p.secrets["user"] = "USERplantedUSER"
			p.secrets["value"] = "VALUEplantedVALUE"
			opts := options{
				config: func(c *cluster.Config) { c.SealKeys, c.Logger = [][]byte{seal}, nil },
			}
			var store any
			opts.gorilla = func(s *gorillastore.Store) { store = s }
			opts.scs = func(m *scs.SessionManager) { store = m.Store }
			a := w.start(opts)
			u := w.newUser()
			u.logIn(a, p.secrets["user"])
			u.set(a, "a", p.secrets["value"])
			id := u.id(a)
			p.secrets["session id"], p.secrets["cookie"] = id, u.cookie(d.cookie)
			p.secrets["memcached key"] = strings.TrimPrefix(w.key(id), w.prefix)

			loaded, err := a.cluster.Load(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			places, err := a.cluster.Where(context.Background(), id)
			if err != nil {
				t.Fatal(err)
			}
			p.show(loaded, *loaded, places, a.cluster, a.cluster.Stats(), a.cluster.Nodes(), w.config(opts), store)
			p.show(struct{ c *cluster.Cluster }{a.cluster})

			for _, n := range w.env.All() { // a stolen dump
				for key, value := range n.Dump() {
					for what, secret := range p.secrets {
						if what != "memcached key" && (strings.Contains(key, secret) || bytes.Contains(value, []byte(secret))) {
							t.Errorf("%s tells the %s", n.ID(), what)
						}
					}
				}
			}

			good, held := w.rank(id)[0].Get(w.key(id))
			if !held {
				t.Fatal("the primary holds no copy")
			}
			trouble := []func([]byte) []byte{forge, newer, func([]byte) []byte { return []byte(p.secrets["value"]) }}
			for _, change := range append(trouble, damages["flipped"], damages["cut off"]) {
				w.rewrite(id, 2, change)
				for _, path := range []string{"/whoami", "/set", "/logout"} {
					r := knock(t, a, path+"?key=a&value=1", d.cookie+"="+u.cookie(d.cookie))
					p.answers(r)
				}
				for _, n := range w.rank(id)[:2] {
					n.Set(w.key(id), good)
				}
			}
			for _, bad := range []string{changed(u.cookie(d.cookie), 3), u.cookie(d.cookie) + "x"} {
				p.answers(knock(t, a, "/whoami", d.cookie+"="+bad))
			}
			u.logIn(a, p.secrets["user"])
			p.secrets["new cookie"] = u.cookie(d.cookie)
			p.answers(u.ask(a, "/unregistered"))

			auth := filepath.Join(t.TempDir(), "auth")
			if err := os.WriteFile(auth, []byte("app:another"+p.secrets["password"]+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			behind := newWorld(t, d, 2, testenv.Real(), testenv.Args("-Y", auth))
			locked := behind.start(options{config: func(c *cluster.Config) {
				c.Username, c.Password, c.Logger = "app", p.secrets["password"], nil
			}})
			if r := p.answers(behind.newUser().ask(locked, "/login", "user", p.secrets["user"])); r.ok() {
				t.Errorf("a wrong password: %v", r)
			}
			p.show(locked.cluster, locked.cluster.Nodes(), struct{ c *cluster.Cluster }{locked.cluster}, locked.cluster.Ping(context.Background()))

			for _, n := range w.env.All() {
				n.Kill()
			}
			for _, path := range []string{"/whoami", "/set", "/logout"} {
				if r := p.answers(u.ask(a, path, "key", "a", "value", p.secrets["value"])); r.ok() {
					t.Errorf("%s in an outage: %v", path, r)
				}
			}
			p.show(a.cluster.Nodes(), a.cluster.Stats(), a.cluster.Ping(context.Background()))
			for _, n := range w.env.All() {
				n.Restart()
			}
			isUp(t, a)
			u.logIn(a, p.secrets["user"])
			p.secrets["last cookie"] = u.cookie(d.cookie)
			u.do(a, "/logout")
			p.answers(knock(t, a, "/whoami", d.cookie+"="+p.secrets["last cookie"]))
			p.check()
		})
	}
}
