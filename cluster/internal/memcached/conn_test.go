package memcached

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Time alone does not bound this: a fast server fills the memory within one timeout.
func TestValuesWithoutEndAreCutOff(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		_, _ = r.ReadString('\n')
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(nc, "VALUE k%d 0 1 1\r\nx\r\n", i); err != nil {
				return
			}
		}
	}, func(t *testing.T, n *watched) {
		if _, err := n.getOne("k"); err == nil {
			t.Error("it passes")
		}
	})
}

// A command has one deadline, however many values its answer brings: the client below
// would give each value a new one.
func TestManySlowValuesCostOneTimeout(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		asked, _ := r.ReadString('\n')
		for i, key := range strings.Fields(asked) {
			if i == 0 { // the verb
				continue
			}
			time.Sleep(testTimeout * 9 / 10)
			if _, err := fmt.Fprintf(nc, "VALUE %s 0 1 1\r\nx\r\n", key); err != nil {
				return
			}
		}
		_, _ = io.WriteString(nc, "END\r\n")
	}, func(t *testing.T, n *watched) {
		var batch []*Request
		for i := range 20 {
			batch = append(batch, &Request{Key: fmt.Sprint("k", i)})
		}
		began := time.Now()
		if err := n.fetch(batch); !isErr(err, errTimeout) {
			t.Error(err)
		}
		if took := time.Since(began); took != testTimeout {
			t.Errorf("took %v, want %v", took, testTimeout)
		}
	})
}

// The prober reads one line, and not more of it than a line can have.
func TestAnEndlessAnswerToAProbeIsCutOff(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		_, err := r.ReadString('\n')
		for err == nil {
			time.Sleep(10 * time.Microsecond)
			_, err = io.WriteString(nc, strings.Repeat(planted, 1000))
		}
	}, func(t *testing.T, n *watched) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := n.Ping(false)
		runtime.ReadMemStats(&after)
		if err == nil || strings.Contains(err.Error(), planted[:6]) {
			t.Error(err)
		}
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%d bytes allocated", got)
		}
	})
}

// No more than MaxConns exchanges are on their way to a node. Who comes beyond that waits
// for one of them to end, for a Timeout, and then turns to another node.
func TestExchangesWithOneNodeAreBounded(t *testing.T) {
	const most = 3
	var connections atomic.Int32
	serve := script(func(string) string {
		time.Sleep(testTimeout * 3 / 10)
		return "STORED\r\n"
	})
	hostile(t, Config{MaxConns: most}, func(nc net.Conn, r *bufio.Reader) {
		connections.Add(1)
		serve(nc, r)
	}, func(t *testing.T, n *watched) {
		began := time.Now()
		var done, busy atomic.Int32
		var wg sync.WaitGroup
		for i := range 30 {
			wg.Go(func() {
				o, maybe, err := n.Write(fmt.Sprint("k", i), make([]byte, MaxShared+1), nil, 60)
				switch {
				case o == Stored:
					done.Add(1)
				case isErr(err, errBusy) && !maybe:
					busy.Add(1)
				default:
					t.Errorf("%v, maybe %v: %v", o, maybe, err)
				}
			})
		}
		wg.Wait()
		if connections.Load() != most || done.Load() != 4*most || busy.Load() != 30-4*most {
			t.Errorf("%d writes over %d connections, %d found all busy", done.Load(), connections.Load(), busy.Load())
		}
		if took := time.Since(began); took != testTimeout*12/10 {
			t.Errorf("took %v", took)
		}
	})
}

// Who waited for a connection must not then wait for a node that has just been found
// sick.
func TestRequestThatWaitedForAConnectionWaitsForNoHungNode(t *testing.T) {
	hostile(t, Config{MaxConns: 1}, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }, func(t *testing.T, n *watched) {
		began := time.Now()
		var first sync.WaitGroup
		first.Go(func() {
			if _, _, err := n.Write("a", make([]byte, MaxShared+1), nil, 60); !isErr(err, errTimeout) {
				t.Error(err)
			}
		})
		time.Sleep(testTimeout / 2)
		if _, maybe, err := n.Write("b", make([]byte, MaxShared+1), nil, 60); !isErr(err, errNotUsable) || maybe {
			t.Errorf("%v, maybe %v", err, maybe)
		}
		if took := time.Since(began); took != testTimeout {
			t.Errorf("took %v, want %v", took, testTimeout)
		}
		first.Wait()
	})
}

// The whole of an exchange, with its dial, costs one timeout.
func TestASlowDialCountsIntoTheTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := watch(Config{Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			time.Sleep(testTimeout * 9 / 10)
			client, server := net.Pipe()
			go func() {
				_, _ = io.Copy(io.Discard, server)
				server.Close()
			}()
			return client, nil
		}})
		began := time.Now()
		if _, err := n.getOne("k"); err == nil {
			t.Error("it says nothing and passes")
		}
		if took := time.Since(began); took != testTimeout {
			t.Errorf("took %v, want %v", took, testTimeout)
		}
		n.end()
	})
}

// A node that has stopped reading must not keep the end of a TLS connection waiting.
func TestATLSConnectionEndsAtOnce(t *testing.T) {
	cert := selfSigned(t)
	synctest.Test(t, func(t *testing.T) {
		d := &dialer{timeout: testTimeout, clock: NewClock(testTimeout), tls: func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} }}
		client, server := net.Pipe()
		d.dial = func(context.Context, string, string) (net.Conn, error) { return client, nil }
		go func() {
			_ = tls.Server(server, &tls.Config{Certificates: []tls.Certificate{cert}, SessionTicketsDisabled: true}).Handshake()
		}()
		nc, err := d.open("tcp", "n1:11211", d.limit())
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		nc.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %v", took)
		}
		server.Close()
	})
}

// A DialContext of the app's that misbehaves fails the write that needed it, and no other.
func TestADialContextThatMisbehaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dials := 0
		n := watch(Config{Dial: func(context.Context, string, string) (net.Conn, error) {
			switch dials++; dials {
			case 1, 2:
				return nil, nil
			case 3, 4:
				panic(planted)
			}
			client, server := net.Pipe()
			go script(func(string) string { return "STORED\r\n" })(server, bufio.NewReader(server))
			return client, nil
		}})
		for range 2 {
			if _, err := n.getOne("k"); err == nil || strings.Contains(err.Error(), planted) {
				t.Errorf("get: %v", err)
			}
			if _, maybe, err := n.Write("k", []byte("v"), nil, 60); err == nil || maybe || strings.Contains(err.Error(), planted) {
				t.Errorf("write: %v, maybe stored: %v", err, maybe)
			}
		}
		if o, _, err := n.Write("k", []byte("v"), nil, 60); o != Stored {
			t.Errorf("afterwards: %v", err)
		}
		n.end()
	})
}
