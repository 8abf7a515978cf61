package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what a load of two copies could cost one caller at least: the same two exchanges
// on bare connections, without a client, as one goroutine has them and as two have them.

var bareGroup = webGroup{"two copies, bare", bareReads}

func bareReads(r *rig, c cell) (all []*contender, err error) {
	mc, w, err := r.floor(c)
	if err != nil {
		return nil, err
	}
	all = append(all, &contender{
		name: "gomemcache Get", wire: w, close: func() { mc.Close() },
		op: func(w, i int) error { return get(mc, c.session(w, i)) },
	})
	for _, addr := range r.addrs()[:2] { // each of the two has them all
		one := memcache.New(addr)
		one.Timeout, one.MaxIdleConns = patience, plenty
		err := inParallel(c.sessions(), func(i int) error {
			return one.Set(&memcache.Item{Key: "bare:" + ids[i], Value: make([]byte, c.payload), Expiration: 3600})
		})
		one.Close()
		if err != nil {
			return all, err
		}
	}
	for _, v := range []struct {
		name string
		read func(a, b *bareConn, i int) error
	}{
		{"one bare get", func(a, _ *bareConn, i int) error { return errors.Join(a.ask(i), a.hear()) }},
		{"two bare gets, one goroutine", func(a, b *bareConn, i int) error {
			return errors.Join(a.ask(i), b.ask(i), a.hear(), b.hear())
		}},
		{"two bare gets, one by another goroutine", func(a, b *bareConn, i int) error {
			go b.exchange(i)
			return errors.Join(a.ask(i), a.hear(), <-b.done)
		}},
		{"two bare gets, both by other goroutines", func(a, b *bareConn, i int) error {
			go a.exchange(i)
			go b.exchange(i)
			return errors.Join(<-a.done, <-b.done)
		}},
	} {
		w := &wire{rtt: c.rtt}
		k := &contender{name: v.name, wire: w}
		var pair [2]*bareConn
		for i := range pair {
			nc, err := w.dial(context.Background(), "tcp", r.addrs()[i])
			if err != nil {
				return all, err
			}
			pair[i] = &bareConn{Conn: nc, answer: make([]byte, c.payload+1<<10), done: make(chan error, 1)}
		}
		k.op = func(w, i int) error { return v.read(pair[0], pair[1], c.session(w, i)) }
		k.close = func() { pair[0].Close(); pair[1].Close() }
		all = append(all, k)
	}
	cl, w, err := r.holdfastWith(c, cluster.Config{})
	if err != nil {
		return all, err
	}
	k := loading(c, cl)
	k.name, k.wire = "cluster.Load", w
	return append(all, &k), nil
}

// bareConn is a connection to a node that one caller uses.
type bareConn struct {
	net.Conn
	command, answer []byte
	done            chan error // has room for one
}

func (c *bareConn) ask(i int) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	c.command = append(append(append(c.command[:0], "gets bare:"...), ids[i]...), "\r\n"...)
	_, err := c.Write(c.command)
	return err
}

func (c *bareConn) hear() error {
	for n := 0; n < len(c.answer); {
		m, err := c.Read(c.answer[n:])
		if n += m; err != nil {
			return err
		}
		if bytes.HasSuffix(c.answer[:n], []byte("\r\nEND\r\n")) {
			return nil
		}
	}
	return errors.New("the answer is longer than what was stored")
}

func (c *bareConn) exchange(i int) { c.done <- errors.Join(c.ask(i), c.hear()) }
