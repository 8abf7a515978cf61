package memcached

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTimeIsLostWhileWhatIsDueDoesNotCome(t *testing.T) {
	const ms = time.Millisecond
	idle, beating := lostTime{due: never}, lostTime{due: 100 * ms}
	for _, c := range []struct {
		why  string
		from lostTime
		now  time.Duration
		want time.Duration
	}{
		{"nobody waits: there is no beat to be late", idle, time.Hour, 0},
		{"before the beat is due", beating, 99 * ms, 0},
		{"a timer comes a little late in the best of processes", beating, 100*ms + punctual, 0},
		{"an overdue beat shows the stall before it comes", beating, 400 * ms, 300 * ms},
		{"what was lost before stays lost", lostTime{sum: 50 * ms, due: 100 * ms}, 100 * ms, 50 * ms},
		{"what somebody else has noticed already counts once", lostTime{sum: 200 * ms, until: 300 * ms, due: 100 * ms}, 400 * ms, 300 * ms},
	} {
		if got := c.from.at(c.now); got != c.want {
			t.Errorf("%s: %v, want %v", c.why, got, c.want)
		}
	}
	// A beat and three waits that end in one stall, in any order, count it once.
	for _, dues := range [][]time.Duration{
		{150 * ms, 100 * ms, 399 * ms, 120 * ms},
		{399 * ms, 100 * ms}, // the end of a long wait is noticed before the beat
	} {
		l := beating
		for _, due := range dues {
			l = l.late(due, 400*ms)
		}
		if l.sum != 300*ms {
			t.Errorf("one stall of 300 ms counts as %v, noticed by %v", l.sum, dues)
		}
	}
}

// While the process runs, the clock runs with the wall; and it beats only while somebody
// waits for a node, so that an idle process is not woken.
func TestTheClockOfARunningProcessIsTheWalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock(testTimeout)
		began := time.Now()
		for range 20 {
			c.begin()
			time.Sleep(testTimeout * 3 / 7)
			c.end()
			time.Sleep(3 * c.beat)
			synctest.Wait()
			if c.beating.Load() {
				t.Fatal("it beats while nobody waits")
			}
		}
		if got := c.Now(); got != time.Since(began) {
			t.Errorf("%v, want %v", got, time.Since(began))
		}
		c.Stop()
	})
}

func TestTheClockStandsStillWithTheProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock(testTimeout)
		c.begin()
		defer c.end()
		time.Sleep(testTimeout + time.Millisecond)
		before := c.Now()
		c.timer.Stop() // as is no timer's turn while a process is stopped
		time.Sleep(time.Minute)
		if got := c.Now() - before; got > c.beat {
			t.Errorf("a minute without a beat counts as %v", got)
		}
		c.timer.Reset(0)
		time.Sleep(testTimeout)
		synctest.Wait()
		if got := c.Now() - before; got < testTimeout || got > testTimeout+c.beat {
			t.Errorf("a Timeout after it counts as %v", got)
		}
		c.Stop()
	})
}

func TestALastLookEndsEveryWait(t *testing.T) {
	for _, c := range []struct {
		why        string
		left, late time.Duration
		looked     bool
		wait       time.Duration
		last, ok   bool
	}{
		{"the process stood still: the node has its time yet", 100 * lastLook, time.Hour, false, 99 * lastLook, false, true},
		{"the time kept back", lastLook, 0, false, lastLook, true, true},
		{"no time is left, but nobody has looked", -time.Second, 0, false, lastLook, true, true},
		{"somebody has", 0, 0, true, 0, true, false},
		{"too late for it to be a look", 0, 2 * lastLook, true, lastLook, true, true},
	} {
		wait, last, ok := lookAgain(c.left, lastLook, c.late, c.looked)
		if wait != c.wait || last != c.last || ok != c.ok {
			t.Errorf("%s: %v, %v, %v", c.why, wait, last, ok)
		}
	}
}

// However often the process says that it did not run, a wait ends.
func TestEveryWaitEndsHoweverOftenTheProcessStoodStill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock(testTimeout)
		p := c.patience(testTimeout)
		looks := 0
		for ok := true; ok && looks < 10*mostRenewals; looks++ {
			time.Sleep(time.Until(p.due) + time.Second) // every look is late
			_, ok = p.again()
		}
		if looks != mostRenewals+1 {
			t.Errorf("%d looks", looks)
		}
	})
}

// The end of a wait is noticed as soon as a stopped process goes on, the beat a little later: how
// little, must not matter.
func TestAWaitGoesOnUntilTheBeatHasShownTheStall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock(testTimeout)
		defer c.Stop()
		c.begin()
		defer c.end()
		limit := c.Now() + testTimeout + lastLook + time.Microsecond
		p := c.patience(limit)
		time.Sleep(testTimeout - c.beat/2)
		c.timer.Stop()
		time.Sleep(testTimeout) // as while the process is stopped
		time.AfterFunc(testTimeout/10, func() { c.timer.Reset(0) })
		looks := 0
		for ok := true; ok; looks++ {
			time.Sleep(time.Until(p.due))
			_, ok = p.again()
		}
		if now := c.Now(); now < limit {
			t.Errorf("it has ended %v early, after %d looks", limit-now, looks)
		}
	})
}

func TestADialsContextEndsWithTheClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := NewClock(testTimeout)
		began := time.Now()
		ctx, cancel := c.context(c.Now() + testTimeout)
		defer cancel()
		<-ctx.Done()
		if took := time.Since(began); took != testTimeout {
			t.Errorf("after %v", took)
		}
		ctx, cancel = c.context(c.Now() + testTimeout)
		defer cancel()
		time.Sleep(testTimeout / 2)
		c.Noticed(time.Now().Add(-testTimeout / 4)) // it did not run for a quarter
		<-ctx.Done()
		if took := time.Since(began); took < 2*testTimeout+testTimeout/4 || took > 3*testTimeout {
			t.Errorf("with a stall, after %v", took)
		}
		early, cancel := c.context(c.Now() + time.Hour)
		cancel()
		if early.Err() != context.Canceled {
			t.Error(early.Err())
		}
	})
}
