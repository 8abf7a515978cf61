package cluster

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

func TestOneAddressInTwoWaysOfWritingIsRefused(t *testing.T) {
	for _, c := range [][2]string{
		{"localhost:11211", "LOCALHOST:11211"},
		{"localhost:11211", "localhost.:11211"},
		{"Cache.Example:11211", "cache.example.:11211"},
		{"[::1]:11211", "[0:0:0:0:0:0:0:1]:11211"},
		{"127.0.0.1:11211", "[::ffff:127.0.0.1]:11211"},
		{"127.0.0.1:11211", "[::ffff:7f00:1]:11211"},
		{"127.0.0.1:11211", "0.0.0.0:11211"},
		{"[::1]:11211", "[::]:11211"},
		{"[FE80::1%eth0]:11211", "[fe80::1%eth0]:11211"},
		{"/run/m.sock", "/run//m.sock"},
		{"/run/m.sock", "/run/x/../m.sock"},
	} {
		_, err := ParseNodes("n1:" + c[0] + ",n2:" + c[1])
		for _, want := range []string{`"n1"`, `"n2"`, c[0], c[1], "same address", "a server of its own"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %q is not in %v", c, want, err)
			}
		}
	}
	for _, c := range [][2]string{
		{"127.0.0.1:11211", "127.0.0.1:11212"},
		{"127.0.0.1:11211", "127.0.0.11:11211"},
		{"a:11211", "b:11211"},
		{"[fe80::1%eth0]:11211", "[fe80::1%eth1]:11211"},
		{"/run/m.sock", "/run/n.sock"},
	} {
		if _, err := ParseNodes("n1:" + c[0] + ",n2:" + c[1]); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
}

// listening returns listeners on these hosts and one port.
func listening(t *testing.T, hosts ...string) (ls []net.Listener, port string) {
	t.Helper()
	for range 20 {
		ls, port = nil, "0"
		for _, h := range hosts {
			l, err := net.Listen("tcp", net.JoinHostPort(h, port))
			if err != nil {
				break
			}
			ls = append(ls, l)
			_, port, _ = net.SplitHostPort(l.Addr().String())
		}
		if len(ls) == len(hosts) {
			return ls, port
		}
		for _, l := range ls {
			l.Close()
		}
	}
	t.Skip("these addresses are not to be had here:", hosts)
	return nil, ""
}

// both is a listener on two addresses.
type both struct {
	net.Listener
	conns chan net.Conn
}

func (b both) Accept() (net.Conn, error) {
	nc, ok := <-b.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return nc, nil
}

// joined serves both listeners with one server.
func joined(t *testing.T, ls ...net.Listener) {
	t.Helper()
	b := both{ls[0], make(chan net.Conn)}
	var wait sync.WaitGroup
	for _, l := range ls {
		wait.Go(func() {
			for {
				nc, err := l.Accept()
				if err != nil {
					return
				}
				b.conns <- nc
			}
		})
	}
	served(t, b)
	t.Cleanup(func() {
		for _, l := range ls {
			l.Close()
		}
		go func() { wait.Wait(); close(b.conns) }()
	})
}

// patient is a configuration for nodes on real sockets: a busy machine must not fail the test.
func patient(names *nameServer, nodes string) Config {
	list, err := ParseNodes(nodes)
	if err != nil {
		panic(err)
	}
	return Config{Nodes: list, Resolver: names.resolver(), Timeout: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))}
}

