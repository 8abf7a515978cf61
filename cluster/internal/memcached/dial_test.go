package memcached

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// way is what a connection to an address meets.
type way int

const (
	live    way = iota
	silent      // no answer at all, as from a host that is off
	refuses     // as a host without the server
	slow        // connects after most of the wait for one attempt of two
)

// roads is a network in memory: names, addresses, and what is met there.
type roads struct {
	mu     sync.Mutex // guards below
	names  []string   // what the resolver says
	slow   time.Duration
	fails  error
	ways   map[string]way
	asked  int
	tried  []string            // addresses, in the order of the attempts
	open   map[string]net.Conn // the servers' sides
	opened int
}

func (r *roads) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	r.mu.Lock()
	names, wait, err := slices.Clone(r.names), r.slow, r.fails
	r.asked++
	r.mu.Unlock()
	select {
	case <-time.After(wait):
	case <-ctx.Done():
		err = &net.DNSError{Err: "i/o timeout", Name: host, IsTimeout: true}
	}
	if err != nil {
		return nil, err
	}
	var found []netip.Addr
	for _, n := range names {
		found = append(found, netip.MustParseAddr(n))
	}
	return found, nil
}

func (r *roads) connect(ctx context.Context, network, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	r.mu.Lock()
	r.tried = append(r.tried, host)
	way := r.ways[host]
	r.mu.Unlock()
	switch way {
	case silent:
		<-ctx.Done()
		return nil, &net.OpError{Op: "dial", Net: network, Err: ctx.Err()}
	case refuses:
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case slow:
		time.Sleep(waitBetween(testTimeout, 2) * 9 / 8)
	}
	client, server := net.Pipe()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	if r.open == nil {
		r.open = map[string]net.Conn{}
	}
	r.open[host] = server
	return client, nil
}

// change changes what is said, or met.
func (r *roads) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
}

// onRoads runs a test of a route in virtual time.
func onRoads(t *testing.T, roads *roads, test func(t *testing.T, r *route)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRoute("n1.test", "11211", roads.lookup, roads.connect, testTimeout)
		test(t, r)
		r.close()
	})
}

// dialled makes one connection within the default timeout, and returns its address.
func dialled(r *route) (address string, nc net.Conn, took time.Duration, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	began := time.Now()
	nc, err = r.dial(ctx, "tcp", "n1.test:11211")
	if err == nil {
		address = nc.(*routed).addr.String()
	}
	return address, nc, time.Since(began), err
}

func TestAllAddressesOfANameAreTriedWithinTheTimeout(t *testing.T) {
	ten := []string{}
	for i := range 10 {
		ten = append(ten, fmt.Sprint("10.0.0.", i))
	}
	for _, c := range []struct {
		why   string
		names []string
		dead  way
		live  int // index of the live one
	}{
		{"one address", []string{"10.0.0.1"}, silent, 0},
		{"a dead IPv6 and a live IPv4 address", []string{"fd00::1", "10.0.0.1"}, silent, 1},
		{"a live IPv6 and a dead IPv4 address", []string{"fd00::1", "10.0.0.1"}, silent, 0},
		{"two of a family, the first dead", []string{"10.0.0.1", "10.0.0.2"}, silent, 1},
		{"two of a family, the first refuses", []string{"10.0.0.1", "10.0.0.2"}, refuses, 1},
		{"ten, the first lives", ten, silent, 0},
		{"ten, the fifth lives", ten, silent, 4},
		{"ten, the last lives", ten, silent, 9},
		{"ten, the last lives, the others refuse", ten, refuses, 9},
		{"a link-local address with its zone", []string{"fe80::1%eth0", "10.0.0.1"}, silent, 0},
	} {
		t.Run(c.why, func(t *testing.T) {
			net := &roads{names: c.names, ways: map[string]way{}}
			for _, n := range c.names {
				net.ways[n] = c.dead
			}
			net.ways[c.names[c.live]] = live
			onRoads(t, net, func(t *testing.T, r *route) {
				address, nc, took, err := dialled(r)
				if err != nil || address != c.names[c.live] {
					t.Fatalf("%s, %v", address, err)
				}
				defer nc.Close()
				if most := testTimeout / 2; took > most || c.dead == refuses && took > 0 {
					t.Errorf("took %v: the rest of the exchange needs its time too", took)
				}
				// The address that worked is the first from then on.
				net.tried = nil
				again, nc, took, err := dialled(r)
				if err != nil || again != address || took > 0 || len(net.tried) != 1 {
					t.Errorf("%s after %v, tried %v: %v", again, took, net.tried, err)
				}
				nc.Close()
			})
		})
	}
}

