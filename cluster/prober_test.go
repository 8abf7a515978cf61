package cluster

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func isErr(err, want error) bool { return errors.Is(err, want) }

const inProber = "cluster.(*Cluster).probe("

func TestANodeComesBackAfterTwoGoodProbes(t *testing.T) {
	story(t, 3, func(w *world) {
		var mu sync.Mutex
		var told []NodeStatus
		c := w.cluster(Config{OnNodeState: func(s NodeStatus) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, s)
		}})
		n := w.preference("s")[0]
		w.create(c, "s", "a=1")
		n.Kill()
		w.sees(c, "s", "a=1")
		if s := stateOf(c, n); s != StateDown {
			w.Fatalf("a node that refuses is %v", s)
		}
		time.Sleep(10 * time.Second)
		if goroutinesIn(inProber) != 1 || stateOf(c, n) != StateDown {
			w.Fatalf("%d probers for one dead node, which is %v", goroutinesIn(inProber), stateOf(c, n))
		}
		n.Restart()
		began := time.Now()
		w.until(c, n, StateUp)
		// Two probes, each up to a second after the one before, the first after a bad one.
		if took := time.Since(began); took < 50*time.Millisecond || took > 2*time.Second {
			w.Errorf("up after %v", took)
		}
		synctest.Wait()
		if g := goroutinesIn(inProber); g != 0 {
			w.Errorf("%d probers of nodes that are up", g)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 2 || told[0].State != StateDown || told[1].State != StateUp || told[0].ID != n.ID() || told[0].LastError == "" {
			w.Errorf("OnNodeState was told %+v", told)
		}
	})
}

func TestOneGoodProbeIsNotEnough(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		n := w.env.Node(0)
		n.Kill()
		_ = c.Save(context.Background(), NewRecord("s"))
		w.until(c, n, StateDown)
		// It answers once, and dies again.
		n.Restart()
		down := c.nodes()[0]
		for down.mu.Lock(); down.health.good == 0; down.mu.Lock() {
			down.mu.Unlock()
			time.Sleep(time.Millisecond)
		}
		down.mu.Unlock()
		n.Kill()
		time.Sleep(5 * time.Second)
		if s := stateOf(c, n); s != StateDown {
			w.Errorf("one answer made the node %v", s)
		}
	})
}

func TestASuspectIsUpAfterOneProbe(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		n := w.preference("s")[0]
		w.create(c, "s", "a=1")
		n.Pause()
		time.AfterFunc(DefaultTimeout, n.Resume)
		w.sees(c, "s", "a=1")
		if s := stateOf(c, n); s == StateDown {
			w.Fatalf("one timeout made the node %v", s)
		}
		synctest.Wait()
		time.Sleep(time.Millisecond)
		if s := stateOf(c, n); s != StateUp {
			w.Errorf("the node answers the first probe and is %v", s)
		}
		synctest.Wait()
		if g := goroutinesIn(inProber); g != 0 {
			w.Errorf("%d probers left", g)
		}
	})
}

func TestTwoTimeoutsMakeANodeDownAndRequestsNoLongerWait(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		n := w.preference("s")[0]
		n.Pause()
		w.sees(c, "s", "a=1")
		w.until(c, n, StateDown) // the probe is the second timeout
		began := time.Now()
		w.change(c, "s", "a", "2")
		w.delete(c, "s")
		if took := time.Since(began); took != 0 {
			w.Errorf("requests waited %v for a node that is down", took)
		}
	})
}

func TestCloseEndsEverything(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		w.env.Node(0).Kill()
		w.env.Node(1).Pause()
		done := make(chan error)
		go func() {
			_, err := c.Load(context.Background(), "s")
			done <- err
		}()
		time.Sleep(time.Millisecond)
		if err := c.Close(); err != nil {
			w.Errorf("close: %v", err)
		}
		select {
		case <-done:
		default:
			synctest.Wait()
			select {
			case <-done:
			default:
				w.Error("close did not wait for the load under way")
			}
		}
		synctest.Wait()
		if n := goroutinesIn("cluster.(*Cluster)") + goroutinesIn("cluster.(*call)") + goroutinesIn("cluster.(*node)") + goroutinesIn("memcached.(*"); n > 0 {
			w.Errorf("%d goroutines are left", n)
		}
		if _, err := c.Load(context.Background(), "s"); !isErr(err, ErrClosed) {
			w.Errorf("load after close: %v", err)
		}
		if err := c.Save(context.Background(), NewRecord("x")); !isErr(err, ErrClosed) {
			w.Errorf("save after close: %v", err)
		}
		if err := c.Delete(context.Background(), "s"); !isErr(err, ErrClosed) {
			w.Errorf("delete after close: %v", err)
		}
		if err := c.Ping(context.Background()); !isErr(err, ErrClosed) {
			w.Errorf("ping after close: %v", err)
		}
		if err := c.Close(); err != nil {
			w.Errorf("the second close: %v", err)
		}
	})
}

func TestCloseEndsAProberThatWaits(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{})
		w.env.Node(0).Kill()
		w.env.Node(1).Kill()
		_ = c.Save(context.Background(), NewRecord("s"))
		time.Sleep(time.Minute)
		began := time.Now()
		c.Close()
		if took := time.Since(began); took > DefaultTimeout {
			w.Errorf("close took %v", took)
		}
		if g := goroutinesIn(inProber); g != 0 {
			w.Errorf("%d probers left", g)
		}
	})
}
