package cluster

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// A node that hangs up on plain commands may have been down when it was first asked what it is,
// or be late with the answer. It is asked again, and what it is stays known.
func TestNodeIdentityIsAskedAgainAndKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hellos, hangs atomic.Int32
		var up atomic.Bool
		hangs.Store(2)
		dial := func(context.Context, string, string) (net.Conn, error) {
			if !up.Load() {
				return nil, syscall.ECONNREFUSED
			}
			ours, theirs := net.Pipe()
			go func() {
				defer theirs.Close()
				r := bufio.NewReader(theirs)
				if first, err := r.Peek(1); err == nil && first[0] == 0x16 && hellos.Add(1) <= hangs.Load() {
					_, _ = io.Copy(io.Discard, r)
					return
				}
				_ = inTLSOnly(theirs, r)
			}()
			return ours, nil
		}
		var logs syncBuffer
		c, err := New(Config{Nodes: []Node{{ID: "n1", Addr: "192.0.2.1:11211"}}, DialContext: dial, Logger: slog.New(slog.NewTextHandler(&logs, nil))})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := c.Load(context.Background(), "s"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("load: %v", err)
		}
		time.Sleep(time.Minute)
		if got := c.Nodes()[0].LastError; !strings.Contains(got, "connection refused") {
			t.Errorf("before: %q", got)
		}
		up.Store(true)
		time.Sleep(time.Minute)
		for range 10 {
			if got := c.Nodes()[0].LastError; !strings.Contains(got, "a server that speaks TLS") {
				t.Errorf("the node is forgotten to be something else: %q", got)
			}
			time.Sleep(probeMost)
		}
		if n := strings.Count(logs.String(), "node cannot be used"); n != 1 {
			t.Errorf("said %d times: %s", n, &logs)
		}
		up.Store(false) // another server may follow
		time.Sleep(time.Minute)
		hellos.Store(0)
		hangs.Store(1 << 20)
		up.Store(true)
		time.Sleep(time.Minute)
		if got := c.Nodes()[0].LastError; !strings.Contains(got, "closed without an answer") || hellos.Load() != 3 {
			t.Errorf("what does not tell is asked %d times: %q", hellos.Load(), got)
		}
	})
}
