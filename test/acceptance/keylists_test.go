package acceptance

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells what users see while a node is to be filled and the others do not list their keys:
// memcached refuses that, or the list is played by whoever stands between.

// lister is what a node answers, instead of itself, when it is asked for its keys. While it is empty the node
// answers.
type lister struct {
	answer atomic.Pointer[string]
	silent atomic.Bool
}

func (l *lister) says(answer string) { l.answer.Store(&answer) }
func (l *lister) endsThat()          { l.answer.Store(nil); l.silent.Store(false) }

// around puts itself between an app and its nodes.
func (l *lister) around(c *cluster.Config) {
	under := c.DialContext
	c.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		nc, err := under(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &listedConn{Conn: nc, l: l}, nil
	}
}

// listedConn is a connection of an app. A list of keys has one of its own.
type listedConn struct {
	net.Conn
	l    *lister
	left *string // of the answer; nil: the node's own is read
}

func (c *listedConn) Write(b []byte) (int, error) {
	if !strings.HasPrefix(string(b), "lru_crawler metadump") {
		return c.Conn.Write(b)
	}
	if c.l.silent.Load() {
		return len(b), nil // the node never hears of it
	}
	if answer := c.l.answer.Load(); answer != nil {
		left := *answer
		c.left = &left
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// Read ends the connection behind the answer.
func (c *listedConn) Read(b []byte) (int, error) {
	if c.left == nil {
		return c.Conn.Read(b)
	}
	if *c.left == "" {
		return 0, io.EOF
	}
	n := copy(b, *c.left)
	*c.left = (*c.left)[n:]
	return n, nil
}

const (
	wholeLine = "key=TWFuIGlzIGRpc3Rpbmd1aXNoZWQsIG5vdCBvbmx5IGI exp=-1 la=1 cas=1 fetch=no cls=1 size=90\n"
	halfLine  = "key=TWFuIGlzIGRpc3Rpbm"
)

// Reads stay right, the status says why the node is not whole, and nothing hangs. When keys are listed
// again the node becomes whole.
func TestANodeIsFilledWhileListsOfKeysFail(t *testing.T) {
	for _, f := range []struct {
		name, answer, reason string
		unlisted             bool // to wait is no use
	}{
		{name: "busy", answer: "BUSY currently processing crawler request\r\n", reason: "busy"},
		{name: "cut", answer: wholeLine + halfLine, reason: "ended within its list"},
		{name: "silent", reason: "stands still"},
		{name: "garbage", answer: wholeLine + "nonsense\r\nEND\r\n", reason: "makes no sense"},
		{name: "another server", answer: "ERROR\r\n", reason: "does not know the command", unlisted: true},
	} {
		t.Run(f.name, func(t *testing.T) {
			each(t, []driver{scsDriver}, func(t *testing.T, d driver) {
				w := newWorld(t, d, 2)
				l := &lister{}
				app1, app2 := w.pair(options{config: func(c *cluster.Config) { quick.config(c); l.around(c) }})
				w.away(5, app1)
				app1.whole(w)
				l.says(f.answer)
				l.silent.Store(f.answer == "")
				w.env.Node(0).Restart()
				w.waitsInVain(app2, app1, w.env.Node(0), f.reason, f.unlisted)
				w.allAreBack(app2) // their requests bring the second copies
				u := w.newUser()
				u.logIn(app1, "ann")
				w.env.Node(1).Pause()
				u.is("ann", app2)
				w.allAreBack(app1)
				w.env.Node(1).Resume()
				isUp(t, app1, app2)
				l.endsThat()
				w.becomesWhole(app2)
			})
		})
	}
}

// memcached itself refuses: nobody can make the node whole, and users who come by lose nothing.
func TestANodeIsFilledWhereMemcachedListsNoKeys(t *testing.T) {
	for _, f := range []struct {
		name, reason string
		args         []string
	}{
		{"dumps are switched off", "-X", []string{"-X"}},
		{"the crawler is switched off", "crawler is off", []string{"-o", "no_lru_crawler"}},
	} {
		t.Run(f.name, func(t *testing.T) {
			each(t, apart, func(t *testing.T, d driver) {
				w := newWorld(t, d, 2, testenv.Args(f.args...))
				app1, app2 := w.pair(quick)
				w.away(5, app1)
				w.env.Node(0).Restart()
				w.waitsInVain(app2, app1, w.env.Node(0), f.reason, true)
				w.allAreBack(app2)
				w.env.Node(1).Kill()
				w.allAreBack(app1)
			})
		})
	}
}

// waitsInVain waits for the nodes, of which one cannot be filled, and demands that an app says why: the
// one whose healer has tried.
func (w *world) waitsInVain(a, other *app, filled *testenv.Node, reason string, unlisted bool) {
	w.t.Helper()
	patience := limit
	if !unlisted { // it waits until its context ends
		patience = 8 * time.Second
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	err := a.cluster.WaitWhole(ctx)
	if err == nil || errors.Is(err, cluster.ErrKeysNotListed) != unlisted {
		w.t.Fatalf("wait: %v", err)
	}
	said := ""
	eventually(w.t, "the status says why the node is not whole", func() bool {
		said = ""
		for _, n := range slices.Concat(a.cluster.Nodes(), other.cluster.Nodes()) {
			if n.Addr == filled.Addr() {
				said += n.Reason + "; "
				if !n.Whole && strings.Contains(n.Reason, reason) {
					return true
				}
			}
		}
		return false
	}, &said)
}

// becomesWhole waits until every node is whole, also where it could not be for a while.
func (w *world) becomesWhole(a *app) {
	w.t.Helper()
	last := ""
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	eventually(w.t, "all nodes are whole", func() bool {
		err := a.cluster.WaitWhole(ctx)
		if err != nil {
			last = err.Error()
		}
		return err == nil
	}, &last)
}
