package cluster

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/journal"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

func TestServiceTransitions(t *testing.T) {
	const few = mostDeclined - 1
	for _, c := range []struct {
		why  string
		from service
		v    memcached.Verdict
		want service
		says memcached.Verdict
	}{
		{"a request that is served", service{declined: few, unproven: true}, memcached.Answered, service{}, memcached.Answered},
		{"the first that is declined is no matter", service{}, memcached.Declined, service{declined: 1}, memcached.Answered},
		{"the last of a row is", service{declined: few}, memcached.Declined, service{mustServe: true}, memcached.Declined},
		{"one more, from a node that has to serve", service{mustServe: true}, memcached.Declined, service{mustServe: true}, memcached.Declined},
		{"a timeout between declined ones", service{declined: few}, memcached.TimedOut, service{}, memcached.TimedOut},
		{"a timeout of a node that was proven", service{}, memcached.TimedOut, service{}, memcached.TimedOut},
		{"a timeout behind a probe, and no request served between", service{unproven: true}, memcached.TimedOut, service{mustServe: true}, memcached.TimedOut},
		{"a broken connection behind a probe", service{unproven: true}, memcached.Broken, service{mustServe: true}, memcached.Broken},
		{"a timeout of a node that has to serve", service{mustServe: true}, memcached.TimedOut, service{mustServe: true}, memcached.TimedOut},
	} {
		if got, says := c.from.afterRequest(c.v); got != c.want || says != c.says {
			t.Errorf("%s: %+v, %v, want %+v, %v", c.why, got, says, c.want, c.says)
		}
	}
	if got := (service{}).afterUp(); got != (service{unproven: true}) {
		t.Errorf("a node that answered probes only is proven: %+v", got)
	}
	if got := (service{mustServe: true, declined: few}).afterUp(); got != (service{}) {
		t.Errorf("a node that served a probe is not proven: %+v", got)
	}
}

// half is a node that answers probes, and to everything else what it is told to.
type half struct {
	net.Addr
	serves atomic.Bool   // as an empty memcached that keeps nothing
	answer string        // while it does not; empty: none
	asked  atomic.Uint64 // other commands
}

func (h *half) serve(nc net.Conn) {
	defer nc.Close()
	r := bufio.NewReader(nc)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		verb, _, _ := strings.Cut(strings.TrimSpace(line), " ")
		say := h.answer
		switch {
		case verb == "version":
			say = "VERSION 1\r\n"
		case (verb == "gets" || verb == "lru_crawler") && h.serves.Load():
			say = "END\r\n"
		case h.serves.Load():
			say = "STORED\r\n"
		}
		if verb != "version" {
			h.asked.Add(1)
		}
		if verb == "add" || verb == "cas" || verb == "set" {
			skipValue(r, strings.Fields(line))
		}
		if _, err := io.WriteString(nc, say); err != nil {
			return
		}
	}
}

// withHalf runs a test on three nodes and a fourth that serves no request.
func withHalf(t *testing.T, answer string, test func(w *world, c *Cluster, h *half, states func() string)) {
	story(t, 3, func(w *world) {
		h := &half{answer: answer}
		nodes, err := ParseNodes(w.env.Nodes() + ",half:half:1")
		if err != nil {
			w.Fatal(err)
		}
		var mu sync.Mutex
		var states []string
		var wg sync.WaitGroup
		var open []net.Conn
		c := w.cluster(Config{
			Nodes: nodes,
			DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
				if addr != "half:1" {
					return w.dial(ctx, network, addr)
				}
				mine, theirs := net.Pipe()
				mu.Lock()
				open = append(open, theirs)
				mu.Unlock()
				wg.Go(func() { h.serve(theirs) })
				return mine, nil
			},
			OnNodeState: func(s NodeStatus) {
				mu.Lock()
				defer mu.Unlock()
				if s.ID == "half" {
					states = append(states, s.State.String())
				}
			},
		})
		test(w, c, h, func() string {
			mu.Lock()
			defer mu.Unlock()
			return strings.Join(states, " ")
		})
		c.Close()
		mu.Lock()
		for _, nc := range open {
			nc.Close()
		}
		mu.Unlock()
		wg.Wait()
	})
}

// visits has many users come, save and come again.
func visits(w *world, c *Cluster, name string, n int) {
	for i := range n {
		id := fmt.Sprint(name, i)
		w.create(c, id, "a=1")
		w.sees(c, id, "a=1")
		time.Sleep(20 * time.Millisecond)
	}
}

// A node that says its version and hangs on everything else costs its users two Timeouts, and
// then it is down until it serves. It is not up and suspect by turns.
func TestANodeThatHangsOnAllButProbesIsDown(t *testing.T) {
	withHalf(t, "", func(w *world, c *Cluster, h *half, states func() string) {
		visits(w, c, "a", 100)
		if got := states(); got != "suspect up suspect down" {
			t.Errorf("its states were %q", got)
		}
		before := h.asked.Load()
		visits(w, c, "b", 100)
		if n := h.asked.Load() - before; n > 20 {
			t.Errorf("%d commands went to a node that is down", n)
		}
		if len(linesIn(w.logs, "node is down")) != 1 {
			t.Errorf("logged: %s", w.logs)
		}
		h.serves.Store(true)
		time.Sleep(5 * time.Second)
		if s := c.Nodes()[3]; s.State != StateUp {
			t.Errorf("it serves, and is %v", s.State)
		}
	})
}

// A node that declines everything is counted, shown, logged once a second at most, and passed over.
// No node is whole while it is down, so each load asks it: it says at once that it declines.
func TestANodeThatDeclinesEverythingIsDown(t *testing.T) {
	// mostInBackground are the polls and passes before the node is down.
	const mostInBackground = 50
	withHalf(t, "SERVER_ERROR "+planted+"\r\n", func(w *world, c *Cluster, h *half, states func() string) {
		began := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) // when virtual time begins
		const users = 384
		visits(w, c, "a", users)
		if got := states(); got != "suspect down" {
			t.Errorf("its states were %q", got)
		}
		s := c.Nodes()[3]
		if s.Errors < mostDeclined || s.Errors > users+mostInBackground || s.Timeouts != 0 || !strings.Contains(s.LastError, "SERVER_ERROR") {
			t.Errorf("it shows as %+v", s)
		}
		if n := len(linesIn(w.logs, "node refuses commands")); n < 1 || n > int(time.Since(began)/journal.Every)+2 {
			t.Errorf("%d lines: %s", n, w.logs)
		}
		if len(linesIn(w.logs, "node is down")) != 1 || strings.Contains(w.logs.String(), planted) {
			t.Errorf("logged: %s", w.logs)
		}
		h.serves.Store(true)
		time.Sleep(5 * time.Second)
		if s := c.Nodes()[3]; s.State != StateUp {
			t.Errorf("it serves, and is %v", s.State)
		}
	})
}

// A read needs no room: a node that refuses it for want of any is counted and shown as one that
// refuses. Its writes are refused by a node that is well and full.
func TestReadsRefusedForWantOfRoomAreCounted(t *testing.T) {
	for _, reason := range []string{"out of memory storing object", "object too large for cache"} {
		withHalf(t, "SERVER_ERROR "+reason+"\r\n", func(w *world, c *Cluster, _ *half, _ func() string) {
			visits(w, c, "a", 384)
			s := c.Nodes()[3]
			if s.Errors == 0 || s.Timeouts != 0 || s.LastError == "" || len(linesIn(w.logs, "node refuses commands")) == 0 {
				t.Errorf("%s: it shows as %+v; logged: %s", reason, s, w.logs)
			}
		})
	}
}
