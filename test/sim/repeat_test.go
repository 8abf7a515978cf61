package sim

import (
	"fmt"
	"testing"
	"testing/synctest"
)

// A seed decides everything. Where the clients' patience with two nodes ends at the same
// instant the scheduler has a word, too, about once in a hundred runs: two runs of three
// must be the same to the nanosecond.
func TestASeedRepeatsItsRun(t *testing.T) {
	for _, seed := range []uint64{17, 23, 32, 41, 45, 59, 208} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			var runs [3][]string
			for i := range runs {
				synctest.Test(t, func(*testing.T) {
					for _, op := range Run(Config{Seed: seed, Class: Promised}).History.Ops() {
						op.Err = "" // it tells what a prober thinks at the same instant
						runs[i] = append(runs[i], fmt.Sprint(op))
					}
				})
				if i > 0 && differ(runs[0], runs[i]) < 0 || i > 1 && differ(runs[1], runs[i]) < 0 {
					return
				}
			}
			at := differ(runs[0], runs[1])
			t.Errorf("three runs of %d, %d and %d operations; the first two differ at operation %d", len(runs[0]), len(runs[1]), len(runs[2]), at)
		})
	}
}

// differ returns where two runs are not the same, -1 if they are.
func differ(a, b []string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	if len(a) != len(b) {
		return min(len(a), len(b))
	}
	return -1
}
