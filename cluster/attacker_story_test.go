package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what somebody gains who has taken over a node, shares it, or reads
// what is printed.

// Two apps share nodes and seal keys; a user of one must not become a user of the
// other because somebody copies a record.
func TestASealedRecordCannotMoveToAnotherPrefix(t *testing.T) {
	story(t, 2, func(w *world) {
		keys := [][]byte{sealKeyOf(1)}
		shop, admin := w.cluster(Config{KeyPrefix: "shop:", SealKeys: keys}), w.cluster(Config{KeyPrefix: "admin:", SealKeys: keys})
		w.create(shop, "s", "user=eve")
		for _, n := range w.env.All() {
			b, held := n.Get(record.KeyOf("s").Name("shop:"))
			if !held {
				w.Fatalf("%s holds nothing", n.ID())
			}
			n.Set(record.KeyOf("s").Name("admin:"), b)
		}
		w.missing(admin, "s", ErrSealed)
		w.sees(shop, "s", "user=eve")
	})
}

// A node that answers each command just in time is up, and slower than it is asked.
func TestASlowNodeDoesNotMakeTheQueueGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var servers, callers sync.WaitGroup
		c, err := New(Config{
			Nodes: []Node{{ID: "n1", Addr: "slow:1"}}, UnknownPerSecond: -1, Logger: slog.New(slog.DiscardHandler),
			DialContext: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				servers.Go(func() {
					defer server.Close()
					r := bufio.NewReader(server)
					for {
						line, err := r.ReadString('\n')
						if err != nil {
							return
						}
						time.Sleep(DefaultTimeout * 9 / 10)
						answer := "END\r\n"
						if strings.HasPrefix(line, "version") {
							answer = "VERSION 1\r\n"
						}
						if _, err := io.WriteString(server, answer); err != nil {
							return
						}
					}
				})
				return client, nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		var slowest atomic.Int64
		deepest := 0
		const rate = 1000 // loads a second; the node manages half of that
		for i := range 3 * rate {
			time.Sleep(time.Second / rate)
			callers.Go(func() {
				began := time.Now()
				_, _ = c.Load(context.Background(), fmt.Sprint("s", i))
				took := int64(time.Since(began))
				for was := slowest.Load(); took > was && !slowest.CompareAndSwap(was, took); was = slowest.Load() {
					continue
				}
			})
			deepest = max(deepest, c.nodes()[0].server.Counts().Waiting)
		}
		callers.Wait()
		c.Close()
		servers.Wait()
		if took := time.Duration(slowest.Load()); took > 3*DefaultTimeout {
			t.Errorf("a load took %v", took)
		}
		if most := 3 * rate * int(DefaultTimeout/time.Millisecond) / 1000; deepest > most {
			t.Errorf("%d loads stood in line, want at most %d", deepest, most)
		}
	})
}

// The login is a set like any other to a node that asks for none.
func TestANodeWithoutLoginsDoesNotKeepThePassword(t *testing.T) {
	env := testenv.Start(t, 1, testenv.Real())
	nodes, err := ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	if err := saveAndLoad(t, Config{Nodes: nodes, Username: "app", Password: secretPass}); err != nil {
		t.Fatal(err)
	}
	if b, held := env.Node(0).Get("auth"); held {
		t.Errorf("the node holds %q", b)
	}
	for key, b := range env.Node(0).Dump() {
		if bytes.Contains(b, []byte(secretPass)) {
			t.Errorf("the password lies under %q", key)
		}
	}
}

// The usual mistake in a container: the key itself where its path is wanted.
func TestAPrivateKeyInPlaceOfItsPathIsNotShown(t *testing.T) {
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: bytes.Repeat([]byte(secretPass), 10)}))
	for _, variable := range []string{"MEMCACHED_TLS_KEY", "MEMCACHED_TLS_CERT"} {
		pairs := []string{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CERT", "cert.pem", "MEMCACHED_TLS_KEY", "key.pem", variable, text}
		_, err := ConfigFromEnv(env(pairs...))
		if err == nil || !strings.Contains(err.Error(), variable) || strings.Contains(err.Error(), text[40:60]) {
			t.Errorf("%s: %v", variable, err)
		}
	}
}

func TestARecordIsNotWrittenAsJSON(t *testing.T) {
	r := NewRecord(secretID)
	r.Attrs[secretName] = []byte(secretValue)
	if b, err := json.Marshal(r); err == nil {
		t.Errorf("%s", b)
	}
	var logged bytes.Buffer
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "pointer", r, "value", *r, "list", []*Record{r})
	if strings.Contains(logged.String(), "Attrs") || !strings.Contains(logged.String(), "1 attributes") {
		t.Errorf("logged %s", &logged)
	}
}

// Package fmt calls no Format of what an app keeps in its own fields.
func TestAStructThatHoldsAClusterShowsNoSecret(t *testing.T) {
	seal := bytes.Repeat([]byte("seal"), 8)
	c, err := New(Config{
		Nodes: []Node{{ID: "n1", Addr: "127.0.0.1:1"}, {ID: "n2", Addr: "127.0.0.1:2"}}, Username: "app", Password: secretPass, SealKeys: [][]byte{seal}, unwatched: true, // it would be written to while it is printed
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	app := struct{ sessions *Cluster }{c}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%d", "%x", "%q"} {
		out := fmt.Sprintf(verb, app)
		if findSecret(out) != "" || strings.Contains(out, "sealseal") || strings.Contains(out, "115 101 97 108") || strings.Contains(out, "7365616c") {
			t.Errorf("%s: %s", verb, out)
		}
	}
}
