package cluster

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// countAll counts the sessions that All yields, and returns its error.
func countAll(c *Cluster, each func(n int, s SessionInfo) bool) (n int, err error) {
	for s, e := range c.All(context.Background()) {
		if e != nil {
			return n, e
		}
		n++
		if each != nil && !each(n, s) {
			break
		}
	}
	return n, nil
}

func TestAllYieldsEachLivingSessionOnce(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{KeyPrefix: "app:"})
		other := w.cluster(Config{KeyPrefix: "other:"})
		w.create(other, "not ours", "a=1")
		began := time.Now()
		for i := range 50 {
			w.create(c, fmt.Sprintf("s%d", i), "a=1")
		}
		w.delete(c, "s0")
		short := w.load(c, "s1")
		short.Deadline = time.Now().Add(time.Second) // the nodes keep it, as evidence, for an hour
		w.save(c, short)
		time.Sleep(2 * time.Second)
		keys := map[string]int{}
		n, err := countAll(c, func(_ int, s SessionInfo) bool {
			keys[string(s.key[:])]++
			if !s.Deadline.Equal(began.Add(time.Hour)) && s.Deadline.Sub(began.Add(time.Hour)).Abs() > time.Second {
				w.Errorf("deadline %v, of sessions from %v that live for an hour", s.Deadline, began)
			}
			if s.LastSaved.Sub(began).Abs() > time.Second || s.Bytes < 10 || s.Bytes > 1000 {
				w.Errorf("last saved %v, %d bytes", s.LastSaved, s.Bytes)
			}
			if text := fmt.Sprintf("%v %+v %#v %s", s, s, s, s.LogValue()); strings.Contains(text, string(s.key[:])) || strings.Contains(text, fmt.Sprint(s.key[0], s.key[1])) {
				w.Errorf("the key is shown: %s", text)
			}
			return true
		})
		if n != 48 || len(keys) != 48 || err != nil {
			w.Errorf("%d sessions, %d of them different, %v", n, len(keys), err)
		}
	})
}

// Nodes with more keys than are listed at once list them in parts, of which no session is in two.
func TestAllYieldsEachSessionOnceInParts(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		for i := range 300 { // 200 on each node
			w.create(c, fmt.Sprintf("s%d", i), "a=1")
		}
		all := func(most int) (keys map[string]int, err error) {
			keys = map[string]int{}
			for s, e := range each(c, context.Background(), most, func(op *operation, v *view) SessionInfo { return *c.infoOf(op.hash, v) }) {
				if err = e; e == nil {
					keys[string(s.key[:])]++
				}
			}
			return keys, err
		}
		for _, most := range []int{1000, 200, 100, 20} {
			keys, err := all(most)
			if len(keys) != 300 || err != nil {
				w.Errorf("at most %d: %d sessions, %v", most, len(keys), err)
			}
			for _, times := range keys {
				if times != 1 {
					w.Errorf("at most %d: a session was seen %d times", most, times)
				}
			}
		}
		if keys, err := all(1); len(keys) != 0 || err == nil || !strings.Contains(err.Error(), "more than") {
			w.Errorf("%d sessions, %v: want an error before the first", len(keys), err)
		}
	})
}

func TestAllRepairsNothing(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		for i := range 20 {
			w.create(c, fmt.Sprintf("s%d", i), "a=1")
		}
		w.preference("s7")[0].Delete(record.KeyOf("s7").Name(""))
		w.forget()
		if n, err := countAll(c, nil); n != 20 || err != nil {
			w.Errorf("%d sessions, %v", n, err)
		}
		if w.count("gets") == 0 || w.count() != w.count("gets", "stats") {
			w.Errorf("sent %v", w.sent)
		}
	})
}

