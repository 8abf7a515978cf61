package cluster

import (
	"testing"
	"time"
)

// Instances that seal one session at the same time give it the same last end.
func TestTheLastEndIsThatOfTheRecordNotOfTheReader(t *testing.T) {
	now := time.UnixMilli(1e12)
	s := &stored{deadline: 1e12 + 5000, dstamp: stamp{1e15, 1}}
	for _, later := range []time.Duration{0, time.Second, time.Hour} {
		got := *s
		got.boundUnsealed(now.Add(later), DefaultLifetime)
		if want := int64(1e12) + DefaultLifetime.Milliseconds(); got.until != want || got.deadline != s.deadline {
			t.Errorf("read %v later: %s, want until %d", later, show(&got), want)
		}
	}
}
