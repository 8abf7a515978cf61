package marker

import (
	"testing"
	"time"
)

// These tests tell when a process takes a node for whole, poll by poll.

func TestWholenessCountsAfterTwoPolls(t *testing.T) {
	const settle = 300 * time.Millisecond
	type poll struct {
		at     time.Duration
		epoch  uint64
		reason string // by the markers
		whole  bool
	}
	for _, c := range []struct {
		name  string
		polls []poll
	}{
		{"two polls, two Timeouts apart", []poll{{0, 1, "", false}, {settle, 1, "", true}, {settle + 1, 1, "", true}}},
		{"two polls at nearly one moment", []poll{{0, 1, "", false}, {settle - 1, 1, "", false}, {settle, 1, "", true}}},
		{"an entry in between", []poll{{0, 1, "", false}, {settle, 1, "it missed writes", false}, {2 * settle, 1, "", false}, {3 * settle, 1, "", true}}},
		{"it may have been emptied in between", []poll{{0, 1, "", false}, {settle, 2, "", false}, {2 * settle, 2, "", true}}},
		{"it may have been emptied when it was whole", []poll{{0, 1, "", false}, {settle, 1, "", true}, {2 * settle, 2, "", false}, {3 * settle, 2, "", true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var v Verdict
			began := time.Now()
			for i, p := range c.polls {
				v.Judge(p.reason, p.epoch, began.Add(p.at), began.Add(p.at), settle)
				if (v.Reason == "") != p.whole {
					t.Errorf("poll %d: %q, want whole: %t", i, v.Reason, p.whole)
				}
			}
		})
	}
}
