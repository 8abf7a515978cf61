package memcached

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// unnoticed is a connection whose process looks at nothing before a deadline has passed,
// as after a stop: the next Read, or the next Write, reports the deadline, whatever is there.
type unnoticed struct {
	net.Conn
	reads, writes *atomic.Int32 // so many are still to report it

	mu       sync.Mutex // guards below
	deadline time.Time
}

func (c *unnoticed) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = t
	c.mu.Unlock()
	return c.Conn.SetDeadline(t)
}

func (c *unnoticed) pass() error {
	c.mu.Lock()
	deadline := c.deadline
	c.mu.Unlock()
	time.Sleep(time.Until(deadline))
	return os.ErrDeadlineExceeded
}

func (c *unnoticed) Read(b []byte) (int, error) {
	if c.reads.Add(-1) >= 0 {
		return 0, c.pass()
	}
	return c.Conn.Read(b)
}

func (c *unnoticed) Write(b []byte) (int, error) {
	if c.writes.Add(-1) >= 0 {
		return 0, c.pass()
	}
	return c.Conn.Write(b)
}

// An answer that was there when a deadline was noticed is no silence: the poller of Go reports
// the deadline first. That goes for a handshake, for a login, and for the prober's question too.
func TestHandshakeAnsweredBeforeAStallIsNoTimeout(t *testing.T) {
	cert := selfSigned(t)
	for _, c := range []struct {
		why   string
		tls   bool
		login bool
	}{{"TLS", true, false}, {"login", false, true}, {"both", true, true}, {"neither: the prober", false, false}} {
		t.Run(c.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var reads, writes atomic.Int32
				var nodes sync.WaitGroup
				var cfg Config
				cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					nodes.Go(func() { versioned(server, cert, c.tls, c.login) })
					return &unnoticed{Conn: client, reads: &reads, writes: &writes}, nil
				}
				if c.tls {
					cfg.TLS = func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }
				}
				if c.login {
					cfg.Username, cfg.Password = "app", "secret"
				}
				n := watch(cfg)
				for range 3 {
					reads.Store(1)
					if _, err := n.Ping(false); err != nil {
						t.Errorf("a read too late: %v", err)
					}
					reads.Store(0)
					writes.Store(1)
					if _, err := n.Ping(false); err != nil {
						t.Errorf("a write too late: %v", err)
					}
				}
				n.end()
				nodes.Wait()
			})
		})
	}
}

// versioned is a node that answers one question for its version.
func versioned(nc net.Conn, cert tls.Certificate, encrypted, login bool) {
	defer nc.Close()
	if encrypted {
		nc = tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true})
	}
	r := bufio.NewReader(nc)
	if login {
		_, _ = r.ReadString('\n')
		_, _ = r.ReadString('\n')
		fmt.Fprint(nc, "STORED\r\n")
	}
	if line, _ := r.ReadString('\n'); strings.HasPrefix(line, "version") {
		fmt.Fprint(nc, "VERSION 1\r\n")
	}
	_, _ = r.ReadString('\n')
}
