package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what happens to the nodes meanwhile.

// hold is how long a fault lasts.
const hold = 700 * time.Millisecond

// burn makes one fault after the other, each when the nodes are whole again, until ctx ends.
func burn(ctx context.Context, env *testenv.Env, c *cluster.Cluster, t *tally, s settings) {
	r := rand.New(rand.NewPCG(s.seed, 1))
	for ctx.Err() == nil {
		calm.Lock()
		n := env.Node(r.IntN(3))
		switch r.IntN(3) {
		case 0:
			n.Kill()
			pause(ctx, hold)
			n.Restart()
			t.killed.Add(1)
		case 1:
			n.Pause()
			pause(ctx, hold)
			n.Resume()
			t.hung.Add(1)
		case 2:
			n.Flush()
			t.emptied.Add(1)
		}
		waiting, cancel := context.WithTimeout(ctx, 30*time.Second)
		_ = c.WaitWhole(waiting)
		cancel()
		calm.Unlock()
		pause(ctx, hold)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// evict takes what is known of a user's sessions off all nodes, as memcached does where it has no
// room.
func evict(env *testenv.Env, user string) (n int) {
	for _, node := range env.All() {
		if node.Delete(ownerKey(user)) {
			n++
		}
	}
	return n
}

// calm is held while a fault lasts and nodes are filled, and for reading from an eviction until
// DestroyAll has returned. Two things are beyond the promise. A record that is evicted between a
// DestroyAll and the look at what it has ended. And one that is evicted while a copy of it is out of
// sight, such as on its way to a node that is filled: that copy tells of an earlier DestroyAll in the
// end, and nobody knows any more that a login came after it. So logins of users whose records are
// evicted are counted apart; what was ended must be so for them, too.
var calm sync.RWMutex

// ownerKey is where the user's record lies on nodes whose records are not sealed.
func ownerKey(user string) string {
	sum := func(secret []byte, text string) []byte {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(text))
		return mac.Sum(nil)
	}
	const end = "hf-owner"
	key := sum(sum(nil, "holdfast owners: "), user)
	return base64.RawURLEncoding.EncodeToString(append(key[:len(key)-len(end)], end...))
}
