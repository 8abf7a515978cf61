package marker

import (
	"testing"
	"time"
)

// A process is dead when its beat has stood still for long, as this process has seen it.
func TestABeatThatStandsStillIsOfADeadProcess(t *testing.T) {
	var beats Beats[string]
	began := time.Now()
	for _, c := range []struct {
		number uint64
		after  time.Duration
		dead   bool
	}{
		{7, 0, false},
		{7, DeadAfter, false},
		{8, DeadAfter + 1, false}, // it has gone up
		{8, 2*DeadAfter + 1, false},
		{8, 2*DeadAfter + 2, true},
		{9, 3 * DeadAfter, false}, // it was but slow
	} {
		if dead := beats.IsDead("p", c.number, began.Add(c.after)); dead != c.dead {
			t.Errorf("beat %d after %v: dead: %t", c.number, c.after, dead)
		}
	}
}
