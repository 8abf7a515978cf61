package memcached

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// This file decides which addresses a server's host name leads to, and which of them comes
// first. All connections of a server lead to one address while it works: a name may lead to
// several servers, and half a session on each would be no session.

// route is the way to a server that is named by a host name.
type route struct {
	host, port string
	lookup     func(ctx context.Context, host string) ([]netip.Addr, error)
	connect    func(ctx context.Context, network, address string) (net.Conn, error)
	// changed is told, by a goroutine of the route's own, that other addresses are known or
	// used than before. May be nil.
	changed func(ctx context.Context, m Move)

	timeout time.Duration   // of a dial whose context does not tell
	until   context.Context // ends with the Cluster, and with it whatever the route has begun
	end     context.CancelFunc
	begun   sync.WaitGroup // lookups and calls of changed

	turn    atomic.Uint64 // counts the changes of the address in use
	answers atomic.Uint64 // counts what came from it

	mu sync.Mutex // guards below
	// known is what the resolver said when it last said something, the best first: the address
	// that last worked leads, and those that did not answer come last.
	known []netip.Addr
	used  netip.Addr // that the last connection led to
	// left are addresses that were used until the name led there no more, and when that was seen.
	left map[netip.Addr]time.Time
	// looking is closed when the resolver that is being asked has said something or failed.
	looking chan struct{}
	asked   time.Time // when looking was made
	err     error     // why the last lookup failed
}

// Move is a change of the addresses of a host name.
type Move struct {
	First bool // an address is used for the first time
	Back  bool // to an address that the name had left: it leads there and elsewhere by turns
}

// remembered is for how long an address counts that the name has left. In time it is given to
// others.
const remembered = time.Hour

// LookupWithin is how long a resolver is waited for at most.
const LookupWithin = 2 * time.Second

func newRoute(host, port string, lookup func(context.Context, string) ([]netip.Addr, error), connect func(context.Context, string, string) (net.Conn, error), timeout time.Duration) *route {
	r := &route{host: host, port: port, lookup: lookup, connect: connect, timeout: timeout}
	if lookup == nil {
		r.lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return Lookup(ctx, net.DefaultResolver, host)
		}
	}
	r.until, r.end = context.WithCancel(context.Background())
	return r
}

// Lookup returns the addresses of a host name in the one form that each address has, each once.
func Lookup(ctx context.Context, resolver *net.Resolver, host string) ([]netip.Addr, error) {
	found, err := resolver.LookupIPAddr(ctx, host)
	var as []netip.Addr
	for _, f := range found {
		a, ok := netip.AddrFromSlice(f.IP)
		if a = a.Unmap().WithZone(f.Zone); ok && !slices.Contains(as, a) {
			as = append(as, a)
		}
	}
	return as, err
}

// look asks the resolver, unless it is being asked, and returns what is closed when it has
// answered, and since when it is being asked.
func (r *route) look() (answered <-chan struct{}, since time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.looking == nil {
		done := make(chan struct{})
		r.looking, r.asked = done, time.Now()
		r.begun.Go(func() {
			defer close(done)
			ctx, cancel := context.WithTimeout(r.until, LookupWithin)
			defer cancel()
			r.learn(r.lookup(ctx, r.host))
		})
	}
	return r.looking, r.asked
}

// learn takes what the resolver said. A resolver that fails, or knows the name no more, takes
// nothing away: the server may be well, and what it last answered at is the best guess.
func (r *route) learn(found []netip.Addr, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(found) == 0 && err == nil {
		err = fmt.Errorf("lookup %s: no address", r.host)
	}
	if r.looking, r.err = nil, err; err != nil {
		return
	}
	isNew := func(a netip.Addr) bool { return !slices.Contains(r.known, a) }
	grown := slices.ContainsFunc(found, isNew)
	// Name servers shuffle what they answer; what comes first here stays first.
	stay := slices.DeleteFunc(r.known, func(a netip.Addr) bool { return !slices.Contains(found, a) })
	r.known = append(stay, slices.DeleteFunc(found, func(a netip.Addr) bool { return slices.Contains(stay, a) })...)
	if grown && len(r.known) > 1 {
		r.tellLocked(Move{})
	}
}

