package cluster

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// These tests tell that a node is not whole while it is unknown what it lacks: keys are not listed, or
// two entries of the list lead to one server.

// What a node says in the place of its keys is no list: its sessions may be missing, and reads stay
// wide.
func TestANodeIsNotWholeWhereAListOfKeysFails(t *testing.T) {
	for _, f := range []struct {
		name    string
		crawler testenv.Crawler
		reason  string
	}{
		{"refused", testenv.Crawler{Refusal: testenv.RefusedByOption}, "-X"},
		{"no crawler", testenv.Crawler{Refusal: testenv.RefusedWithoutCrawler}, "crawler is off"},
		{"unknown command", testenv.Crawler{Refusal: "ERROR"}, "does not know the command"},
		{"cut", testenv.Crawler{CutAfter: 100}, "ended within its list"},
		{"silent", testenv.Crawler{SilentAfter: 100}, "stands still"},
		{"garbage", testenv.Crawler{Garbage: "nonsense"}, "makes no sense"},
		{"busy", testenv.Crawler{Busy: -1}, "busy"},
	} {
		t.Run(f.name, func(t *testing.T) {
			story(t, 2, func(w *world) {
				c := w.cluster(Config{})
				ids := w.createIdle(c, 20)
				lost, other := w.env.Node(0), w.env.Node(1)
				other.SetCrawler(f.crawler)
				lost.Restart()
				refused := f.crawler.Refusal != ""
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				err := c.WaitWhole(ctx)
				if err == nil || errors.Is(err, ErrKeysNotListed) != refused || refused == errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), f.reason) {
					w.Errorf("wait: %v", err)
				}
				time.Sleep(2 * pollEvery)
				if s := statusOf(c, lost); s.Whole || !strings.Contains(s.Reason, f.reason) {
					w.Errorf("%+v", s)
				}
				for _, id := range ids {
					w.sees(c, id, "a=1")
					w.holds(lost, id, "a=1") // a load brings it there
				}
				w.missing(c, "unknown", ErrNotFound) // both homes say so
				other.Pause()
				w.missing(c, "unknown", ErrUnavailable)
				other.Resume()
				w.until(c, other, StateUp)
				other.SetCrawler(testenv.Crawler{})
				ctx, cancel = context.WithTimeout(context.Background(), 10*time.Minute)
				defer cancel()
				for err = c.WaitWhole(ctx); errors.Is(err, ErrKeysNotListed) && ctx.Err() == nil; err = c.WaitWhole(ctx) {
					time.Sleep(pollEvery)
				}
				if err != nil {
					w.Errorf("its keys are listed again: %v", err)
				}
			})
		})
	}
}

// Where keys are not listed, the sessions that this process has used are healed, and a node is whole when
// every other one that it may lack has ended. When it is emptied again, that begins anew.
func TestANodeThatListsNoKeysIsEmptiedTwice(t *testing.T) {
	story(t, 2, func(w *world) {
		n, other := w.env.Node(0), w.env.Node(1)
		other.SetCrawler(testenv.Crawler{Refusal: testenv.RefusedByOption})
		c := w.cluster(Config{Lifetime: time.Hour})
		for round := range 2 {
			ids := w.createIdle(c, 10)
			n.Restart()
			if err := c.WaitWhole(w.Context()); !errors.Is(err, ErrKeysNotListed) {
				w.Errorf("round %d: wait: %v", round, err)
			}
			w.holdsAll(n, ids, "a=1")
			until := time.Now().Add(c.longestLife() + time.Hour)
			for !statusOf(c, n).Whole && time.Now().Before(until) {
				time.Sleep(time.Minute)
			}
			if left := time.Until(until); left <= 0 || left > time.Hour+10*time.Minute {
				w.Errorf("round %d: whole %v before the longest session has ended", round, left-time.Hour)
			}
		}
	})
}

// A process that heals nothing, such as an operator's command, learns from the marker why the node is not whole.
func TestEverybodyCanSeeThatKeysAreNotListed(t *testing.T) {
	story(t, 2, func(w *world) {
		n, other := w.env.Node(0), w.env.Node(1)
		c, looks := w.cluster(Config{}), w.cluster(Config{HealPerSecond: -1})
		w.createIdle(c, 10)
		other.SetCrawler(testenv.Crawler{Refusal: testenv.RefusedByOption})
		n.Restart()
		if err := c.WaitWhole(w.Context()); !errors.Is(err, ErrKeysNotListed) {
			w.Errorf("wait: %v", err)
		}
		looks.pollNow()
		if s := statusOf(looks, n); s.Whole || !strings.Contains(s.Reason, "keys cannot be listed") {
			w.Errorf("%+v", s)
		}
		other.SetCrawler(testenv.Crawler{})
		c.healer.tryAgain()
		time.Sleep(time.Minute) // a pass is made
		w.waitWhole(c)
		if m := w.markerOn(looks, n); m.List(c.listName()).Unlisted {
			w.Error("it says so although keys are listed again")
		}
	})
}

// Two entries of the list lead to one server: each session there has one copy.
func TestOneServerUnderTwoIDsIsNotWhole(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == w.env.Node(1).Addr() {
				addr = w.env.Node(0).Addr()
			}
			return w.dial(ctx, network, addr)
		}})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.WaitWhole(ctx); !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "one server") {
			w.Errorf("wait: %v", err)
		}
		said := 0
		for _, s := range c.Nodes()[:2] {
			if !s.Whole && strings.Contains(s.Reason, "one server") {
				said++
			}
		}
		if said != 1 { // the other one has its marker there
			w.Errorf("%+v", c.Nodes())
		}
	})
}
