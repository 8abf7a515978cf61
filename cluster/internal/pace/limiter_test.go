package pace

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLimiterGivesABurstAndThenARate(t *testing.T) {
	l := NewLimiter(10, 150*time.Millisecond)
	now := time.Unix(1000, 0)
	at := func(after, wantWait time.Duration, wantOK bool) {
		t.Helper()
		if wait, ok := l.reserve(now.Add(after)); wait != wantWait || ok != wantOK {
			t.Errorf("after %v: wait %v, %v; want %v, %v", after, wait, ok, wantWait, wantOK)
		}
	}
	for range 11 { // a second's worth, and the one that is due now
		at(0, 0, true)
	}
	at(0, 100*time.Millisecond, true)
	at(0, 0, false)                                     // 200 ms are more than its patience
	at(0, 0, false)                                     // and refusals cost nothing
	at(60*time.Millisecond, 140*time.Millisecond, true) // time passes
	at(time.Hour, 0, true)                              // and fills the bucket, not more than that
	at(time.Hour-time.Minute, 0, false)                 // a clock that goes back gives nothing for free
	for range 10 {
		at(time.Hour, 0, true)
	}
	at(time.Hour, 100*time.Millisecond, true)
}

func TestANegativeLimitIsNone(t *testing.T) {
	l := NewLimiter(-1, 0)
	for range 100_000 {
		if _, ok := l.reserve(time.Unix(1, 0)); !ok {
			t.Fatal("refused")
		}
	}
}

func TestTheLimiterEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewLimiter(1, time.Minute)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		for range 2 {
			l.Wait(ctx)
		}
		began := time.Now()
		if !l.Wait(ctx) || time.Since(began) != time.Second {
			t.Errorf("waited %v", time.Since(began))
		}
		for range 9 {
			_, _ = l.reserve(time.Now())
		}
		if l.Wait(ctx) || time.Since(began) != 10*time.Second-0 {
			t.Errorf("after %v", time.Since(began))
		}
	})
}