// An attempt that is overtaken is broken off, or its connection closed.
func TestConnectionsThatLostTheRaceAreClosed(t *testing.T) {
	net := &roads{names: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, ways: map[string]way{"10.0.0.1": slow, "10.0.0.2": slow, "10.0.0.3": silent}}
	onRoads(t, net, func(t *testing.T, r *route) {
		address, nc, _, err := dialled(r)
		if err != nil || address != "10.0.0.1" {
			t.Fatal(address, err)
		}
		defer nc.Close()
		if net.opened != 2 {
			t.Fatalf("%d connections: the test wants two", net.opened)
		}
		if _, err := net.open["10.0.0.2"].Read(make([]byte, 1)); err == nil {
			t.Error("the second connection stands open")
		}
	})
}

func TestAFailedDialNamesWhatWasTried(t *testing.T) {
	for _, c := range []struct {
		why   string
		roads *roads
		want  Verdict
		says  []string
	}{
		{
			"all refuse", &roads{names: []string{"10.0.0.1", "fd00::1"}, ways: map[string]way{"10.0.0.1": refuses, "fd00::1": refuses}},
			NoConnection,
			[]string{"10.0.0.1: connect: connection refused", "fd00::1: connect: connection refused"},
		},
		{
			"one refuses, one is silent", &roads{names: []string{"10.0.0.1", "10.0.0.2"}, ways: map[string]way{"10.0.0.1": refuses, "10.0.0.2": silent}},
			TimedOut,
			[]string{"10.0.0.1: connect: connection refused", "10.0.0.2: no answer within the timeout"},
		},
		{"no such host", &roads{fails: &net.DNSError{Err: "no such host", Name: "n1.test", IsNotFound: true}}, NoConnection, []string{"lookup n1.test", "no such host"}},
		{"no addresses", &roads{}, NoConnection, []string{"n1.test", "no address"}},
		{"a resolver that is silent", &roads{slow: time.Hour}, TimedOut, []string{"resolver", "n1.test", "no answer within the timeout"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			onRoads(t, c.roads, func(t *testing.T, r *route) {
				_, _, took, err := dialled(r)
				v, err := judge(unreachable{err})
				if v != c.want || took > testTimeout || took > 0 && v != TimedOut {
					t.Errorf("verdict %v after %v: %v", v, took, err)
				}
				for _, want := range c.says {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q is not in %v", want, err)
					}
				}
				if errors.Is(err, errTimeout) != (v == TimedOut) || !isUnsent(err) {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

// An app that is short of CPU, or a lost packet, makes a connect late. The node answers on
// other connections meanwhile, so it is not left for another address.
func TestAnAddressThatAnswersIsNotLeft(t *testing.T) {
	for _, answers := range []bool{true, false} {
		net := &roads{names: []string{"10.0.0.1", "10.0.0.2"}, ways: map[string]way{}}
		onRoads(t, net, func(t *testing.T, r *route) {
			_, nc, _, err := dialled(r)
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			net.change(func() { net.ways["10.0.0.1"] = slow })
			server := net.open["10.0.0.1"]
			if answers {
				go func() {
					time.Sleep(waitBetween(testTimeout, 2) / 2)
					_, _ = server.Write([]byte("x"))
				}()
				go func() { _, _ = nc.Read(make([]byte, 1)) }()
			}
			want := map[bool]string{true: "10.0.0.1", false: "10.0.0.2"}[answers]
			address, nc2, _, err := dialled(r)
			if err != nil || address != want {
				t.Errorf("answers %v: leads to %s, want %s: %v", answers, address, want, err)
			}
			nc2.Close()
		})
	}
}

// An address that takes connections and does not answer on them, as a forwarder does whose
// server is gone, makes room for the next.
func TestAnAddressThatConnectsAndDoesNotAnswerComesLast(t *testing.T) {
	net := &roads{names: []string{"10.0.0.1", "10.0.0.2"}, ways: map[string]way{}}
	onRoads(t, net, func(t *testing.T, r *route) {
		for _, want := range []string{"10.0.0.1", "10.0.0.2", "10.0.0.1"} {
			address, nc, _, err := dialled(r)
			if err != nil || address != want {
				t.Fatalf("leads to %s, want %s: %v", address, want, err)
			}
			net.open[address].Close()
			if _, err := nc.Read(make([]byte, 1)); err == nil {
				t.Fatal("it answers")
			}
			nc.Close()
		}
		// A connection that has been of use says nothing against its address when it ends.
		address, nc, _, err := dialled(r)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = net.open[address].Write([]byte("x")); net.open[address].Close() }()
		for err == nil {
			_, err = nc.Read(make([]byte, 1))
		}
		if again, nc, _, err := dialled(r); err != nil || again != address {
			t.Errorf("leads to %s, want %s: %v", again, address, err)
		} else {
			nc.Close()
		}
	})
}