// A node dies before, or while, the sessions are read: the other copy of each is seen.
func TestAllSeesEverySessionWhileANodeDies(t *testing.T) {
	for _, dies := range []int{0, 1, 100} {
		t.Run(fmt.Sprintf("at session %d", dies), func(t *testing.T) {
			story(t, 3, func(w *world) {
				c := w.cluster(Config{})
				for i := range 200 {
					w.create(c, fmt.Sprintf("s%d", i), "a=1")
				}
				if dies == 0 {
					w.env.Node(1).Kill()
				}
				keys := map[string]int{}
				n, err := countAll(c, func(n int, s SessionInfo) bool {
					if n == dies {
						w.env.Node(1).Kill()
					}
					keys[string(s.key[:])]++
					return true
				})
				if n != 200 || len(keys) != 200 || err != nil {
					w.Errorf("%d sessions, %d of them different, %v", n, len(keys), err)
				}
			})
		})
	}
}

func TestAllSaysWhereSessionsWouldBeLeftOut(t *testing.T) {
	none := func(w *world, c *Cluster, of ...*testenv.Node) error {
		w.Helper()
		n, err := countAll(c, nil)
		if n > 0 || err == nil {
			w.Errorf("%d sessions, %v: want an error before the first", n, err)
			return nil
		}
		for _, node := range of {
			if !strings.Contains(err.Error(), node.ID()) {
				w.Errorf("the error does not name %s: %v", node.ID(), err)
			}
		}
		return err
	}
	story(t, 4, func(w *world) {
		c := w.cluster(Config{HealPerSecond: -1})
		w.create(c, "s", "a=1")
		n1, n2 := w.env.Node(0), w.env.Node(1)
		n1.Kill()
		n2.Kill()
		none(w, c, n1, n2)

		// A node that is empty may have had what lies on the dead one only.
		n2.Restart()
		if err := none(w, c, n1, n2); isErr(err, ErrKeysNotListed) {
			w.Errorf("keys are listed: %v", err)
		}
		for _, n := range w.env.All() {
			n.Restart()
			n.SetCrawler(testenv.Crawler{Refusal: testenv.RefusedByOption})
		}
		if err := none(w, c, n1, n2); !isErr(err, ErrKeysNotListed) {
			w.Errorf("no node lists keys: %v", err)
		}
		c.Close()
		if err := none(w, c); !isErr(err, ErrClosed) {
			w.Errorf("closed: %v", err)
		}
	})
}

func TestAllEndsWithItsCaller(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		for i := range 200 {
			w.create(c, fmt.Sprintf("s%d", i), "a=1")
		}
		w.forget()
		if n, err := countAll(c, func(n int, _ SessionInfo) bool { return n < 3 }); n != 3 || err != nil {
			w.Errorf("%d sessions, %v", n, err)
		}
		if sent := w.count(); sent >= 400 {
			w.Errorf("%d commands for three sessions", sent)
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		var last error
		n := 0
		for _, err := range c.All(ctx) {
			n++
			cancel()
			last = err
		}
		if !isErr(last, context.Canceled) || n > 200 {
			w.Errorf("%d sessions, and then %v", n, last)
		}
	})
}

// Close waits for nobody who has not taken all sessions yet, and may be called in the middle.
func TestCloseInTheMiddleOfAll(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		for i := range 200 {
			w.create(c, fmt.Sprintf("s%d", i), "a=1")
		}
		next, stop := iter.Pull2(c.All(context.Background())) // nobody takes the others
		defer stop()
		if _, err, _ := next(); err != nil {
			w.Fatal(err)
		}
		n, err := countAll(c, func(n int, _ SessionInfo) bool {
			if n == 10 {
				if err := c.Close(); err != nil {
					w.Error(err)
				}
			}
			return true
		})
		if n < 10 || n > 190 || err != ErrClosed {
			w.Errorf("%d sessions, %v", n, err)
		}
	})
}

// A pace of one session a minute holds no Close up.
func TestASlowPaceHoldsNoCloseUp(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{HealPerSecond: 1})
		for i := range 20 {
			w.create(c, fmt.Sprintf("s%d", i), "a=1")
		}
		n, err := countAll(c, func(n int, _ SessionInfo) bool {
			if n == 3 {
				began := time.Now()
				c.Close()
				if took := time.Since(began); took > c.cfg.Timeout { // virtual time
					w.Errorf("Close took %v", took)
				}
			}
			return true
		})
		if n > 10 || err != ErrClosed {
			w.Errorf("%d sessions, %v", n, err)
		}
	})
}
