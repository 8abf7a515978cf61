package testenv_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/testenv"
)

// world is a node with one client behind a wire and one beside it.
type world struct {
	t              *testing.T
	patience       time.Duration // of a client that is to give up
	node           *testenv.Node
	wire           *testenv.Wire
	client, beside *memcache.Client
}

// inBothWorlds runs a test in virtual time on a node in memory, and on a
// memcached process in real time.
func inBothWorlds(t *testing.T, test func(t *testing.T, w *world)) {
	start := func(t *testing.T, patience time.Duration, opts ...testenv.Option) *world {
		env := testenv.Start(t, 1, opts...)
		w := &world{t: t, patience: patience, node: env.Node(0), wire: testenv.NewWire(env.DialContext)}
		w.client, w.beside = memcache.New(w.node.Addr()), memcache.New(w.node.Addr())
		w.client.DialContext, w.beside.DialContext = w.wire.DialContext, env.DialContext
		w.client.Timeout, w.beside.Timeout = 10*time.Second, 10*time.Second
		t.Cleanup(func() {
			w.client.Close()
			w.beside.Close()
			w.wire.Close()
		})
		return w
	}
	t.Run("virtual", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, start(t, time.Second, testenv.InMemory())) })
	})
	t.Run("real", func(t *testing.T) {
		t.Parallel() // mostly waiting
		test(t, start(t, 50*time.Millisecond, testenv.Real()))
	})
}

func (w *world) addr() string { return w.node.Addr() }

func (w *world) set(value string) error {
	return w.client.Set(&memcache.Item{Key: "k", Value: []byte(value)})
}

// mustHold waits until the node itself holds value.
func (w *world) mustHold(value string) {
	w.t.Helper()
	eventually(w.t, "the node holds "+value, func() bool {
		it, err := w.beside.Get("k")
		return err == nil && string(it.Value) == value
	})
}

// mustGiveUp has the client set value with little patience, in vain.
func (w *world) mustGiveUp(value string) {
	w.t.Helper()
	w.client.Timeout = w.patience
	defer func() { w.client.Timeout = 10 * time.Second }()
	w.mustBeTimeout(w.set(value))
}

func (w *world) mustBeTimeout(err error) {
	w.t.Helper()
	var dial *memcache.ConnectTimeoutError
	if ne, ok := err.(net.Error); ok && ne.Timeout() || errors.As(err, &dial) {
		return
	}
	w.t.Fatalf("error %v (%T), want a timeout", err, err)
}

func (w *world) mustWork() {
	w.t.Helper()
	if err := w.set("sound"); err != nil {
		w.t.Fatalf("set over a sound wire: %v", err)
	}
	w.mustHold("sound")
}

func TestWireWithoutFaultPassesEverything(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		mustGet(t, w.client, "k", "sound")
	})
}

func TestLostRequestsAreNotApplied(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.Blackhole(w.addr(), testenv.Requests)
		w.mustGiveUp("lost") // on the open connection
		w.mustGiveUp("lost") // on a new one, which cannot be opened
		w.wire.Heal(w.addr())
		w.mustHold("sound")
		w.mustWork()
	})
}

func TestLostRepliesLeaveTheCommandApplied(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.Blackhole(w.addr(), testenv.Replies)
		w.mustGiveUp("applied")
		w.mustHold("applied")
		w.mustGiveUp("no connection")
		w.wire.HealAll()
		w.mustHold("applied")
		w.mustWork()
	})
}

func TestCutWireLosesBothWays(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.Blackhole(w.addr(), testenv.Both)
		w.mustGiveUp("lost")
		w.mustGiveUp("lost")
		w.mustHold("sound")
		w.wire.Heal(w.addr())
		w.mustWork()
	})
}

func TestConnectionThatLostBytesStaysLostAfterHeal(t *testing.T) {
	for _, lost := range []testenv.Direction{testenv.Requests, testenv.Replies} {
		inBothWorlds(t, func(t *testing.T, w *world) {
			conn := w.dial()
			w.wire.Blackhole(w.addr(), lost)
			w.say(conn, "version\r\n")
			w.mustHear(conn, "", 50*time.Millisecond)
			w.wire.Heal(w.addr())
			w.say(conn, "version\r\n")
			w.mustHear(conn, "", 50*time.Millisecond)
			w.mustWork()
		})
	}
}

