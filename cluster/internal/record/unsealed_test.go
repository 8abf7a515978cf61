package record

import (
	"testing"
	"time"
)

// This file tests what a record without a seal is worth.

// Instances that seal one session at the same time give it the same deadline cap.
func TestDeadlineCapDependsOnTheRecordNotOnTheReader(t *testing.T) {
	now := time.UnixMilli(1e12)
	s, lifetime := &Record{deadline: 1e12 + 5000, deadlineSet: Timestamp{1e15, 1}}, 24*time.Hour
	for _, later := range []time.Duration{0, time.Second, time.Hour} {
		got := s.BoundUnsealed(now.Add(later), lifetime)
		if want := int64(1e12) + lifetime.Milliseconds(); got.deadlineCap != want || got.deadline != s.deadline {
			t.Errorf("read %v later: %s, want a cap of %d", later, show(got), want)
		}
	}
}
