package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file feeds hostile bytes to what reads them: sealed records, two records that
// meet, the environment, and what a node answers. FuzzDecode and FuzzParseNodes stand
// with the tests of what they try.

// An environment is a configuration that works, or an error that shows no secret.
func FuzzConfigFromEnv(f *testing.F) {
	key := base64.StdEncoding.EncodeToString(sealKeyOf(1))
	f.Add("n1:a:1,n2:b:2", "n2", "2", "1", "150ms", "app:", "me", "secret-word", key, "true")
	f.Add("n1:a:1 [::1]:2\t/run/x.sock", "", "3", "3", "1h", "", "", "", key+","+key, "false")
	f.Add("", "n9", "-1", "x", "150", "a b", "me:", "two words", "AAAA", "maybe")
	f.Fuzz(func(t *testing.T, nodes, failover, replicas, copies, timeout, prefix, user, password, keys, flag string) {
		values := map[string]string{
			"MEMCACHED_NODES": nodes, "MEMCACHED_FAILOVER_NODES": failover, "MEMCACHED_REPLICAS": replicas,
			"MEMCACHED_MIN_COPIES": copies, "MEMCACHED_TIMEOUT": timeout, "MEMCACHED_KEY_PREFIX": prefix,
			"MEMCACHED_USERNAME": user, "MEMCACHED_PASSWORD": password, "MEMCACHED_SEAL_KEYS": keys,
			"MEMCACHED_ALLOW_UNSEALED": flag, "MEMCACHED_ALLOW_UNRESOLVED": flag, "MEMCACHED_TLS": flag,
		}
		cfg, err := ConfigFromEnv(func(name string) string { return values[name] })
		if err == nil {
			if _, err := cfg.withDefaults(); err != nil {
				t.Fatalf("read, and then refused: %v", err)
			}
			return
		}
		if !strings.HasPrefix(err.Error(), "cluster: ") {
			t.Fatal(err)
		}
		values["MEMCACHED_PASSWORD"], values["MEMCACHED_SEAL_KEYS"] = "", ""
		_, form := ParseNodes("")
		others := fmt.Sprintf("%q", values) + form.Error() + "at most 100 bytes without spaces or control characters a positive duration with its unit, such as 150ms"
		for _, secret := range append(strings.FieldsFunc(keys, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }), password) {
			if len(secret) > 12 && strings.Contains(err.Error(), secret) && !strings.Contains(others, secret) {
				t.Fatalf("the error shows %q: %v", secret, err)
			}
		}
	})
}

// scripted is a node that answers each read with the same bytes, and all else with the
// same others, in pieces and with pauses of so many milliseconds, and hangs up afterwards
// or not.
func scripted(nc net.Conn, toReads, toWrites []byte, pieces, pause uint8, hangUp bool) {
	defer nc.Close()
	buf := make([]byte, 4096)
	for {
		n, err := nc.Read(buf)
		if err != nil {
			return
		}
		answer := toWrites
		if bytes.HasPrefix(buf[:n], []byte("gets ")) {
			answer = toReads
		}
		size := max(1, len(answer)/(int(pieces%8)+1))
		for piece := range slices.Chunk(answer, size) {
			time.Sleep(time.Duration(pause) * time.Millisecond)
			if _, err := nc.Write(piece); err != nil {
				return
			}
		}
		if hangUp {
			return
		}
	}
}

// honest is a node that holds one value and stores whatever it is asked to.
func honest(nc net.Conn, key string, value []byte) {
	defer nc.Close()
	r := bufio.NewReader(nc)
	for {
		line, err := r.ReadString('\n')
		words := strings.Fields(line)
		if err != nil || len(words) == 0 {
			return
		}
		answer := "STORED\r\n"
		switch {
		case words[0] == "version":
			answer = "VERSION 1.6.38\r\n"
		case words[0] == "lru_crawler":
			answer = "END\r\n"
		case words[0] == "gets" && slices.Contains(words[1:], key): // beside a question about the marker
			answer = fmt.Sprintf("VALUE %s 0 %d 1\r\n%s\r\nEND\r\n", key, len(value), value)
		case words[0] == "gets":
			answer = "END\r\n"
		default:
			size, _ := strconv.Atoi(words[4])
			if _, err := io.CopyN(io.Discard, r, int64(size)+2); err != nil {
				return
			}
		}
		if _, err := io.WriteString(nc, answer); err != nil {
			return
		}
	}
}

