package memcached

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowNode answers each command after a second of virtual time, with what was stored
// when the command came.
type slowNode struct {
	b       batcher
	running sync.WaitGroup

	mu       sync.Mutex // guards below
	commands []string
	stored   map[string]string
	fail     error
}

func newSlowNode() *slowNode {
	n := &slowNode{stored: map[string]string{}}
	n.b.running, n.b.clock = &n.running, NewClock(time.Second)
	n.b.loop = n.b.send
	n.b.fetch = func(batch []*Request) error {
		n.mu.Lock()
		n.commands = append(n.commands, strings.Join(new(reader).keysOf(batch), " "))
		for _, w := range batch {
			if v, ok := n.stored[w.Key]; ok {
				w.Copy = &Copy{Value: []byte(v)}
			}
		}
		n.mu.Unlock()
		time.Sleep(time.Second)
		n.mu.Lock()
		defer n.mu.Unlock()
		if n.fail != nil {
			for _, w := range batch {
				w.Copy = nil
			}
		}
		return n.fail
	}
	return n
}

func (n *slowNode) get(key string) (*Copy, error) {
	w := &Request{Key: key, Latch: NewLatch(1)}
	n.b.get(w)
	<-w.Latch.Done()
	return w.Copy, w.Err
}

func (n *slowNode) set(key, value string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stored[key] = value
}

// asked returns the keys of each command, sorted.
func (n *slowNode) asked() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	var all []string
	for _, c := range n.commands {
		keys := strings.Fields(c)
		slices.Sort(keys)
		all = append(all, strings.Join(keys, " "))
	}
	return all
}

func TestALoneGetGoesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newSlowNode()
		n.set("a", "1")
		for range 3 {
			began := time.Now()
			it, err := n.get("a")
			if err != nil || string(it.Value) != "1" || time.Since(began) != time.Second {
				t.Errorf("%v, %v, after %v", it, err, time.Since(began))
			}
		}
		if it, err := n.get("b"); it != nil || err != nil {
			t.Errorf("a miss is %v, %v", it, err)
		}
	})
}

func TestGetsThatArriveMeanwhileShareOneCommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newSlowNode()
		var wg sync.WaitGroup
		began := time.Now()
		for i := range 10 {
			key := fmt.Sprint("k", i)
			n.set(key, key)
			wg.Go(func() {
				it, err := n.get(key)
				if err != nil || it == nil || string(it.Value) != key {
					t.Errorf("%s: %v, %v", key, it, err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("took %v", took)
		}
		if got := n.asked(); len(got) != 2 || got[0] != "k0" || got[1] != "k1 k2 k3 k4 k5 k6 k7 k8 k9" {
			t.Errorf("commands %q", got)
		}
		began = time.Now()
		if _, err := n.get("k1"); err != nil || time.Since(began) != time.Second {
			t.Errorf("idle again, and a get takes %v", time.Since(began))
		}
	})
}

// A get that joined a command sent before it would miss a write that was acknowledged
// in between.
func TestAGetNeverJoinsACommandSentBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newSlowNode()
		var wg sync.WaitGroup
		wg.Go(func() { _, _ = n.get("a") })
		synctest.Wait()
		for _, key := range []string{"a", "b"} {
			n.set(key, "new")
			wg.Go(func() {
				if it, err := n.get(key); err != nil || it == nil {
					t.Errorf("%s was stored before it was asked for: %v, %v", key, it, err)
				}
			})
			synctest.Wait()
		}
		// The second command is under way now, with a and b.
		time.Sleep(1500 * time.Millisecond)
		n.set("c", "new")
		n.set("a", "newer")
		for _, key := range []string{"a", "c"} {
			wg.Go(func() {
				it, err := n.get(key)
				if err != nil || it == nil || key == "a" && string(it.Value) != "newer" {
					t.Errorf("%s was stored before it was asked for: %v, %v", key, it, err)
				}
			})
		}
		wg.Wait()
	})
}

func TestAFailedCommandFailsAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newSlowNode()
		sick := errors.New("sick")
		n.fail = sick
		var wg sync.WaitGroup
		began := time.Now()
		for i := range 20 {
			wg.Go(func() {
				if it, err := n.get(fmt.Sprint(i)); it != nil || !errors.Is(err, sick) {
					t.Errorf("%v, %v", it, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took != time.Second || len(n.asked()) != 1 {
			t.Errorf("%d commands in %v: somebody waited for a sick node twice", len(n.asked()), took)
		}
		n.mu.Lock()
		n.fail = nil
		n.mu.Unlock()
		n.set("a", "1")
		if it, err := n.get("a"); err != nil || it == nil {
			t.Errorf("well again: %v, %v", it, err)
		}
	})
}

func TestCallersOfOneKeyShareIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newSlowNode()
		n.set("a", "1")
		var wg sync.WaitGroup
		for range 30 {
			wg.Go(func() {
				if it, err := n.get("a"); err != nil || it == nil || string(it.Value) != "1" {
					t.Errorf("%v, %v", it, err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
		if got := n.asked(); len(got) != 2 || got[1] != "a" {
			t.Errorf("commands %q", got)
		}
	})
}

func TestABatchFitsIntoATimeout(t *testing.T) {
	for _, c := range []struct {
		name    string
		value   int
		most    int
		callers int
	}{
		{"small sessions: the number of keys", 100, maxBatchKeys, 2*maxBatchKeys + 20},
		{"half a megabyte: two megabytes in all", 500_000, maxBatchBytes / 500_000, 20},
		{"four megabytes: never none", 4 << 20, 1, 4},
	} {
		synctest.Test(t, func(t *testing.T) {
			n := newSlowNode()
			value := strings.Repeat("x", c.value)
			n.set("first", value)
			var wg sync.WaitGroup
			for i := range c.callers {
				key := fmt.Sprint("k", i)
				if i == 0 {
					key = "first"
				} else {
					n.set(key, value)
				}
				wg.Go(func() {
					if it, err := n.get(key); err != nil || it == nil {
						t.Errorf("%s: %v, %v", key, it, err)
					}
				})
				if i == 0 {
					synctest.Wait()
				}
			}
			wg.Wait()
			total := 0
			for _, command := range n.asked() {
				keys := len(strings.Fields(command))
				total += keys
				if keys > c.most {
					t.Errorf("%s: %d keys in a command, want at most %d", c.name, keys, c.most)
				}
			}
			if total != c.callers {
				t.Errorf("%s: %d keys asked for", c.name, total)
			}
		})
	}
}

func TestAMissWithNothingKnownKeepsBatchesWhole(t *testing.T) {
	var b batcher
	b.sized([]*Request{{}})
	if most := b.most.Load(); most != maxBatchKeys {
		t.Errorf("after misses a batch has %d keys", most)
	}
}

// Amazon's serverless nodes refuse a command with more than 16 KB of keys.
func TestTheKeysOfABatchAreBounded(t *testing.T) {
	var b batcher
	b.most.Store(maxBatchKeys)
	var waiting []*Request
	for range maxBatchKeys {
		waiting = append(waiting, &Request{Key: strings.Repeat("k", maxTestPrefix+43)})
	}
	if n := b.fit(waiting); n != maxBatchKeyBytes/(maxTestPrefix+44) {
		t.Errorf("%d long keys", n)
	}
	waiting = []*Request{{Key: strings.Repeat("k", maxBatchKeyBytes)}, {Key: "k"}}
	if n := b.fit(waiting); n != 1 {
		t.Errorf("%d keys where the first is too long", n)
	}
}
