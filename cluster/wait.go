package cluster

import "time"

// This file decides how long processes wait that keep meeting at one record or one marker.

// conflictWait spreads writers of one session that keep meeting. LostAgain is how many rounds in a
// row were lost after the first.
func conflictWait(lostAgain int, jitter float64) time.Duration {
	return time.Duration(jitter * float64(2*time.Millisecond<<min(lostAgain, 6)))
}

// jitter is a random number from 0 to 1.
func (cfg *Config) jitter() float64 { return float64(cfg.Rand()>>11) / (1 << 53) }