// addresses returns those that are known, the best first, and the one that is used.
func (r *route) addresses() (known []netip.Addr, used netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.known), r.used
}

// lookupError returns why the last lookup failed.
func (r *route) lookupError() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}

// won puts the address first that a connection was made to, and returns that connection's
// turn. Not ok: the name has come to lead elsewhere meanwhile.
func (r *route) won(a netip.Addr) (turn uint64, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.known, a)
	if i < 0 {
		return 0, false
	}
	r.known = slices.Insert(slices.Delete(r.known, i, i+1), 0, a)
	if r.used != a {
		r.tellLocked(Move{Back: r.leaveLocked(a), First: r.turn.Add(1) == 1})
		r.used = a
	}
	return r.turn.Load(), true
}

// leaveLocked remembers the address that is used no more, unless the name leads there still, and
// reports whether the next one had been left lately.
func (r *route) leaveLocked(next netip.Addr) (back bool) {
	now := time.Now()
	maps.DeleteFunc(r.left, func(_ netip.Addr, at time.Time) bool { return now.Sub(at) > remembered })
	_, back = r.left[next]
	if r.used.IsValid() && !slices.Contains(r.known, r.used) {
		if r.left == nil {
			r.left = map[netip.Addr]time.Time{}
		}
		r.left[r.used] = now
	}
	return back
}

// isUsed reports whether the last connection led there.
func (r *route) isUsed(a netip.Addr) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.used == a
}

// lost puts the address last that took a connection and then did not answer on it.
func (r *route) lost(a netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.Index(r.known, a); i >= 0 {
		r.known = append(slices.Delete(r.known, i, i+1), a)
	}
}

func (r *route) tellLocked(m Move) {
	if r.changed != nil {
		r.begun.Go(func() { r.changed(r.until, m) })
	}
}

// close ends what the route has begun, and waits for it. No dial may be under way.
func (r *route) close() {
	if r == nil {
		return
	}
	r.end()
	r.begun.Wait()
}

// routed is a connection to one address of the route.
type routed struct {
	net.Conn
	route  *route
	addr   netip.Addr
	turn   uint64
	silent atomic.Bool // a wait has ended without an answer
	judged atomic.Bool // by its first answer or its end: what follows says nothing about the address
}

// Read judges the address by what comes first.
func (c *routed) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.judged.Store(true)
		if c.turn == c.route.turn.Load() {
			c.route.answers.Add(1)
		}
	}
	c.ended(err)
	return n, err
}

func (c *routed) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.ended(err)
	return n, err
}

// ended holds it against the address when its connection ends before anything came. A timeout
// may be followed by another look, so it counts when the connection is closed.
func (c *routed) ended(err error) {
	switch {
	case err == nil:
	case isTimeout(err):
		c.silent.Store(true)
	case !c.judged.Swap(true):
		c.route.lost(c.addr)
	}
}

func (c *routed) Close() error {
	if c.silent.Load() && !c.judged.Swap(true) {
		c.route.lost(c.addr)
	}
	return c.Conn.Close()
}

// IsUnix reports whether an address is the path of a unix socket.
func IsUnix(addr string) bool { return strings.Contains(addr, "/") }

// DialledAs returns the address that a connection to this one leads to.
func DialledAs(a netip.Addr) netip.Addr {
	switch a = a.Unmap(); a {
	case netip.IPv4Unspecified():
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case netip.IPv6Unspecified():
		return netip.IPv6Loopback()
	}
	return a
}

// HostOf returns the host name and the port of an address that needs a resolver.
func HostOf(addr string) (host, port string, ok bool) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil || IsUnix(addr) {
		return "", "", false
	}
	_, err = netip.ParseAddr(host)
	return host, port, err != nil
}

// PortOf returns the port of an address; none of the path of a unix socket.
func PortOf(addr string) string {
	_, port, _ := net.SplitHostPort(addr)
	return port
}

// socket returns the connection below nc that the server's address was dialled with.
func socket(nc net.Conn) net.Conn {
	if c, ok := nc.(*routed); ok {
		return c.Conn
	}
	return nc
}

// isAstray reports whether the connection leads to an address that its server has left: no
// further command may go there.
func isAstray(nc *nodeConn) bool {
	c, ok := nc.below.Conn.(*routed)
	return ok && c.turn != c.route.turn.Load()
}
