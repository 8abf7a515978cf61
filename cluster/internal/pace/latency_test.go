package pace

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// node answers in 300 µs. Each time that it has been sent 400 commands it stands still for 8 ms, as where there are too
// few processors.
type node struct {
	mu       sync.Mutex // guards below
	commands int
	awake    time.Time
}

// answer is how long a command takes that is sent now.
func (n *node) answer() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	took := max(0, time.Until(n.awake)) + 300*time.Microsecond
	if n.commands++; n.commands%400 == 0 {
		n.awake = time.Now().Add(8 * time.Millisecond)
	}
	return took
}

// Where a node is sent much, some users wait for long, and on average they wait hardly longer. Healing slows down
// until no more than one in a hundred does; without users it is as fast as it may be.
func TestHealingSlowsDownForTheFewWhoWaitForLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n node
		var l Latency
		users := func(d time.Duration, healing bool) (slow, all int, mean time.Duration) {
			for began := time.Now(); time.Since(began) < d; time.Sleep(5 * time.Millisecond) {
				took := n.answer()
				l.Note(time.Now(), took, healing)
				if all++; took > time.Millisecond {
					slow++
				}
				mean += took
			}
			return slow, all, mean / time.Duration(all)
		}
		slow, all, usual := users(time.Minute, false)
		if slow*100 > all {
			t.Fatalf("%d of %d answers are slow although nothing is healed", slow, all)
		}
		p := Healing{Full: 4000}
		ctx, stop := context.WithCancel(t.Context())
		var healed atomic.Int64
		done := make(chan struct{})
		go func() {
			defer close(done)
			for ctx.Err() == nil {
				p.Wait(ctx, l.IsWorse())
				n.answer()
				healed.Add(1)
			}
		}()
		users(5*time.Second, true)
		before := healed.Load()
		slow, all, late := users(time.Minute, true)
		rate := float64(healed.Load()-before) / 60
		t.Logf("%d of %d answers are slow, the mean is %v, usually %v; %.0f a second are healed", slow, all, late, usual, rate)
		if slow*100 > 2*all || rate < p.Full*paceFloor {
			t.Errorf("%d of %d answers are slow, and %.0f a second are healed", slow, all, rate)
		}
		time.Sleep(10 * time.Second)
		stop()
		<-done
		if p.rate != p.Full {
			t.Errorf("%v a second are healed without users", p.rate)
		}
	})
}

// Where one answer in fifty always takes long, that is no reason to heal more slowly.
func TestTheSlowAnswersOfEveryDayAreUsual(t *testing.T) {
	var l Latency
	worse := 0
	for i := range 100_000 {
		took := time.Millisecond
		if i%50 == 0 {
			took = 20 * time.Millisecond
		}
		l.Note(time.Now(), took, i >= 50_000)
		if l.IsWorse() {
			worse++
		}
	}
	if worse > 0 {
		t.Errorf("users are taken to wait for longer than usual at %d of 100,000 answers", worse)
	}
}

// Where some answers take long by chance, as many while a node is filled as before, healing does not slow down: whatever
// their share is.
func TestAsManySlowAnswersAsUsualAreNoReasonToHealSlowly(t *testing.T) {
	for _, share := range []float64{0, 0.002, 0.004, 0.006, 0.008, 0.009, 0.01, 0.012, 0.015, 0.02, 0.03} {
		var l Latency
		dice := rand.New(rand.NewPCG(1, 2))
		answer := func(healing bool) {
			took := 0.3 + dice.ExpFloat64()*0.1 // ms
			if dice.Float64() < share {
				took = 20
			}
			l.Note(time.Now(), time.Duration(took*float64(time.Millisecond)), healing)
		}
		for range 300_000 {
			answer(false)
		}
		const looks = 1000
		worse := 0
		for range looks {
			for range 200 {
				answer(true)
			}
			if l.IsWorse() {
				worse++
			}
		}
		if worse > looks/50 {
			t.Errorf("%v of the answers are always slow, and users are taken to wait for longer than usual at %d of %d looks", share, worse, looks)
		}
	}
}
