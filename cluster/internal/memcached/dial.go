package memcached

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// This file decides how long each address of a host name is waited for before the next is
// tried as well: Happy Eyeballs (RFC 8305) with waits that fit the Timeout. Those of the RFC,
// 250 ms, and of package net, 300 ms, are longer than the default Timeout.

// mostWait is the longest wait between two attempts, that of RFC 8305, section 5.
const mostWait = 250 * time.Millisecond

// waitBetween is the wait between two of so many attempts that have the time left together:
// all have begun when half of it is over, so that the last of them has the other half.
func waitBetween(left time.Duration, attempts int) time.Duration {
	return min(left/time.Duration(2*max(attempts, 1)), mostWait)
}

// waitForNames is how long the resolver is waited for where addresses are known from before.
func waitForNames(left time.Duration) time.Duration { return waitBetween(left, 2) }

// race is one dial: attempts that begin one after the other. The first connection counts.
type race struct {
	*route
	ctx     context.Context
	network string
	arrived chan attempt // those that have ended
	tried   []attempt    // in the order in which they began
	wait    sync.WaitGroup
}

// attempt is one address that was tried.
type attempt struct {
	addr netip.Addr
	nc   net.Conn
	err  error // nil: under way, or connected
}

// dial has the signature of Config.DialContext. It tries the addresses of the name in the
// route's order. A resolver that is slow or fails is not waited for where addresses are known
// from before; what it says later counts at the next dial, or now if there is no connection yet.
func (r *route) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(r.timeout)
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &race{route: r, ctx: ctx, network: network, arrived: make(chan attempt)}
	defer c.wait.Wait()
	defer cancel()

	answers := r.answers.Load()
	looking, since := r.look()
	known, _ := r.addresses()
	timer := time.NewTimer(time.Until(since.Add(waitForNames(time.Until(deadline)))))
	defer timer.Stop()
	if len(known) == 0 {
		timer.Stop() // there is nothing to go on with
	}
	for {
		select {
		case <-looking:
			looking = nil
			if c.isOnCourse() {
				continue
			}
		case <-timer.C:
			// What answers on other connections meanwhile is well: the wait is for this process,
			// or for a lost packet. Another address may be another server.
			if now := r.answers.Load(); now != answers && len(c.tried) == 1 && r.isUsed(c.tried[0].addr) {
				answers = now
				timer.Reset(waitBetween(time.Until(deadline), len(known)))
				continue
			}
		case a := <-c.arrived:
			if nc := c.ended(a); nc != nil {
				return nc, nil
			}
		case <-ctx.Done():
			return nil, c.failure()
		}
		known, _ = r.addresses()
		switch next := c.untried(known); {
		case next.IsValid():
			c.try(next)
			timer.Reset(waitBetween(time.Until(deadline), len(known)))
		case !slices.ContainsFunc(c.tried, attempt.isUnderWay):
			return nil, c.failure()
		}
	}
}

func (a attempt) isUnderWay() bool { return a.err == nil }

// isOnCourse reports whether an address that the name leads to is being tried.
func (c *race) isOnCourse() bool {
	known, _ := c.addresses()
	return slices.ContainsFunc(c.tried, func(a attempt) bool { return a.isUnderWay() && slices.Contains(known, a.addr) })
}

// untried returns the first of the addresses that was not tried.
func (c *race) untried(known []netip.Addr) netip.Addr {
	for _, k := range known {
		if !slices.ContainsFunc(c.tried, func(a attempt) bool { return a.addr == k }) {
			return k
		}
	}
	return netip.Addr{}
}

// try begins an attempt. Its connection is closed unless the race takes it.
func (c *race) try(a netip.Addr) {
	c.tried = append(c.tried, attempt{addr: a})
	c.wait.Go(func() {
		nc, err := c.connect(c.ctx, c.network, net.JoinHostPort(a.String(), c.port))
		if err != nil && c.ctx.Err() != nil {
			return // the race is over
		}
		select {
		case c.arrived <- attempt{a, nc, err}:
		case <-c.ctx.Done():
			if nc != nil {
				nc.Close()
			}
		}
	})
}

// ended takes the end of an attempt, and returns its connection if it counts.
func (c *race) ended(a attempt) net.Conn {
	if a.err == nil {
		turn, ok := c.won(a.addr)
		if ok {
			return &routed{Conn: a.nc, route: c.route, addr: a.addr, turn: turn}
		}
		a.nc.Close()
		a.err = errMovedOn
	}
	for i := range c.tried {
		if c.tried[i].addr == a.addr {
			c.tried[i].err = a.err
		}
	}
	return nil
}

// failure is why there is no connection.
func (c *race) failure() error {
	known, _ := c.addresses()
	err := c.lookupError()
	if len(known) == 0 && err != nil {
		return err
	}
	return &dialError{host: c.host, tried: c.tried, lookup: err}
}

// dialError names what was tried.
type dialError struct {
	host   string
	tried  []attempt
	lookup error // why the addresses are those of an earlier lookup; nil: they are not
}

func (e *dialError) Error() string {
	if len(e.tried) == 0 {
		return fmt.Sprintf("no answer within the timeout from the resolver for %q", e.host)
	}
	var why []string
	for _, a := range e.tried {
		var op *net.OpError
		reason := "no answer within the timeout"
		switch {
		case errors.As(a.err, &op) && !op.Timeout():
			reason = op.Err.Error()
		case a.err != nil && !isTimeout(a.err):
			reason = a.err.Error()
		}
		why = append(why, a.addr.String()+": "+reason)
	}
	if e.lookup != nil {
		why = append(why, "addresses are from before, since the lookup failed: "+e.lookup.Error())
	}
	return strings.Join(why, "; ")
}

// Timeout reports whether one of the addresses was waited for in vain.
func (e *dialError) Timeout() bool {
	return len(e.tried) == 0 || slices.ContainsFunc(e.tried, func(a attempt) bool { return a.err == nil || isTimeout(a.err) })
}

// Temporary makes it a net.Error.
func (e *dialError) Temporary() bool { return e.Timeout() }

func (e *dialError) Is(target error) bool { return target == errTimeout && e.Timeout() }
