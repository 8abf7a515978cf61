package cluster

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/placement"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what becomes of a session on nodes whose memory is full and which
// do not evict (memcached -M): they refuse the new record and go on serving the old.

// pantry is nodes of little memory in virtual time.
type pantry struct {
	*testing.T
	servers []*testenv.Server // in the order of the preference list of session "s"
	nodes   []Node
}

func onLittleMemory(t *testing.T, n int, story func(p *pantry)) {
	synctest.Test(t, func(t *testing.T) {
		p := &pantry{T: t}
		for i := range n {
			p.nodes = append(p.nodes, Node{ID: fmt.Sprint("n", i+1), Addr: fmt.Sprintf("192.0.2.%d:11211", i+1)})
		}
		for range n {
			s := testenv.NewServer(testenv.ServerConfig{MemoryBytes: 4000, NoEviction: true})
			defer s.Close()
			p.servers = append(p.servers, s)
		}
		story(p)
	})
}

// cluster is one instance of the app.
func (p *pantry) cluster() *Cluster {
	at := map[string]*testenv.Server{}
	for place, i := range placement.New(placed(p.nodes)).Preference(record.KeyOf("s"), len(p.nodes), nil) {
		at[p.nodes[i].Addr] = p.servers[place]
	}
	c, err := New(Config{
		Nodes: p.nodes, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
		DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) { return at[addr].Dial(ctx) },
	})
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { c.Close() })
	return c
}

