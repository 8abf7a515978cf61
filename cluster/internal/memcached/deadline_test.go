package memcached

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/holdfast-go/holdfast/cluster/internal/lateconn"
)

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
				var late lateconn.Late
				var nodes sync.WaitGroup
				var cfg Config
				cfg.Dial = func(context.Context, string, string) (net.Conn, error) {
					client, server := net.Pipe()
					nodes.Go(func() { versioned(server, cert, c.tls, c.login) })
					return late.Conn(client), nil
				}
				if c.tls {
					cfg.TLS = func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }
				}
				if c.login {
					cfg.Username, cfg.Password = "app", "secret"
				}
				n := watch(cfg)
				for range 3 {
					late.Reads.Store(1)
					if _, err := n.Ping(false); err != nil {
						t.Errorf("a read too late: %v", err)
					}
					late.Reads.Store(0)
					late.Writes.Store(1)
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