// One of a session's two nodes answers with any bytes at any pace, the other one is
// honest: the user sees the session or a typed error, never "no session" and never
// another's, can save and delete it, and waits for a bounded number of timeouts.
func FuzzAnswers(f *testing.F) {
	key := record.KeyOf("one").Name("")
	mine := bytesOf(f, liveAt(1<<41, value("user", "ann", 5)), "one", mustSealer(f, false, 1))
	foreign := bytesOf(f, liveAt(1<<41, value("user", "eve", 9)), "two", mustSealer(f, false, 1))
	bad := resealed(append(slices.Clone(mine[:len(mine)-5]), mine[len(mine)-5]^1, 0, 0, 0, 0))
	for _, v := range [][]byte{mine, foreign, bad, bytesOf(f, liveAt(1<<41, value("user", "eve", 9)), "one", nil), {}} {
		for _, flags := range []int{0, memcached.OrphanFlag} {
			for _, refusal := range []string{"STORED\r\n", "EXISTS\r\n", "NOT_FOUND\r\n"} {
				f.Add(fmt.Appendf(nil, "VALUE %s %d %d 7\r\n%s\r\nEND\r\n", key, flags, len(v), v), []byte(refusal), uint8(0), uint8(140), false)
			}
		}
		f.Add(fmt.Appendf(nil, "VALUE %s 0 %d 7\r\n%s\r\nEND\r\n", key, len(v), v), []byte("VALUE "), uint8(3), uint8(30), true)
	}
	for _, s := range []string{
		"", "END\r\n", "STORED\r\n", "EXISTS\r\n", "NOT_FOUND\r\n", "ERROR\r\n", "SERVER_ERROR out of memory\r\n", "END\r\nEND\r\n",
		"VALUE " + key + " 0 4294967295 1\r\n", "VALUE " + key + " 0 -1 1\r\nEND\r\n", "VALUE x 0 1 1\r\na\r\nEND\r\n", "VALUE \r\n", "\r\n", "VERSION 1\r\n",
	} {
		f.Add([]byte(s), []byte(s), uint8(0), uint8(0), false)
		f.Add([]byte(s), []byte("NOT_STORED\r\n"), uint8(1), uint8(70), false)
	}
	f.Fuzz(func(t *testing.T, toReads, toWrites []byte, pieces, pause uint8, hangUp bool) {
		synctest.Test(t, func(t *testing.T) {
			var servers sync.WaitGroup
			c, err := New(Config{
				Nodes: []Node{{ID: "n1", Addr: "hostile:1"}, {ID: "n2", Addr: "honest:1"}}, SealKeys: [][]byte{sealKeyOf(1)},
				Logger: slog.New(slog.DiscardHandler),
				DialContext: func(_ context.Context, _, addr string) (net.Conn, error) {
					client, server := net.Pipe()
					servers.Go(func() {
						if addr == "hostile:1" {
							scripted(server, toReads, toWrites, pieces, pause, hangUp)
						} else {
							honest(server, key, mine)
						}
					})
					return client, nil
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			// A look, a repair, a look that shows what the repair was refused for, and the
			// same once more: then it has contradicted itself. One of them may have waited behind a
			// question about the node's marker.
			const most = 6 * DefaultTimeout * 5 / 4
			inTime := func(what string, do func() error) error {
				began := time.Now()
				err := do()
				if took := time.Since(began); took > most {
					t.Errorf("a %s took %v, want at most %v", what, took, most)
				}
				if err != nil && !errors.Is(err, ErrSealed) && !errors.Is(err, ErrVersion) {
					t.Errorf("the honest node is there: %s: %v", what, err)
				}
				return err
			}
			r := NewRecord("one")
			err = inTime("load", func() error {
				loaded, err := c.Load(context.Background(), "one")
				if err == nil {
					r = loaded
				}
				return err
			})
			if err == nil && (len(r.Attrs) != 1 || string(r.Attrs["user"]) != "ann") {
				t.Errorf("another session: %q", r.Attrs)
			}
			r.Attrs["user"] = []byte("bob")
			_ = inTime("save", func() error { return c.Save(context.Background(), r) })
			_ = inTime("deletion", func() error { return c.Delete(context.Background(), "one") })
			c.Close()
			servers.Wait()
		})
	})
}
