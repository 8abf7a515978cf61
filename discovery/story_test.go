package discovery_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/discovery"
	"github.com/holdfast-go/holdfast/internal/sourcetest"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell of a source that is ill in every way that it can be, for a moment and for
// long, under sessions that must not notice.

// mood is one way in which a source answers. It is told for a while, or once or twice and then well again.
type mood struct {
	why  string
	told func()
}

// source is a source and what it can be made to say.
type source struct {
	ask     func(context.Context) ([]cluster.Node, error)
	well    func() // it says the list
	without func() // it says the list without its first node, from now on
	moods   []mood
}

// story goes through all moods of a source. Questions come every few milliseconds, so that forty stand
// for twenty minutes.
func story(t *testing.T, env *testenv.Env, s source, resolver *net.Resolver) {
	var mu sync.Mutex // guards count
	count := 0
	ask := func(ctx context.Context) ([]cluster.Node, error) {
		nodes, err := s.ask(ctx)
		mu.Lock()
		defer mu.Unlock()
		count++
		return nodes, err
	}
	asked := func() int { mu.Lock(); defer mu.Unlock(); return count }
	s.well()
	c, err := cluster.New(cluster.Config{
		Discover: ask, DiscoverEvery: 5 * time.Millisecond, TransitionFor: 200 * time.Millisecond, Timeout: time.Second,
		Resolver: resolver, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	const sessions = 20
	for i := range sessions {
		r := cluster.NewRecord(fmt.Sprint("s", i))
		r.Attrs["user"], r.Deadline = []byte("ann"), time.Now().Add(time.Hour)
		if err := c.Save(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	all := idsOf(c)
	if len(all) != len(env.All()) {
		t.Fatalf("the list at the start: %v", all)
	}
	const longEnough = 40 // questions
	for _, m := range s.moods {
		m.told()
		for from := asked(); asked() < from+longEnough; time.Sleep(time.Millisecond) {
			if now := idsOf(c); !slices.Equal(now, all) {
				t.Fatalf("%s: the list becomes %v", m.why, now)
			}
		}
		for i := range sessions {
			if r, err := c.Load(t.Context(), fmt.Sprint("s", i)); err != nil || string(r.Attrs["user"]) != "ann" {
				t.Fatalf("%s: a session notices: %v", m.why, err)
			}
		}
		if lists := c.Stats().Lists; lists != 1 {
			t.Fatalf("%s: %d lists are in force", m.why, lists)
		}
		s.well()
	}
	if s.without == nil {
		return
	}
	// A wish is followed, after all of it.
	s.without()
	gone := env.Node(0)
	eventually(t, "the node has left", func() bool { return !slices.Contains(idsOf(c), gone.ID()) && len(idsOf(c)) == len(all)-1 })
	gone.Kill()
	for i := range sessions {
		if _, err := c.Load(t.Context(), fmt.Sprint("s", i)); err != nil {
			t.Errorf("a session notices that a node has left: %v", err)
		}
	}
}

// idsOf are the nodes on any list in force, in order.
func idsOf(c *cluster.Cluster) (ids []string) {
	for _, n := range c.Nodes() {
		ids = append(ids, strings.TrimSuffix(n.ID, ".x"))
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("gave up waiting: %s", what)
		}
	}
}

func portOf(n *testenv.Node) uint16 { return netip.MustParseAddrPort(n.Addr()).Port() }

func TestNoSessionNoticesAnIllSource(t *testing.T) {
	former := net.DefaultResolver
	defer func() { net.DefaultResolver = former }()
	dns := sourcetest.NewDNS(t)
	net.DefaultResolver = dns.Resolver()
	t.Run("at once", func(t *testing.T) { // ends when all three have
		t.Run("name server", func(t *testing.T) { t.Parallel(); illNameServer(t, dns) })
		t.Run("ElastiCache", func(t *testing.T) { t.Parallel(); illEndpoint(t) })
		t.Run("file", func(t *testing.T) { t.Parallel(); illFile(t) })
	})
}

func illNameServer(t *testing.T, dns *sourcetest.DNS) {
	env := testenv.Start(t, 4, testenv.Embedded())
	var records []net.SRV
	for _, n := range env.All() {
		target := n.ID() + ".mc.test"
		dns.Leads(target, netip.MustParseAddr("127.0.0.1"))
		records = append(records, net.SRV{Target: target + ".", Port: portOf(n)})
	}
	good := sourcetest.Answer{Records: records}
	half := sourcetest.Answer{Records: records[:2]}
	bad := sourcetest.Answer{Code: sourcetest.ServerFailure}
	gone := sourcetest.Answer{Code: sourcetest.NoSuchName}
	other := slices.Clone(records)
	slices.Reverse(other)
	other[0].Priority, other[1].Weight = 7, 9
	renamed := sourcetest.Answer{Records: append(slices.Clone(records), net.SRV{Target: "n9.mc.test.", Port: 1})}
	renumbered := slices.Clone(records)
	renumbered[1].Port++
	says := func(a ...sourcetest.Answer) func() { return func() { dns.Says(a...) } }
	story(t, env, source{
		ask: discovery.SRV("_memcached._tcp.mc.test."), well: says(good), without: says(sourcetest.Answer{Records: records[1:]}),
		moods: []mood{
			{"it says nothing for minutes", says(bad)},
			{"the name does not exist for minutes", says(gone)},
			{"the name has no record for minutes", says(sourcetest.Answer{})},
			{"half of the nodes, once", says(half, good)},
			{"half of the nodes, twice", says(half, half, good)},
			{"half of the nodes, again and again, with failures in between", says(half, bad, half, good, half, gone, half, bad, good)},
			{"another order, other priorities", says(sourcetest.Answer{Records: other})},
			{"another order each time", says(sourcetest.Answer{Records: other}, good, sourcetest.Answer{Records: other}, good)},
			{"a record twice", says(sourcetest.Answer{Records: append(slices.Clone(records), records[0], records[0])})},
			{"it is cut off, and asked for again over TCP", says(sourcetest.Answer{Records: records, Cut: true})},
			{"it is slow", says(sourcetest.Answer{Records: records, Late: 20 * time.Millisecond})},
			{"one name for several servers", says(sourcetest.Answer{Records: append(slices.Clone(records), net.SRV{Target: records[0].Target, Port: 1})})},
			{"a new node, once", says(renamed, good)},
			{"another port for a node, once", says(sourcetest.Answer{Records: renumbered}, good)},
			{"one server under another name", says(sourcetest.Answer{Records: append([]net.SRV{{Target: "n9.mc.test.", Port: portOf(env.Node(0))}}, records...)}, good)},
		},
	}, dns.Resolver())
}

func illEndpoint(t *testing.T) {
	env := testenv.Start(t, 4, testenv.Embedded())
	dns, e := sourcetest.NewDNS(t), sourcetest.NewEndpoint(t)
	var hosts []string
	for _, n := range env.All() {
		dns.Leads(n.ID()+".x", netip.MustParseAddr("127.0.0.1"))
		hosts = append(hosts, fmt.Sprintf("%s.x|127.0.0.1|%d", n.ID(), portOf(n)))
	}
	list := func(version int, hosts ...string) string {
		return sourcetest.Config(version, strings.Join(hosts, " "))
	}
	good, half := list(7, hosts...), list(7, hosts[:2]...)
	other := slices.Clone(hosts)
	slices.Reverse(other)
	moved := strings.ReplaceAll(good, "|127.0.0.1|", "|")
	moved = strings.ReplaceAll(moved, "x|", "x|127.0.0.9|") // what it says the addresses are: nobody dials these
	says := func(texts ...string) func() { return func() { e.Says(texts...) } }
	story(t, env, source{
		ask: discovery.ElastiCache(e.Addr), well: says(good), without: says(list(8, hosts[1:]...)),
		moods: []mood{
			{"it closes the connection, for minutes", says("")},
			{"it has no list, for minutes", says("END\r\n")},
			{"it is a plain memcached", says("ERROR\r\n")},
			{"a list of none", says(list(7))},
			{"half of the nodes, once", says(half, good)},
			{"half of the nodes, twice", says(half, half, good)},
			{"half of a message", says(good[:len(good)-30])},
			{"a message without its end", says(strings.TrimSuffix(good, "END\r\n"))},
			{"another order", says(list(7, other...))},
			{"a server twice", says(list(7, append(slices.Clone(hosts), hosts[0])...))},
			{"a new ip for each name", says(moved)},
			{"one name for several servers", says(list(7, append(slices.Clone(hosts), "n1.x|127.0.0.1|1")...))},
			{"one server under two names", says(list(7, append(slices.Clone(hosts), strings.Replace(hosts[0], "n1", "n9", 1))...))},
			{"a version that goes back, with fewer nodes", says(list(6, hosts[1:]...))},
			{"it is out of memory", says("SERVER_ERROR out of memory\r\n")},
		},
	}, dns.Resolver())
}

func illFile(t *testing.T) {
	env := testenv.Start(t, 4, testenv.Embedded())
	path := filepath.Join(t.TempDir(), "nodes")
	lines := strings.Split(env.Nodes(), ",")
	write := func(text string) func() {
		return func() {
			next := path + ".next"
			if err := errors.Join(os.WriteFile(next, []byte(text), 0o600), os.Rename(next, path)); err != nil {
				t.Fatal(err)
			}
		}
	}
	good := strings.Join(lines, "\n") + "\n"
	story(t, env, source{
		ask: discovery.File(path), well: write(good), without: write(strings.Join(lines[1:], "\n") + "\n"),
		moods: []mood{
			{"it is gone, for minutes", func() { _ = os.Remove(path) }},
			{"it is empty", write("")},
			{"it is half written", write(good[:len(good)-1])},
			{"another order", write(lines[2] + "," + lines[0] + "\n" + lines[3] + " # x\n" + lines[1] + "\n")},
			{"a node twice", write(good + lines[0] + "\n")},
			{"one server under two names", write(good + "n9" + strings.TrimPrefix(lines[0], "n1") + "\n")},
			{"a word in it", write(good + "nodes\n")},
		},
	}, nil)
}
