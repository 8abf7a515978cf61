package memcached

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides what a Server is made of: its settings, its connections, and what is
// counted of it.

// Config says where a server is and how it is spoken to. Fields without a default must be set.
type Config struct {
	// Addr is host:port, [v6]:port or the path of a unix socket.
	Addr string
	// Dial opens connections to Addr, below TLS and login, in the place of Lookup and Connect.
	// It must return when its context ends. May be nil.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Lookup returns the addresses of a host name. If nil, net.DefaultResolver is asked.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Connect opens connections to an IP address or a unix socket. If nil, a net.Dialer does.
	Connect func(ctx context.Context, network, address string) (net.Conn, error)
	// Known are addresses of the host name in Addr from an earlier lookup. May be empty.
	Known []netip.Addr
	// Moved is called, by a goroutine of the Server's own, after the host name in Addr has got
	// other addresses, or has been used at another one. Its context ends with Close. May be nil.
	Moved func(ctx context.Context, m Move)

	// TLS returns the settings of one new connection, which may be changed. If nil, connections
	// are not encrypted.
	TLS func() *tls.Config
	// Username and Password log in. Both or none must be set.
	Username, Password string

	// Timeout bounds one exchange: dial, send, and receive.
	Timeout time.Duration
	// MaxConns is the most commands on their way at once, small writes aside.
	MaxConns int
	// MaxValueBytes is the largest value that is expected.
	MaxValueBytes int
	// ProbeKey is a key under which there is nothing. Ping asks for it.
	ProbeKey string

	// Clock tells the time in which this process ran. Servers of one process share it.
	Clock *Clock
	// Running counts what the Server has begun and not ended. Its methods are called only
	// within something that Running counts as well.
	Running *sync.WaitGroup
	// Usable reports whether requests should go on turning to the server. It is asked by each
	// that had to wait for room.
	Usable func() bool
	// Observe is told of each exchange what it says of the server, by the goroutine that had
	// the exchange, under no lock. One that failed together with others is observed once.
	Observe func(v Verdict, err error)
	// Exchanged is told of each exchange when it has ended, by the goroutine that had it, under no
	// lock. May be nil.
	Exchanged func(e Exchange)
	// Log receives what an operator should know. Never keys or values.
	Log Logger
}

// Logger is the part of slog.Logger that is used.
type Logger interface {
	Info(message string, args ...any)
	Warn(message string, args ...any)
}

// Server is one memcached as this process knows it. It is safe for concurrent use.
type Server struct {
	addr    *address
	dialer  *dialer
	route   *route // nil: the address needs no resolver, or the app dials
	connect func(ctx context.Context, network, address string) (net.Conn, error)
	timeout time.Duration
	clock   *Clock
	running *sync.WaitGroup
	usable  func() bool
	observe func(v Verdict, err error)
	tell    teller
	log     Logger
	probe   string // the key that probes ask for; there is none

	batch  batcher // of gets
	reader reader
	shared pipeline // of small writes
	large  largeWrites
	slots  room      // of gets and large writes
	small  room      // of small writes
	spent  sync.Pool // of *write

	commands, errors, timeouts, reconnects, busy atomic.Uint64

	// identity is what the server is, where it is no memcached that can be used; nil: not known.
	identity atomic.Pointer[foreign]
	greeted  int // times in a row that Identify was to ask
}

// address is both the net.Addr that the client dials and the selector that always
// picks it. The client's own list would look names up once and for all.
type address struct{ network, addr string }

func (a *address) Network() string                     { return a.network }
func (a *address) String() string                      { return a.addr }
func (a *address) PickServer(string) (net.Addr, error) { return a, nil }
func (a *address) Each(f func(net.Addr) error) error   { return f(a) }

func addressOf(addr string) *address {
	if IsUnix(addr) {
		return &address{"unix", addr}
	}
	return &address{"tcp", addr}
}

// New returns a Server. It needs no live one.
func New(cfg Config) *Server {
	s := &Server{
		addr: addressOf(cfg.Addr), connect: cfg.Connect, timeout: cfg.Timeout, clock: cfg.Clock, running: cfg.Running,
		usable: cfg.Usable, observe: cfg.Observe, tell: cfg.Exchanged, log: cfg.Log, probe: cfg.ProbeKey,
		slots: make(room, cfg.MaxConns), small: make(room, smallPerConn*cfg.MaxConns),
	}
	if s.connect == nil {
		s.connect = (&net.Dialer{}).DialContext
	}
	dial := cfg.Dial
	if dial == nil {
		dial = s.connect
		if host, port, named := HostOf(cfg.Addr); named {
			s.route = newRoute(host, port, cfg.Lookup, s.connect, cfg.Timeout)
			if len(cfg.Known) > 0 {
				s.route.learn(cfg.Known, nil)
			}
			s.route.changed = cfg.Moved
			dial = s.route.dial
		}
	}
	s.dialer = &dialer{
		dial: dial, tls: cfg.TLS, username: cfg.Username, password: secretOf(cfg.Password),
		timeout: cfg.Timeout, clock: cfg.Clock, maxValueBytes: cfg.MaxValueBytes,
	}
	s.batch.fetch, s.batch.running = s.fetch, cfg.Running
	s.batch.loop = s.batch.send
	s.batch.patience, s.batch.clock, s.batch.refuse = cfg.Timeout, cfg.Clock, s.turnAway
	s.reader.client = memcache.NewFromSelector(s.addr)
	s.reader.client.Timeout, s.reader.client.MaxIdleConns, s.reader.client.DialContext = cfg.Timeout, 1, s.dialReader
	s.shared.dialer, s.shared.address, s.shared.tell = s.dialer, s.addr, s.tell
	s.large.dialer, s.large.dial, s.large.tell, s.large.most = s.dialer, s.dialLarge, s.tell, cfg.MaxConns
	return s
}

