package main

import (
	"bufio"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what "without holdfast" means on the page: a session store as
// it is usually made for memcached. Each session has one copy, on the node that
// hash(key) modulo the number of nodes points at, written by a plain set. It is an
// scs.Store and waits for a node as long as holdfast does.
type oneCopy struct {
	prefix string

	mu    sync.Mutex // guards below
	addrs []string
	idle  map[string][]net.Conn
}

// keptConns is the most connections to one node that are kept open; more are closed
// after use.
const keptConns = 64

var errNode = errors.New("one copy: the session's node does not answer")

func newOneCopy(prefix string, nodes []cluster.Node) *oneCopy {
	o := &oneCopy{prefix: prefix, idle: map[string][]net.Conn{}}
	o.use(nodes)
	return o
}

// use changes the list of nodes. As everywhere where the node is hash modulo count,
// that moves most keys to nodes that have never heard of them.
func (o *oneCopy) use(nodes []cluster.Node) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.addrs = nil
	for _, n := range nodes {
		o.addrs = append(o.addrs, n.Addr)
	}
}

func (o *oneCopy) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, conns := range o.idle {
		for _, c := range conns {
			_ = c.Close()
		}
	}
	o.idle = nil
}

// Find is part of scs.Store. A node that does not answer is an error, a miss is none.
func (o *oneCopy) Find(token string) (b []byte, found bool, err error) {
	err = o.talk(token, func(key string, c *bufio.ReadWriter) error {
		b, found = nil, false
		fmt.Fprintf(c, "get %s\r\n", key)
		if err := c.Flush(); err != nil {
			return err
		}
		line, err := c.ReadString('\n')
		if err != nil || strings.HasPrefix(line, "END") {
			return err
		}
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[0] != "VALUE" {
			return fmt.Errorf("%q is no answer to get", line)
		}
		size, err := strconv.ParseUint(fields[3], 10, 20)
		if err != nil {
			return err
		}
		b = make([]byte, size+2)
		if _, err = io.ReadFull(c, b); err != nil {
			return err
		}
		b, found = b[:size], true
		_, err = c.ReadString('\n')
		return err
	})
	return b, found && err == nil, err
}

// Commit is part of scs.Store.
func (o *oneCopy) Commit(token string, b []byte, expiry time.Time) error {
	return o.talk(token, func(key string, c *bufio.ReadWriter) error {
		fmt.Fprintf(c, "set %s 0 %d %d\r\n%s\r\n", key, expiry.Unix(), len(b), b)
		return expect(c, "STORED")
	})
}

// Delete is part of scs.Store.
func (o *oneCopy) Delete(token string) error {
	return o.talk(token, func(key string, c *bufio.ReadWriter) error {
		fmt.Fprintf(c, "delete %s\r\n", key)
		return expect(c, "DELETED", "NOT_FOUND")
	})
}

func expect(c *bufio.ReadWriter, answers ...string) error {
	if err := c.Flush(); err != nil {
		return err
	}
	line, err := c.ReadString('\n')
	if err != nil {
		return err
	}
	for _, a := range answers {
		if strings.TrimSpace(line) == a {
			return nil
		}
	}
	return fmt.Errorf("the node answered %q", line)
}

// talk does one exchange with the node of the token. A pooled connection that turns
// out to be broken is replaced once, as every good client does.
func (o *oneCopy) talk(token string, do func(key string, c *bufio.ReadWriter) error) error {
	// Tokens come from clients: what memcached would not take as a key is hashed away.
	key := o.prefix + strconv.FormatUint(uint64(crc32.ChecksumIEEE([]byte(token))), 36) + "." + safe(token)
	o.mu.Lock()
	addr := o.addrs[int(crc32.ChecksumIEEE([]byte(key)))%len(o.addrs)]
	o.mu.Unlock()
	for {
		conn, pooled, err := o.conn(addr)
		if err != nil {
			return fmt.Errorf("%w: %w", errNode, err)
		}
		_ = conn.SetDeadline(time.Now().Add(patienceWithNodes))
		err = do(key, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)))
		if err == nil {
			o.release(addr, conn)
			return nil
		}
		_ = conn.Close()
		var timeout net.Error
		if !pooled || errors.As(err, &timeout) && timeout.Timeout() {
			return fmt.Errorf("%w: %w", errNode, err)
		}
	}
}

func (o *oneCopy) conn(addr string) (c net.Conn, pooled bool, err error) {
	o.mu.Lock()
	if n := len(o.idle[addr]); n > 0 {
		c = o.idle[addr][n-1]
		o.idle[addr] = o.idle[addr][:n-1]
	}
	o.mu.Unlock()
	if c != nil {
		return c, true, nil
	}
	c, err = net.DialTimeout("tcp", addr, patienceWithNodes)
	return c, false, err
}

func (o *oneCopy) release(addr string, c net.Conn) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.idle == nil || len(o.idle[addr]) >= keptConns {
		_ = c.Close()
		return
	}
	o.idle[addr] = append(o.idle[addr], c)
}

// safe keeps of a token what may stand in a memcached key.
func safe(token string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f {
			return r
		}
		return -1
	}, token[:min(len(token), 100)])
}