func TestHangingConnectionAttempt(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.wire.Blackhole(w.addr(), testenv.Requests)
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		_, err := w.wire.DialContext(ctx, "tcp", w.addr())
		cancel()
		if ne, ok := err.(net.Error); !ok || !ne.Timeout() {
			t.Errorf("dial past its deadline: %v, want a timeout", err)
		}

		ctx, cancel = context.WithCancel(t.Context())
		time.AfterFunc(10*time.Millisecond, cancel)
		if _, err := w.wire.DialContext(ctx, "tcp", w.addr()); !errors.Is(err, context.Canceled) {
			t.Errorf("dial of a cancelled context: %v", err)
		}

		time.AfterFunc(10*time.Millisecond, func() { w.wire.Heal(w.addr()) })
		conn, err := w.wire.DialContext(t.Context(), "tcp", w.addr())
		if err != nil {
			t.Fatalf("dial that outlasts the fault: %v", err)
		}
		conn.Close()
	})
}

func TestDroppedReplyLosesOneReply(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.DropReply(w.addr())
		w.mustGiveUp("applied")
		w.mustHold("applied")
		mustGet(t, w.client, "k", "applied") // the next reply arrives
	})
}

func TestLateDeliveryIsAppliedAfterTheClientGaveUp(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"Release": func(w *world) { w.wire.Release(w.addr()) },
		"Heal":    func(w *world) { w.wire.Heal(w.addr()) },
	} {
		t.Run(name, func(t *testing.T) {
			inBothWorlds(t, func(t *testing.T, w *world) {
				w.mustWork()
				connections := w.node.Stats()["curr_connections"]
				w.wire.DeliverLate(w.addr(), 0)
				w.mustGiveUp("late")
				mustGet(t, w.beside, "k", "sound")
				mustSet(t, w.beside, "k", "acknowledged meanwhile")
				end(w)
				w.mustHold("late")
				if name == "Release" {
					w.mustGiveUp("late again")
					mustGet(t, w.beside, "k", "late")
					w.wire.Heal(w.addr())
					w.mustHold("late again")
				}
				w.mustWork()
				eventually(t, "the connections that delivered late are closed", func() bool {
					return w.node.Stats()["curr_connections"] == connections
				})
			})
		})
	}
}

func TestLateDeliveryAfterADuration(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.DeliverLate(w.addr(), 10*w.patience)
		w.mustGiveUp("late")
		mustGet(t, w.beside, "k", "sound")
		w.mustHold("late")
	})
}

func TestLateDeliveryKeepsOrderOnOneConnection(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		conn := w.dial()
		w.wire.DeliverLate(w.addr(), 0)
		w.say(conn, "set k 0 0 1\r\n1\r\n")
		w.say(conn, "append k 0 0 1\r\n2\r\n")
		w.wire.Heal(w.addr())
		w.say(conn, "append k 0 0 1\r\n3\r\n")
		w.mustHear(conn, "STORED\r\nSTORED\r\nSTORED\r\n", 10*time.Second)
		w.mustHold("123")
	})
}

func TestDelay(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.Delay(w.addr(), w.patience)
		if err := w.set("slow"); err != nil {
			t.Fatalf("set on a slow wire: %v", err)
		}
		w.wire.Delay(w.addr(), 4*w.patience)
		w.mustGiveUp("too slow")
		w.mustGiveUp("no connection in time")
		w.mustHold("too slow")
		w.wire.Delay(w.addr(), 0)
		w.mustWork()
	})
}

func TestDelayTakesItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 1, testenv.InMemory())
		wire := testenv.NewWire(env.DialContext)
		defer wire.Close()
		addr := env.Node(0).Addr()
		wire.Delay(addr, 30*time.Millisecond)
		took := func(f func()) time.Duration {
			start := time.Now()
			f()
			return time.Since(start)
		}
		c := memcache.New(addr)
		c.DialContext = wire.DialContext
		defer c.Close()
		if d := took(func() { mustSet(t, c, "k", "v") }); d != 60*time.Millisecond {
			t.Errorf("connection and request took %v, want two delays", d)
		}
		if d := took(func() { mustGet(t, c, "k", "v") }); d != 30*time.Millisecond {
			t.Errorf("request on an open connection took %v, want one delay", d)
		}

		wire.Heal(addr)
		conn, err := wire.DialContext(t.Context(), "tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		wire.SlowDrip(addr, time.Second)
		const answer = "VALUE k 0 1\r\nv\r\nEND\r\n"
		io.WriteString(conn, "get k\r\n")
		heard := make([]byte, len(answer))
		if d := took(func() { io.ReadFull(conn, heard) }); d != time.Duration(len(answer))*time.Second || string(heard) != answer {
			t.Errorf("%q took %v, want a second a byte", heard, d)
		}
	})
}

