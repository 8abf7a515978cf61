package acceptance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what becomes of the changes that parallel requests make to one value, and of
// requests that run one at a time.

// raises has n requests raise a counter at once, half of them by each app. It returns how many were
// acknowledged, and how many failed.
func (u *user) raises(n int, apps ...*app) (acknowledged, failed int) {
	var ok atomic.Int64
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			if r := u.ask(apps[i%len(apps)], "/raise", "key", "n"); r.ok() {
				ok.Add(1)
			}
		})
	}
	wg.Wait()
	return int(ok.Load()), n - int(ok.Load())
}

// counts is what the app shows of the counter.
func (u *user) counts(a *app) int {
	u.t.Helper()
	n, err := strconv.Atoi(u.do(a, "/count", "key", "n"))
	if err != nil {
		u.t.Fatal(err)
	}
	return n
}

func TestAHundredParallelUpdatesOfOneCounter(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		if _, failed := u.raises(100, app1, app2); failed > 0 {
			t.Errorf("%d updates failed", failed)
		}
		if n := u.counts(app1); n != 100 {
			t.Errorf("100 updates make %d", n)
		}
		u.is("ann", app1, app2)
	})
}

// Nodes are killed and hang while the counter is raised: it has what was acknowledged, and at most
// what failed besides.
func TestUpdatesWhileNodesFail(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(impatient)
		u := w.newUser()
		u.logIn(app1, "ann")
		acknowledged, failed := 0, 0
		raise := func(meanwhile func()) {
			var wg sync.WaitGroup
			wg.Go(func() {
				a, f := u.raises(25, app1, app2)
				acknowledged, failed = acknowledged+a, failed+f
			})
			time.Sleep(2 * time.Millisecond)
			meanwhile()
			wg.Wait()
		}
		wholeAgain := func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := app1.cluster.WaitWhole(ctx); err != nil {
				t.Fatal(err)
			}
		}
		home, backup := w.holders(u.id(app1))[0], w.holders(u.id(app1))[1]
		for _, fault := range [][2]func(){{home.Kill, home.Restart}, {home.Pause, home.Resume}, {backup.Kill, backup.Restart}} {
			wholeAgain()
			raise(fault[0])
			raise(fault[1])
		}
		wholeAgain()
		if n := u.counts(app2); n < acknowledged || n > acknowledged+failed {
			t.Errorf("%d updates were acknowledged, %d failed, and the counter shows %d", acknowledged, failed, n)
		}
		t.Logf("%d updates acknowledged, %d failed", acknowledged, failed)
	})
}

// lockedApp is an app with one route that runs one at a time for a session. It raises the counter by
// a load and a save. A request with stand=1 waits before it saves until the test goes on.
type lockedApp struct {
	*app
	inside, most    *atomic.Int64
	standing, going chan struct{}
}

func (w *world) startLocked(lease time.Duration, inside, most *atomic.Int64) *lockedApp {
	w.t.Helper()
	a := &lockedApp{inside: inside, most: most, standing: make(chan struct{}), going: make(chan struct{})}
	c := w.connect(options{})
	h, err := w.driver.locked(c, lease, func(s session, r *http.Request) (string, error) {
		a.most.Store(max(a.most.Load(), a.inside.Add(1)))
		n, _ := s.get("n").(int)
		if r.FormValue("stand") != "" {
			a.inside.Add(-1) // of those who work
			a.standing <- struct{}{}
			<-a.going
		} else {
			time.Sleep(2 * time.Millisecond)
			a.inside.Add(-1)
		}
		s.put("n", n+1)
		return fmt.Sprint(n + 1), nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	a.app = w.startHandler(h)
	a.cluster = c
	return a
}

func TestALockedRouteRunsOneAtATime(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		var inside, most atomic.Int64
		app1 := w.start(options{})
		pay1, pay2 := w.startLocked(time.Minute, &inside, &most), w.startLocked(time.Minute, &inside, &most)
		u := w.newUser()
		u.logIn(app1, "ann")
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				if r := u.ask([]*lockedApp{pay1, pay2}[i%2].app, "/pay"); !r.ok() {
					t.Error(r)
				}
			})
		}
		wg.Wait()
		if n := u.counts(app1); n != 20 || most.Load() != 1 {
			t.Errorf("20 requests make %d, %d at once", n, most.Load())
		}
	})
}

// The one who has the lock dies, or stands still for longer than its lease: the next one goes on after
// the lease, and what the former one saves when it wakes is refused.
func TestALockWhoseHolderDiesOrStandsStill(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		var inside, most atomic.Int64
		app1 := w.start(options{})
		pay1, pay2 := w.startLocked(time.Second, &inside, &most), w.startLocked(time.Minute, &inside, &most)
		u := w.newUser()
		u.logIn(app1, "ann")
		dying := w.connect(options{})
		if _, _, err := dying.Lock(t.Context(), u.do(app1, "/id"), time.Second); err != nil {
			t.Fatal(err)
		}
		if err := dying.Close(); err != nil {
			t.Fatal(err)
		}
		if r := u.ask(pay2.app, "/pay"); !r.ok() {
			t.Error(r)
		}
		stood := make(chan reply, 1)
		go func() { stood <- u.ask(pay1.app, "/pay", "stand", "1") }()
		<-pay1.standing
		if r := u.ask(pay2.app, "/pay"); !r.ok() {
			t.Error(r)
		}
		close(pay1.going)
		if r := <-stood; r.ok() || !strings.Contains(r.body, cluster.ErrLockLost.Error()) {
			t.Errorf("the one who stood still: %v", r)
		}
		if n := u.counts(app1); n != 2 {
			t.Errorf("two requests that were answered make %d", n)
		}
		if _, _, err := app1.cluster.Lock(t.Context(), "no such session", time.Second); !errors.Is(err, cluster.ErrNotFound) {
			t.Errorf("without a session: %v", err)
		}
	})
}

// Two requests add a flash each while a third shows what is there: each is shown once. With gorilla they
// are ordinary requests, with scs the flashes are a value that is changed by Update.
func TestFlashesOfParallelRequestsAreShownOnceEach(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		add, show := "/update/flash", "/update/flashes"
		if d.name == gorillaDriver.name {
			add, show = "/flash", "/flashes"
		}
		shown := map[string]int{}
		see := func() {
			for _, f := range strings.Split(u.do(app1, show), ",") {
				if f != "" {
					shown[f]++
				}
			}
		}
		var unknown [20]bool // of which the answer was an error that says so: an update of a busy value that took long
		var wg sync.WaitGroup
		for i := range 20 {
			wg.Go(func() {
				r := u.ask([]*app{app1, app2}[i%2], add, "message", fmt.Sprint("m", i))
				switch unknown[i] = strings.Contains(r.body, "the change is stored or not"); {
				case unknown[i]:
					t.Logf("flash %d: %v", i, r)
				case !r.ok():
					t.Error(r)
				}
			})
		}
		for range 5 {
			see()
		}
		wg.Wait()
		see()
		see()
		for i := range 20 {
			if n := shown[fmt.Sprint("m", i)]; n != 1 && !(n == 0 && unknown[i]) {
				t.Errorf("flash %d was shown %d times", i, n)
			}
		}
		if n := len(slices.DeleteFunc(unknown[:], func(u bool) bool { return !u })); n > 4 {
			t.Errorf("of %d of 20 flashes nobody can say whether they are stored", n)
		}
	})
}
