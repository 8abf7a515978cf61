package acceptance

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what users see who do not stop working while nodes fail one after
// another: nothing.

// worker is a user who counts on and on, on one instance and the other.
type worker struct {
	*user
	name string
	done atomic.Int64 // requests
}

// work ends with the test's verdict or when stop is closed.
func (k *worker) work(stop chan struct{}, apps ...*app) {
	for i := 0; ; i++ {
		select {
		case <-stop:
			return
		default:
		}
		a := apps[i%len(apps)]
		if r := k.ask(a, "/whoami"); !r.ok() || r.body != k.name {
			k.t.Errorf("request %d of %s: %v", i, k.name, r)
			return
		}
		if r := k.ask(a, "/increment", "key", "n"); !r.ok() || r.body != fmt.Sprint(i+1) {
			k.t.Errorf("increment %d of %s: %v", i+1, k.name, r)
			return
		}
		k.done.Add(1)
	}
}

func TestUsersWorkOnWhileNodesFailOneAfterAnother(t *testing.T) {
	const users = 5
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{config: func(c *cluster.Config) { c.Timeout = short }})
		var workers []*worker
		var running sync.WaitGroup
		stop := make(chan struct{})
		for i := range users {
			k := &worker{user: w.newUser(), name: fmt.Sprint("user", i)}
			k.logIn(app1, k.name)
			workers = append(workers, k)
			running.Go(func() { k.work(stop, app1, app2) })
		}
		// allCome waits until each user has been on both instances, from now on.
		allCome := func() {
			t.Helper()
			for _, k := range workers {
				want := k.done.Load() + 3 // the first of them may have begun before
				eventually(t, "all users come by", func() bool { return t.Failed() || k.done.Load() >= want })
			}
		}
		for i, n := range w.env.All() {
			if i%2 == 0 {
				n.Kill()
				allCome()
				n.Restart()
			} else {
				n.Pause()
				allCome()
				n.Resume()
			}
			isUp(t, app1, app2)
			allCome()
			if t.Failed() {
				break
			}
		}
		close(stop)
		running.Wait()
		for _, k := range workers {
			k.is(k.name, app1, app2)
			w.isHome(k.id(app1))
		}
	})
}
