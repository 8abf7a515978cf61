package acceptance

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/internal/secrettest"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells that nothing of what must stay secret is ever printed, or lies on a
// node.

// printed is everything that a story prints, and what must not be in it.
type printed struct {
	t       *testing.T
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
	secrettest.Forbid(p.t, out, p.secrets)
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

			for _, n := range w.env.All() { // a stolen dump
				for key, value := range n.Dump() {
					for what, secret := range p.secrets {
						if what != "memcached key" && (strings.Contains(key, secret) || bytes.Contains(value, []byte(secret))) {
							t.Errorf("%s tells the %s", n.ID(), what)
						}
					}
				}
			}

			good, held := w.preferred(id)[0].Get(w.key(id))
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
				for _, n := range w.preferred(id)[:2] {
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
			p.show(locked.cluster, locked.cluster.Nodes(), locked.cluster.Ping(context.Background()))

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

			// fmt reads every field of what a struct of the app holds, so nothing may write them.
			for _, c := range []*cluster.Cluster{a.cluster, locked.cluster} {
				if err := c.Close(); err != nil {
					t.Error(err)
				}
				p.show(struct{ c *cluster.Cluster }{c})
			}
			p.check()
		})
	}
}
