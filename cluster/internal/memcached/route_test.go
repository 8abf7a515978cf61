package memcached

import (
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWhileTheResolverFailsTheLastGoodAddressIsUsed(t *testing.T) {
	for why, change := range map[string]func(r *roads){
		"server failure":       func(r *roads) { r.fails = &net.DNSError{Err: "server misbehaving", IsTemporary: true} },
		"no such host":         func(r *roads) { r.fails = &net.DNSError{Err: "no such host", IsNotFound: true} },
		"no address":           func(r *roads) { r.names = nil },
		"no answer":            func(r *roads) { r.slow = time.Hour },
		"an answer, but later": func(r *roads) { r.slow = testTimeout * 2 },
	} {
		t.Run(why, func(t *testing.T) {
			// The first address is dead: the last good one is the second.
			net := &roads{names: []string{"10.0.0.1", "10.0.0.2"}, ways: map[string]way{"10.0.0.1": silent}}
			onRoads(t, net, func(t *testing.T, r *route) {
				_, nc, _, err := dialled(r)
				if err != nil {
					t.Fatal(err)
				}
				nc.Close()
				net.change(func() { change(net) })
				for range 3 {
					address, nc, took, err := dialled(r)
					if err != nil || address != "10.0.0.2" || took > testTimeout/4 {
						t.Fatalf("%s after %v: %v", address, took, err)
					}
					nc.Close()
					time.Sleep(time.Second)
				}
				// When the node is gone as well, the error tells both.
				net.change(func() { net.ways["10.0.0.2"] = refuses; net.ways["10.0.0.1"] = refuses })
				if _, _, _, err := dialled(r); err == nil || !strings.Contains(err.Error(), "10.0.0.2: connect") {
					t.Errorf("%v", err)
				}
			})
		})
	}
}

func TestANameThatLeadsElsewhereIsFollowed(t *testing.T) {
	for _, c := range []struct {
		why  string
		old  way           // what is met at the old address
		slow time.Duration // that the resolver takes
		want []string      // where the next dials lead
	}{
		{"the old server is still there", live, 0, []string{"10.0.0.2", "10.0.0.2"}},
		{"the old server is gone", refuses, 0, []string{"10.0.0.2"}},
		{"a slow resolver, the old host is off", silent, testTimeout / 3, []string{"10.0.0.2", "10.0.0.2"}},
		{"a slow resolver, the old server is still there", live, testTimeout / 3, []string{"10.0.0.1", "10.0.0.2"}},
		{"a very slow resolver, the old server is still there", live, 2 * testTimeout, []string{"10.0.0.1", "10.0.0.2"}},
		{"a very slow resolver, the old server is gone", refuses, 2 * testTimeout, []string{"", "10.0.0.2"}},
	} {
		t.Run(c.why, func(t *testing.T) {
			net := &roads{names: []string{"10.0.0.1"}, ways: map[string]way{}}
			onRoads(t, net, func(t *testing.T, r *route) {
				_, before, _, err := dialled(r)
				if err != nil {
					t.Fatal(err)
				}
				defer before.Close()
				if isAstray(over(before)) {
					t.Error("a connection to the address in use must not be used")
				}
				net.change(func() { net.names, net.slow, net.ways["10.0.0.1"] = []string{"10.0.0.2"}, c.slow, c.old })
				for _, want := range c.want {
					address, nc, took, err := dialled(r)
					if address != want {
						t.Fatalf("leads to %q, want %q: %v", address, want, err)
					}
					if c.old == silent && took > c.slow {
						t.Errorf("took %v: what the resolver said after %v was not used at once", took, c.slow)
					}
					if err == nil {
						nc.Close()
					}
					time.Sleep(time.Second)
				}
				if !isAstray(over(before)) {
					t.Error("a connection to the old address may be used beside those to the new one")
				}
			})
		})
	}
}

// Name servers shuffle their answers. What is behind the addresses may be several servers.
func TestShuffledAnswersDoNotMoveANode(t *testing.T) {
	net := &roads{names: []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, ways: map[string]way{}}
	onRoads(t, net, func(t *testing.T, r *route) {
		var wait sync.WaitGroup
		for range 30 {
			for range 5 {
				wait.Go(func() {
					address, nc, _, err := dialled(r)
					if err != nil || address != "10.0.0.1" {
						t.Errorf("%s, %v", address, err)
						return
					}
					nc.Close()
				})
			}
			wait.Wait()
			net.change(func() { net.names = append(net.names[1:], net.names[0]) })
		}
	})
}

// over is a connection for commands.
func over(nc net.Conn) *nodeConn { return &nodeConn{below: &patientConn{Conn: nc}} }
