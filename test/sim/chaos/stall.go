package main

import (
	"sync/atomic"
	"time"
)

// This file decides how long the machine kept this process from running: nodes look
// hung meanwhile, though nothing is wrong with them.

// stall measures the longest time for which a goroutine that wanted to run did not.
type stall struct {
	most atomic.Int64
	done chan bool
}

const tick = 5 * time.Millisecond

func newStall() *stall {
	s := &stall{done: make(chan bool)}
	go func() {
		defer close(s.done)
		for last := time.Now(); ; last = time.Now() {
			time.Sleep(tick)
			s.most.Store(max(s.most.Load(), int64(time.Since(last)-tick)))
			select {
			case s.done <- true:
				return
			default:
			}
		}
	}()
	return s
}

func (s *stall) longest() time.Duration { return time.Duration(s.most.Load()) }

// end ends the measurement.
func (s *stall) end() { <-s.done }
