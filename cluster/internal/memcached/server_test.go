package memcached

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"runtime/metrics"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// This file holds the stage for the tests: a Server whose other side is a script.

const (
	testTimeout   = 150 * time.Millisecond
	maxTestPrefix = 100 // of keys
	planted       = "SECRETBYTES"
)

func isErr(err, want error) bool { return errors.Is(err, want) }

// watched is a Server, and what it has said of itself.
type watched struct {
	*Server

	mu       sync.Mutex // guards below
	verdicts []Verdict  // of the exchanges that were observed
	last     error      // that failed
	lines    []string   // logged
}

// watch returns a Server of the configuration, whose defaults are those of a cluster.
func watch(cfg Config) *watched {
	w := &watched{}
	if cfg.Addr == "" {
		cfg.Addr = "hostile:11211"
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = testTimeout
	}
	if cfg.MaxConns == 0 {
		cfg.MaxConns = 128
	}
	cfg.MaxValueBytes, cfg.ProbeKey = 1<<20-1<<10, "probe.key"
	cfg.Clock, cfg.Running, cfg.Log = NewClock(cfg.Timeout), new(sync.WaitGroup), w
	cfg.Usable = func() bool { return w.verdict() == Answered }
	cfg.Observe = func(v Verdict, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.verdicts = append(w.verdicts, v)
		if err != nil && !IsConflict(err) {
			w.last = err
		}
	}
	w.Server = New(cfg)
	return w
}

// end drops what the server has begun.
func (w *watched) end() {
	w.running.Wait()
	w.Close()
	w.clock.Stop()
}

// verdict is the last; Answered where there was none.
func (w *watched) verdict() Verdict {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.verdicts) == 0 {
		return Answered
	}
	return w.verdicts[len(w.verdicts)-1]
}

// shown is all that an operator sees of the server.
func (w *watched) shown() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return fmt.Sprint(w.last, w.lines)
}

func (w *watched) Info(message string, args ...any) { w.Warn(message, args...) }

func (w *watched) Warn(message string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, message+" "+fmt.Sprintln(args...))
}

// getOne reads one key.
func (w *watched) getOne(key string) (*Copy, error) {
	r := &Request{Key: key, Latch: NewLatch(1)}
	w.Get(r)
	<-r.Latch.Done()
	return r.Copy, r.Err
}

// otherSide are a server's sides of its connections.
type otherSide struct {
	wg   sync.WaitGroup
	mu   sync.Mutex // guards below
	open []net.Conn
}

// dial returns a way to a server whose side of each connection is the script.
func (o *otherSide) dial(script func(nc net.Conn, r *bufio.Reader)) func(context.Context, string, string) (net.Conn, error) {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		o.mu.Lock()
		o.open = append(o.open, server)
		o.mu.Unlock()
		o.wg.Go(func() {
			defer server.Close()
			script(server, bufio.NewReader(server))
		})
		return client, nil
	}
}

func (o *otherSide) end() {
	o.mu.Lock()
	for _, nc := range o.open {
		nc.Close()
	}
	o.mu.Unlock()
	o.wg.Wait()
}

// hostile runs a test against one server whose side of each connection is the script. It
// gets the lines that the client sends.
func hostile(t *testing.T, cfg Config, script func(nc net.Conn, r *bufio.Reader), test func(t *testing.T, n *watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var other otherSide
		cfg := cfg
		cfg.Dial = other.dial(script)
		n := watch(cfg)
		test(t, n)
		n.end()
		other.end()
	})
}

func selfSigned(t *testing.T) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(100, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, about, about, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

var allocs = []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}

// allocated is what this process has allocated so far.
func allocated() int64 {
	metrics.Read(allocs)
	return int64(allocs[0].Value.Uint64())
}

// script reads whole write commands and has each answered by answer, which gets the key.
func script(answer func(key string) string) func(net.Conn, *bufio.Reader) {
	return func(nc net.Conn, r *bufio.Reader) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			var verb, key string
			var flags, exp, size int
			if _, err := fmt.Sscanf(line, "%s %s %d %d %d", &verb, &key, &flags, &exp, &size); err != nil {
				return
			}
			if _, err := io.CopyN(io.Discard, r, int64(size+2)); err != nil {
				return
			}
			reply := answer(key)
			if reply == "" {
				return
			}
			if _, err := io.WriteString(nc, reply); err != nil {
				return
			}
		}
	}
}
