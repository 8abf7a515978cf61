package main

import (
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what a store is that keeps two copies and does not heal.

// twoCopies is a plain store: each session is set on two nodes, and read from either.
type twoCopies struct{ nodes []*memcache.Client }

func newTwoCopies(nodes []cluster.Node) *twoCopies {
	s := &twoCopies{}
	for _, n := range nodes {
		c := memcache.New(n.Addr)
		c.MaxIdleConns, c.Timeout = 64, 5*time.Second
		s.nodes = append(s.nodes, c)
	}
	return s
}

func (s *twoCopies) homes(i int) (a, b *memcache.Client) {
	return s.nodes[i%len(s.nodes)], s.nodes[(i+1)%len(s.nodes)]
}

func (s *twoCopies) set(i int, value []byte) error {
	a, b := s.homes(i)
	it := &memcache.Item{Key: "plain" + strconv.Itoa(i), Value: value}
	return errors.Join(a.Set(it), b.Set(it))
}

func (s *twoCopies) lost() int {
	for _, c := range s.nodes {
		c.Close() // these connections are broken
	}
	var lost atomic.Int64
	_ = each(*sessions, func(i int) error {
		a, b := s.homes(i)
		_, err1 := a.Get("plain" + strconv.Itoa(i))
		_, err2 := b.Get("plain" + strconv.Itoa(i))
		if err1 != nil && err2 != nil {
			lost.Add(1)
		}
		return nil
	})
	return int(lost.Load())
}