func TestANodeThatIsSeveralServersOrOneOfTwoIsRefused(t *testing.T) {
	two := func(t *testing.T) string {
		ls, port := listening(t, "127.0.0.1", "127.0.0.2")
		served(t, ls[0])
		served(t, ls[1])
		return port
	}
	one := func(hosts ...string) func(t *testing.T) string {
		return func(t *testing.T) string {
			ls, port := listening(t, hosts...)
			joined(t, ls...)
			return port
		}
	}
	for _, c := range []struct {
		why   string
		serve func(t *testing.T) (port string)
		nodes string // P stands for the port
		zone  map[string][]string
		want  []string // nil: accepted
	}{
		{
			"a name for two servers", two, "n1:all.test:P",
			map[string][]string{"all.test": {"127.0.0.1", "127.0.0.2"}},
			[]string{`"n1"`, "all.test", "several servers", "127.0.0.1", "127.0.0.2", "node of its own"},
		},
		{
			"a name for two servers beside a node", two, "n1:all.test:P,n2:10.0.0.1:1",
			map[string][]string{"all.test": {"127.0.0.1", "127.0.0.2"}},
			[]string{`"n1"`, "several servers"},
		},
		{
			"a name for two servers and a dead address", two, "n1:all.test:P",
			map[string][]string{"all.test": {"127.0.0.3", "127.0.0.2", "127.0.0.1"}},
			[]string{`"n1"`, "several servers"},
		},
		{"a name for one of the servers", two, "n1:one.test:P,n2:two.test:P", map[string][]string{"one.test": {"127.0.0.1"}, "two.test": {"127.0.0.2"}}, nil},
		{"a name with a dead address", two, "n1:one.test:P", map[string][]string{"one.test": {"127.0.0.3", "127.0.0.1"}}, nil},
		{"a server with two addresses", one("127.0.0.1", "127.0.0.2"), "n1:one.test:P", map[string][]string{"one.test": {"127.0.0.1", "127.0.0.2"}}, nil},
		{"a server with IPv4 and IPv6", one("127.0.0.1", "::1"), "n1:one.test:P", map[string][]string{"one.test": {"127.0.0.1", "::1"}}, nil},
		{
			"a name and its address", two, "n1:one.test:P,n2:127.0.0.1:P",
			map[string][]string{"one.test": {"127.0.0.1"}},
			[]string{`"n1"`, `"n2"`, "same address 127.0.0.1:P"},
		},
		{
			"two names for one address", two, "n1:one.test:P,n2:uno.test:P",
			map[string][]string{"one.test": {"127.0.0.1"}, "uno.test": {"127.0.0.1"}},
			[]string{`"n1"`, `"n2"`, "same address 127.0.0.1:P"},
		},
		{
			"two names that share an address", two, "n1:one.test:P,n2:uno.test:P",
			map[string][]string{"one.test": {"10.0.0.1", "10.0.0.2"}, "uno.test": {"10.0.0.2", "10.0.0.3"}},
			[]string{`"n1"`, `"n2"`, "same address 10.0.0.2:P"},
		},
		{"localhost and its address", two, "n1:localhost:P,n2:127.0.0.1:P", nil, []string{`"n1"`, `"n2"`, "same address 127.0.0.1:P"}},
		{
			"a standby node that is a node", two, "n1:one.test:P,n2:127.0.0.1:P",
			map[string][]string{"one.test": {"127.0.0.1"}},
			[]string{`"n1"`, `"n2"`, "same address"},
		},
		{"one address, two ports", two, "n1:one.test:P,n2:one.test:1", map[string][]string{"one.test": {"127.0.0.1"}}, nil},
		{
			"one server under two addresses of this machine", one("127.0.0.1", "127.0.0.2"), "n1:127.0.0.1:P,n2:127.0.0.2:P", nil,
			[]string{`"n1"`, `"n2"`, "same server", "a server of its own"},
		},
		{
			"one server under two names that have nothing in common", one("127.0.0.1", "::1"), "n1:one.test:P,n2:two.test:P",
			map[string][]string{"one.test": {"127.0.0.1"}, "two.test": {"::1"}},
			[]string{`"n1"`, `"n2"`, "same server"},
		},
	} {
		t.Run(c.why, func(t *testing.T) {
			port := c.serve(t)
			names := &nameServer{zone: c.zone}
			cl, err := New(patient(names, strings.ReplaceAll(c.nodes, ":P", ":"+port)))
			if cl != nil {
				cl.Close()
			}
			if c.want == nil && err != nil || c.want != nil && err == nil {
				t.Fatalf("%v, want %q", err, c.want)
			}
			for _, want := range c.want {
				if want = strings.ReplaceAll(want, ":P", ":"+port); !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
		})
	}
}

func TestOneUnixSocketUnderTwoPathsIsRefused(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "m")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(path, path+"2"); err != nil {
		t.Skip("no links here:", err)
	}
	c, err := New(Config{Nodes: []Node{{ID: "n1", Addr: path}, {ID: "n2", Addr: path + "2"}}})
	if err == nil {
		c.Close()
		t.Fatal("accepted")
	}
	if !strings.Contains(err.Error(), "same address") {
		t.Error(err)
	}
}