func TestRefusedConnections(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.Refuse(w.addr())
		if err := w.set("on the open connection"); err != nil {
			t.Errorf("set on an open connection: %v", err)
		}
		w.client.Close()
		if err := w.set("x"); !errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("set on a new connection: %v, want it refused", err)
		}
		w.wire.Heal(w.addr())
		w.mustWork()
	})
}

func TestResetBreaksOpenConnectionsOnly(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		reading, idle := w.dial(), w.dial()
		broken := make(chan error)
		go func() {
			_, err := reading.Read(make([]byte, 1))
			broken <- err
		}()
		time.Sleep(time.Millisecond) // either order is a reset
		w.wire.Reset(w.addr())
		if err := <-broken; !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a read under way: %v, want a reset", err)
		}
		if _, err := idle.Write([]byte("version\r\n")); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("a write after the reset: %v", err)
		}
		w.mustWork()
	})
}

func TestSlowDrip(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.SlowDrip(w.addr(), w.patience/4)
		w.mustGiveUp("sound") // the answer has eight bytes

		conn := w.dial()
		w.wire.SlowDrip(w.addr(), time.Millisecond)
		w.say(conn, "get k\r\n")
		w.mustHear(conn, "VALUE k 0 5\r\nsound\r\nEND\r\n", 10*time.Second)
		w.wire.Heal(w.addr())
		w.mustWork()
	})
}

func TestFaultsReachReadsUnderWay(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		for _, fault := range []func(){
			func() { w.wire.Blackhole(w.addr(), testenv.Replies) },
			func() { w.wire.DropReply(w.addr()) },
		} {
			conn := w.dial()
			heard := make(chan error)
			conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			go func() {
				_, err := conn.Read(make([]byte, 1))
				heard <- err
			}()
			time.Sleep(time.Millisecond)
			fault()
			w.say(conn, "version\r\n")
			w.mustBeTimeout(<-heard)
			w.wire.Heal(w.addr())
		}
	})
}

func TestMovedDeadlineWakesAReadInAFault(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		conn := w.dial()
		w.wire.DropReply(w.addr())
		w.say(conn, "version\r\n")
		time.AfterFunc(20*time.Millisecond, func() { conn.SetReadDeadline(time.Now()) })
		_, err := conn.Read(make([]byte, 1))
		w.mustBeTimeout(err)
		conn.SetReadDeadline(time.Time{})
		time.AfterFunc(20*time.Millisecond, func() { conn.Close() })
		if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read of a closed connection: %v", err)
		}
	})
}

func TestFaultsAreApartByAddress(t *testing.T) {
	env := testenv.Start(t, 2, testenv.Embedded())
	wire := testenv.NewWire(nil)
	defer wire.Close()
	wire.Refuse(env.Node(0).Addr())
	for i, refused := range []bool{true, false} {
		conn, err := wire.DialContext(t.Context(), "tcp", env.Node(i).Addr())
		if errors.Is(err, syscall.ECONNREFUSED) != refused {
			t.Errorf("node %d: %v", i, err)
		}
		if err == nil {
			conn.Close()
		}
	}
}

func TestClosedWire(t *testing.T) {
	inBothWorlds(t, func(t *testing.T, w *world) {
		w.mustWork()
		w.wire.DeliverLate(w.addr(), 0)
		w.mustGiveUp("held for good")
		w.wire.Close()
		if _, err := w.wire.DialContext(t.Context(), "tcp", w.addr()); !errors.Is(err, net.ErrClosed) {
			t.Errorf("dial over a closed wire: %v", err)
		}
		w.wire.HealAll()
		mustGet(t, w.beside, "k", "sound")
	})
}

func (w *world) dial() net.Conn {
	w.t.Helper()
	conn, err := w.wire.DialContext(w.t.Context(), "tcp", w.addr())
	if err != nil {
		w.t.Fatalf("dial: %v", err)
	}
	w.t.Cleanup(func() { conn.Close() })
	return conn
}

func (w *world) say(conn net.Conn, s string) {
	w.t.Helper()
	if _, err := io.WriteString(conn, s); err != nil {
		w.t.Fatalf("write %q: %v", s, err)
	}
}

// mustHear reads want from conn, or, if want is empty, nothing for that long.
func (w *world) mustHear(conn net.Conn, want string, within time.Duration) {
	w.t.Helper()
	conn.SetReadDeadline(time.Now().Add(within))
	heard := make([]byte, max(1, len(want)))
	n, err := io.ReadFull(conn, heard)
	if string(heard[:n]) != want {
		w.t.Fatalf("heard %q (%v), want %q", heard[:n], err, want)
	}
	if want == "" {
		w.mustBeTimeout(err)
	}
}
