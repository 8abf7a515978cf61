package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides how a node that failed is asked whether it is back: by one
// goroutine per sick node, over connections of its own, so that no request waits
// for the answer. The goroutine ends when the node is up or the Cluster closes.

// nodeChanged is told of every change of a node's state.
func (c *Cluster) nodeChanged(n *node, from State) {
	s := c.status(n)
	if s.State == StateDown {
		c.log.warn(n, "cluster: node is down", "reason", s.LastError)
	} else if from == StateDown {
		c.log.info(n, "cluster: node is up again")
	}
	if from == StateDown {
		n.server.Drop() // its idle connections may lead to a process that is gone
	}
	if s.State != StateUp {
		c.startProber(n)
	}
	if s.State == StateUp && c.local != nil {
		c.local.retry(true)
	}
	if s.State == StateDown || from == StateDown {
		c.healer.tryAgain() // what kept a node from being healed may be over
		c.kick()
	}
	if c.cfg.OnNodeState != nil {
		c.cfg.OnNodeState(s)
	}
}

func (c *Cluster) startProber(n *node) {
	n.mu.Lock()
	start := !n.probing
	n.probing = true
	n.mu.Unlock()
	if !start || c.begin() != nil {
		return
	}
	go func() {
		defer c.running.Done()
		c.probe(n)
	}()
}

// probe asks the node until it is up. The first probe goes at once: a suspect
// node that was merely slow is back within a round trip.
func (c *Cluster) probe(n *node) {
	bad := 0
	for {
		v, err := n.ping()
		if err != nil {
			err = n.server.Identify(n.lastError(), err, bad == 0)
		}
		var others []*node
		if bad++; err == nil {
			bad = 0
			others = c.backWith(n)
		}
		n.note(health.afterProbe, v, err)
		for _, o := range others {
			for range goodAnswers {
				o.note(health.afterProbe, memcached.Answered, nil)
			}
		}
		if n.stopProbing() {
			return
		}
		t := time.NewTimer(probeWait(bad, c.cfg.jitter()))
		select {
		case <-t.C:
		case <-c.closing:
			t.Stop()
			return
		}
	}
}

// backWith returns the other nodes that are down and answer too, when n is about to
// be up. After an outage of all, nodes are taken back together: a process that knew
// of one only would take it for all there is, and disagree with processes that know
// of others.
func (c *Cluster) backWith(n *node) []*node {
	n.mu.Lock()
	comesUp := n.health.state != StateUp && n.health.afterProbe(memcached.Answered).state == StateUp
	n.mu.Unlock()
	if !comesUp {
		return nil
	}
	answers := make(chan *node, len(c.nodes()))
	asked := 0
	for _, o := range c.nodes() {
		if state, _ := o.state(); o == n || state != StateDown {
			continue
		}
		asked++
		c.running.Add(1)
		go func() {
			defer c.running.Done()
			for range goodAnswers {
				if _, err := o.ping(); err != nil {
					answers <- nil
					return
				}
			}
			answers <- o
		}()
	}
	var back []*node
	for range asked {
		if o := <-answers; o != nil {
			back = append(back, o)
		}
	}
	return back
}

// check asks the node as often as it takes to be up again, if it answers at all: what
// Ping calls reachable must also be in use.
func (c *Cluster) check(n *node) error {
	for range goodAnswers {
		v, err := n.ping()
		n.note(health.afterProbe, v, err)
		if err != nil {
			return err
		}
		if n.isUp() {
			return nil
		}
	}
	return errNotAsked
}

// stopProbing ends the probing of a node that is up, under one lock with the look
// at its state: a request that finds the node failing again starts a new prober.
func (n *node) stopProbing() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.health.state == StateUp || n.retired.Load() {
		n.probing = false
	}
	return !n.probing
}

// ping asks the node for a sign of life and, where it has answered probes and no requests, for
// data as well.
func (n *node) ping() (memcached.Verdict, error) {
	n.mu.Lock()
	mustServe := n.service.mustServe
	n.mu.Unlock()
	return n.server.Ping(mustServe)
}

func (n *node) lastError() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.lastErr
}

// errNotAsked is the reason of a node that was not asked.
var errNotAsked = errors.New("thought down")

// Waits between probes.
const (
	probeFirst = 100 * time.Millisecond
	probeMost  = time.Second
)

// probeWait is the wait before the next probe after so many bad ones in a row,
// jittered by a number from 0 to 1 so that a fleet does not probe in step.
func probeWait(bad int, jitter float64) time.Duration {
	d := min(probeFirst<<min(bad, 10), probeMost)
	return d/2 + time.Duration(jitter*float64(d)/2)
}

// Ping asks all nodes and returns nil when a save could succeed now: at least
// MinCopies of them answer. What they say counts for their state, like a probe. Else it returns
// ErrUnavailable with each node's reason, or ctx's error when that ends first.
func (c *Cluster) Ping(ctx context.Context) error {
	if err := c.begin(); err != nil {
		return err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	results := make(chan nodeError, len(c.nodes()))
	for _, n := range c.nodes() {
		c.running.Add(1)
		go func() {
			defer c.running.Done()
			results <- nodeError{n, c.check(n)}
		}()
	}
	op := &operation{c: c}
	good := 0
	for range c.nodes() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("cluster: ping: %w", ctx.Err())
		case r := <-results:
			if r.err == nil {
				if good++; good == c.cfg.MinCopies {
					return nil
				}
				continue
			}
			op.passOver(r.node, r.err)
		}
	}
	return op.unavailable()
}