// fill uses up the memory of a node, but for so many items of a byte.
func (p *pantry) fill(s *testenv.Server, left int) {
	conn, err := s.Dial(context.Background())
	if err != nil {
		p.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	for i := 0; ; i++ {
		fmt.Fprintf(conn, "set filler%d 0 0 1\r\nx\r\n", i)
		answer, err := r.ReadString('\n')
		if err != nil {
			p.Fatal(err)
		}
		if strings.HasPrefix(answer, "SERVER_ERROR out of memory") {
			for i := range left {
				fmt.Fprintf(conn, "delete filler%d\r\n", i)
				if _, err := r.ReadString('\n'); err != nil {
					p.Fatal(err)
				}
			}
			return
		}
	}
}

func (p *pantry) save(c *Cluster, r *Record, a string) error {
	r.Attrs["a"], r.Attrs["page"] = []byte(a), make([]byte, 500)
	r.Deadline = time.Now().Add(time.Hour)
	return c.Save(context.Background(), r)
}

func (p *pantry) sees(c *Cluster, want string) *Record {
	p.Helper()
	r, err := c.Load(context.Background(), "s")
	if err != nil {
		p.Fatalf("load: %v, want a=%s", err, want)
	}
	if got := string(r.Attrs["a"]); got != want {
		p.Errorf("read a=%s, want %s", got, want)
	}
	return r
}

// The fallback has kept a copy from when the primary hung. Now both home nodes are
// full: the change lies on the fallback alone, where no load would look while the home
// nodes agree on what was before.
func TestFullHomesDoNotHideTheFallbacksCopy(t *testing.T) {
	onLittleMemory(t, 3, func(p *pantry) {
		app, other := p.cluster(), p.cluster()
		if err := p.save(app, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		p.servers[0].Pause()
		p.sees(app, "1")
		p.servers[0].Resume()
		time.Sleep(5 * time.Second)
		r := p.sees(app, "1")
		p.fill(p.servers[0], 2)
		p.fill(p.servers[1], 2)
		if err := p.save(app, r, "2"); err != nil {
			t.Fatalf("the fallback has room, and yet: %v", err)
		}
		p.sees(other, "2")
	})
}

// Where the old copies cannot be taken away either, and both homes show them, the save is not
// acknowledged: nobody would look further.
func TestASaveThatLeavesAnOldCopyInSightIsNotAcknowledged(t *testing.T) {
	onLittleMemory(t, 3, func(p *pantry) {
		app := p.cluster()
		if err := p.save(app, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		r := p.sees(app, "1")
		p.fill(p.servers[0], 0)
		if err := p.save(app, r, "1+"); err != nil { // the other home has it: who sees both looks further
			t.Errorf("one home is full: %v", err)
		}
		p.sees(p.cluster(), "1+")
		p.servers[2].Close() // the fallback
		p.sees(p.cluster(), "1+")
		p.fill(p.servers[1], 0)
		if err := p.save(app, r, "2"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("save: %v, want that the node has no memory", err)
		}
	})
}

// Full homes that have no room for a withdrawal either go on serving the old copy: the save is not
// acknowledged, although the fallbacks take it.
func TestFullHomesThatKeepAnOldCopyLeaveItInSight(t *testing.T) {
	onLittleMemory(t, 4, func(p *pantry) {
		app := p.cluster()
		if err := p.save(app, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		r := p.sees(app, "1")
		p.fill(p.servers[0], 0)
		p.fill(p.servers[1], 0)
		if err := p.save(app, r, "2"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("save: %v, want that it is unavailable", err)
		}
	})
}

// Full homes that have failed since may come back with what they have: the save is not acknowledged
// on a fallback alone, although that takes it.
func TestFullHomesThatFailLeaveAnOldCopyInSight(t *testing.T) {
	onLittleMemory(t, 3, func(p *pantry) {
		app := p.cluster()
		if err := p.save(app, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		p.servers[0].Pause()
		r := p.sees(app, "1") // the fallback gets a copy
		p.servers[0].Resume()
		time.Sleep(5 * time.Second)
		var writeTried atomic.Bool
		for _, home := range p.servers[:2] {
			p.fill(home, 0)
			home.OnCommand(func(verb, _ string) { writeTried.Store(writeTried.Load() || verb == "cas") })
		}
		p.servers[2].OnCommand(func(verb, _ string) { // full nodes are read when the targets have answered
			if verb == "gets" && writeTried.Load() {
				p.servers[0].Pause()
				p.servers[1].Pause()
			}
		})
		if err := p.save(app, r, "2"); !errors.Is(err, ErrUnavailable) {
			t.Errorf("save: %v, want that it is unavailable", err)
		}
	})
}

// A copy that somebody has replaced meanwhile is not the one to be taken away.
func TestWithdrawalLeavesACopyWrittenSince(t *testing.T) {
	onLittleMemory(t, 1, func(p *pantry) {
		app := p.cluster()
		if err := p.save(app, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		n, key := app.nodes()[0], record.KeyOf("s").Name("")
		old, err := n.getOne(key)
		if err != nil || old == nil {
			t.Fatalf("%v, %v", old, err)
		}
		if err := p.save(app, p.sees(app, "1"), "2"); err != nil {
			t.Fatal(err)
		}
		if gone, err := n.server.Withdraw(key, old); gone || err != nil {
			t.Error(gone, err)
		}
		p.sees(app, "2")
	})
}

// A save that knows nothing of the session meets full home nodes that do.
func TestFullHomesDoNotHideASaveWithoutASnapshot(t *testing.T) {
	onLittleMemory(t, 4, func(p *pantry) {
		app, other := p.cluster(), p.cluster()
		if err := p.save(app, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		p.fill(p.servers[0], 2)
		p.fill(p.servers[1], 2)
		if err := p.save(app, NewRecord("s"), "2"); err != nil {
			t.Fatalf("the fallbacks have room, and yet: %v", err)
		}
		p.sees(other, "2")
	})
}

// Between the last read of a save and its withdrawals, another instance's save, of a
// smaller record, fits on both full homes. The first is then hidden behind it, unless it
// reads once more.
func TestWithdrawalThatComesTooLateReadsAgain(t *testing.T) {
	onLittleMemory(t, 4, func(p *pantry) {
		a, b, other := p.cluster(), p.cluster(), p.cluster()
		if err := p.save(a, NewRecord("s"), "1"); err != nil {
			t.Fatal(err)
		}
		ra, rb := p.sees(a, "1"), p.sees(b, "1")
		p.fill(p.servers[0], 6)
		p.fill(p.servers[1], 6)
		delete(rb.Attrs, "page") // B's record is smaller: it fits
		rb.Attrs["b"] = []byte("b")
		turn := 0
		key := record.KeyOf("s").Name("")
		p.servers[0].OnCommand(func(verb, k string) {
			if verb == "cas" && k == key {
				if turn++; turn == 2 { // A's withdrawal: its save is on the fallbacks
					if err := b.Save(context.Background(), rb); err != nil {
						t.Errorf("b: %v", err)
					}
				}
			}
		})
		ra.Attrs["a"], ra.Attrs["page"] = []byte("2"), make([]byte, 600)
		ra.Deadline = time.Now().Add(time.Hour)
		err := a.Save(context.Background(), ra)
		if turn < 2 || err != nil && !errors.Is(err, ErrUnavailable) && !errors.Is(err, ErrConflict) {
			t.Fatal(turn, err)
		}
		if err == nil {
			p.sees(other, "2")
		}
	})
}

// All nodes that a wide read asks are full. What the fifth takes nobody would find.
func TestSaveBeyondFullNodesIsNotAcknowledged(t *testing.T) {
	for _, known := range []bool{false, true} {
		onLittleMemory(t, 5, func(p *pantry) {
			app, other := p.cluster(), p.cluster()
			r := NewRecord("s")
			if known {
				if err := p.save(app, r, "1"); err != nil {
					t.Fatal(err)
				}
				r = p.sees(app, "1")
			}
			for _, s := range p.servers[:4] {
				p.fill(s, 2)
			}
			if err := p.save(app, r, "2"); !isErr(err, ErrUnavailable) {
				t.Errorf("known: %v: save: %v, want ErrUnavailable", known, err)
			}
			if known {
				p.sees(other, "1")
			}
		})
	}
}