// fetch reads what a batch asks for.
func (s *Server) fetch(batch []*Request) error {
	_, err := s.exchange(s.slots, func() error {
		began := s.tell.begin()
		err := s.reader.fetch(batch)
		s.tell.end(began, false, len(batch), err)
		return err
	})
	return err
}

// dialReader opens the connection of gets, and beside it that of small writes: what is
// read can then be replaced. That one is waited for only as long as the get can spare.
func (s *Server) dialReader(_ context.Context, network, address string) (net.Conn, error) {
	limit := s.dialer.limit()
	nc, err := s.dialer.open(network, address, limit)
	if err != nil {
		return nil, err
	}
	now := s.clock.Now()
	ctx, cancel := s.clock.context(now + (limit-now)/2)
	defer cancel()
	open := make(chan struct{})
	s.running.Go(func() {
		s.shared.open(limit)
		close(open)
	})
	select {
	case <-open:
	case <-ctx.Done():
	}
	return &guardedConn{nodeConn: nc, dialer: s.dialer, reader: &s.reader, first: limit, maxValue: s.dialer.maxValueBytes + maxItemHeader}, nil
}

// dialLarge opens a connection for large writes, of which w is the first. Where the shared
// connection still answers behind it, both lead to one process, and the tokens that are good there
// are good here.
func (s *Server) dialLarge(w *write, limit time.Duration) (*lineConn, error) {
	c, err := s.dialer.openLine(s.addr, limit)
	if err != nil || c.opened <= w.goodOn() {
		return c, err
	}
	ctx, cancel := s.clock.context(limit)
	defer cancel()
	answered := make(chan uint64, 1)
	s.running.Go(func() { answered <- s.shared.answers() })
	select {
	case opened := <-answered:
		c.opened = min(c.opened, opened)
	case <-ctx.Done():
	}
	return c, nil
}

// Drop closes all connections that are not in use.
func (s *Server) Drop() {
	s.reader.client.Close()
	s.large.drop()
	s.shared.drop()
}

// Close ends what the Server has begun, and closes its connections. No exchange may be under
// way.
func (s *Server) Close() {
	s.route.close()
	s.Drop()
}

// Counts are counts since New.
type Counts struct {
	Commands   uint64 // exchanges begun; probes are not among them
	Errors     uint64 // of them: failed
	Timeouts   uint64 // of them: for want of an answer in time
	Reconnects uint64 // connections found broken, after which all were dropped
	Busy       uint64 // requests that found no room
	Waiting    int    // gets that wait for the one under way, at the moment
}

// Counts returns the counts of this Server.
func (s *Server) Counts() Counts {
	return Counts{
		Commands: s.commands.Load(), Errors: s.errors.Load(), Timeouts: s.timeouts.Load(),
		Reconnects: s.reconnects.Load(), Busy: s.busy.Load(), Waiting: s.batch.queue.depth(),
	}
}

// Reconnects is how often connections were found broken: the server may be another one since.
func (s *Server) Reconnects() uint64 { return s.reconnects.Load() }

// Get sends a request, which is given to the server together with others. Its Latch is told
// when there is an answer. The caller must be within something that Running counts.
func (s *Server) Get(r *Request) { s.batch.get(r) }

// Addresses returns those that the host name in Addr is known to lead to, the best first, and
// the one that is used. There are none where no name is looked up.
func (s *Server) Addresses() (known []netip.Addr, used netip.Addr) {
	if s.route == nil {
		return nil, netip.Addr{}
	}
	return s.route.addresses()
}

// LeadsTo reports whether the host name in Addr leads there now, for which is asks. The address of
// the last connection may have been given to another server since, as happens to pods: so the
// resolver is asked again.
func (s *Server) LeadsTo(ctx context.Context, is func(netip.Addr) bool) bool {
	if _, used := s.Addresses(); !used.IsValid() || !is(used) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, LookupWithin)
	defer cancel()
	found, err := s.route.lookup(ctx, s.route.host)
	return err == nil && slices.ContainsFunc(found, is)
}
