package explore

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides what a client notices of a schedule: its commands wait at the door of the
// node, and are answered, broken off or timed out as the schedule says.

// conn is the client's end of a connection.
type conn struct {
	net.Conn
	run   *run
	actor string
	node  int

	mu   sync.Mutex // guards below
	cur  *command
	rest []byte
}

func (r *run) dialer(actor string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, _, addr string) (net.Conn, error) {
		node := int(addr[len("192.0.2.")] - '1')
		r.mu.Lock()
		server := r.servers[node]
		r.mu.Unlock()
		nc, err := server.Dial(ctx)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: nc, run: r, actor: actor, node: node}, nil
	}
}

// SetDeadline does nothing: the schedule says what times out.
func (c *conn) SetDeadline(time.Time) error { return nil }

// Close gives the connection up; a command that is late still arrives over it.
func (c *conn) Close() error { return nil }

func (c *conn) Write(b []byte) (int, error) {
	r := c.run
	r.mu.Lock()
	if r.auto || isAboutNodes(b) || r.heals(c.actor) && strings.HasPrefix(string(b), "version") {
		r.mu.Unlock()
		return c.Conn.Write(b)
	}
	defer r.mu.Unlock()
	verb, _, _ := strings.Cut(strings.TrimSpace(string(b)), " ")
	place := 0
	for i, n := range r.order {
		if n == c.node {
			place = i
		}
	}
	who := fmt.Sprintf("%s to %s", c.actor, [...]string{"primary", "backup", "fallback", "fourth"}[place])
	if verb == "version" {
		who += " (probe)"
	}
	r.counts[who]++
	cmd := &command{
		name: fmt.Sprintf("%s #%d %s", who, r.counts[who], verb), verb: verb, actor: c.actor, node: c.node,
		bytes: append([]byte(nil), b...), conn: c, reply: make(chan []byte, 1),
	}
	c.mu.Lock()
	c.cur = cmd
	c.mu.Unlock()
	r.pending = append(r.pending, cmd)
	return len(b), nil
}

// heals reports whether the actor is a healer, which asks a server for its version before its keys.
func (r *run) heals(actor string) bool {
	for i, script := range r.scope.Actors {
		if actor == fmt.Sprint("actor", i) {
			return strings.HasPrefix(script, "heal")
		}
	}
	return false
}

// isAboutNodes reports whether the command is about a node's marker or its keys, and not about the
// session: such a command is answered at once, and its place among the others is not tried.
func isAboutNodes(b []byte) bool {
	command := string(b)
	return !strings.Contains(command, world.StoredKey(key)) && (strings.Contains(command, "holdfast.node") || strings.HasPrefix(command, "lru_crawler") || strings.HasPrefix(command, "stats"))
}

func (c *conn) Read(b []byte) (int, error) {
	c.mu.Lock()
	cur, rest := c.cur, c.rest
	c.mu.Unlock()
	if len(rest) > 0 {
		n := copy(b, rest)
		c.mu.Lock()
		c.rest = rest[n:]
		c.mu.Unlock()
		return n, nil
	}
	if cur == nil {
		return c.Conn.Read(b)
	}
	reply, ok := <-cur.reply
	c.mu.Lock()
	c.cur = nil
	c.mu.Unlock()
	if !ok {
		return 0, &net.OpError{Op: "read", Net: "tcp", Err: os.ErrDeadlineExceeded}
	}
	if len(reply) == 0 {
		return 0, io.EOF
	}
	n := copy(b, reply)
	c.mu.Lock()
	c.rest = reply[n:]
	c.mu.Unlock()
	return n, nil
}