// What does not answer proves nothing: neither a name server nor the servers themselves.
func TestWhatDoesNotAnswerAtTheStartIsNoError(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it waits for seconds to pass")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() }) // it takes connections and says nothing
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for why, names := range map[string]*nameServer{
		"servers that are silent or gone": {zone: map[string][]string{"n1.test": {"127.0.0.1", "127.0.0.2"}}},
		"a name server that fails":        {code: serverFailure},
		"a name server that is silent":    {unresponsive: true},
	} {
		cfg := patient(names, "n1:n1.test:"+port)
		cfg.Timeout = 50 * time.Millisecond
		c, err := New(cfg)
		if err != nil {
			t.Errorf("%s: %v", why, err)
			continue
		}
		c.Close()
	}
}

// Several servers that join a name later cannot be an error any more: they are said in the log,
// and this process goes on with one of them.
func TestAClusterStaysOnOneServerOfAName(t *testing.T) {
	ls, port := listening(t, "127.0.0.1", "127.0.0.2", "127.0.0.3")
	for _, l := range ls {
		served(t, l)
	}
	names := &nameServer{zone: map[string][]string{"n1.test": {"127.0.0.2"}}}
	cfg := patient(names, "n1:n1.test:"+port)
	logs := &syncBuffer{}
	cfg.Logger = slog.New(slog.NewTextHandler(logs, nil))
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	names.set(func(s *nameServer) { s.zone["n1.test"] = []string{"127.0.0.1", "127.0.0.2", "127.0.0.3"} })
	ctx := context.Background()
	for i := range 50 {
		r := NewRecord(fmt.Sprint("s", i))
		r.Attrs["a"] = []byte("1")
		if err := c.Save(ctx, r); err != nil {
			t.Fatal(err)
		}
		c.nodes()[0].server.Drop() // the next command dials
		if _, err := c.Load(ctx, r.Key()); err != nil {
			t.Errorf("session %d: %v", i, err)
		}
	}
	for !strings.Contains(logs.String(), "several servers") {
		time.Sleep(time.Millisecond)
	}
	c.Close()
	if text := logs.String(); !strings.Contains(text, "node of its own") || !strings.Contains(text, "node=n1") || !strings.Contains(text, "127.0.0.3:"+port) {
		t.Errorf("the log says %s", text)
	}
}

// A node behind a name goes through the same life as one behind an address.
func TestNodesWithNames(t *testing.T) {
	env := testenv.Start(t, 3, testenv.Embedded())
	names := &nameServer{zone: map[string][]string{}}
	var list []string
	for i, n := range env.All() {
		host, port, _ := net.SplitHostPort(n.Addr())
		name := fmt.Sprintf("n%d.test", i+1)
		names.zone[name] = []string{"127.0.0.9", host} // nothing listens at the first
		list = append(list, fmt.Sprintf("n%d:%s:%s", i+1, name, port))
	}
	c, err := New(patient(names, strings.Join(list, ",")))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	ctx := context.Background()
	r := NewRecord("s")
	r.Attrs["a"] = []byte("1")
	if err := c.Save(ctx, r); err != nil {
		t.Fatal(err)
	}
	for _, trouble := range []func(s *nameServer){
		func(s *nameServer) { s.code = serverFailure },
		func(s *nameServer) { s.code = noSuchName },
		func(s *nameServer) { s.unresponsive = true },
		func(s *nameServer) { s.zone = nil },
		func(s *nameServer) { s.code, s.unresponsive = 0, false },
	} {
		names.set(trouble)
		for _, n := range env.All() {
			n.Restart()
			r.Attrs["a"] = append(r.Attrs["a"], '1')
			if err := c.Save(ctx, r); err != nil {
				t.Fatal(err)
			}
			if got, err := c.Load(ctx, "s"); err != nil || len(got.Attrs["a"]) != len(r.Attrs["a"]) {
				t.Fatalf("%v, %v", got, err)
			}
		}
	}
	for _, s := range c.Nodes() {
		if s.State != StateUp {
			t.Errorf("%s is %v: %s", s.ID, s.State, s.LastError)
		}
	}
}
