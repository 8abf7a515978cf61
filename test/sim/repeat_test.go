package sim

import (
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// A seed decides everything but the order of what begins at one instant. Where the clients' patience
// with two nodes ends at the same instant the scheduler has a word, and so it has where a process
// polls several nodes, or heals several sessions, at once. So not every seed repeats its run to the
// nanosecond; a third of these must, in two runs of three.
func TestASeedRepeatsItsRun(t *testing.T) {
	seeds := []uint64{17, 23, 32, 41, 45, 59, 208}
	var repeated atomic.Int64
	t.Run("seeds", func(t *testing.T) {
		for _, seed := range seeds {
			t.Run(fmt.Sprint(seed), func(t *testing.T) {
				t.Parallel()
				var runs [3][]string
				for i := range runs {
					synctest.Test(t, func(*testing.T) {
						for _, op := range Run(Config{Seed: seed, Class: Promised, Heal: 20}).History.Ops() {
							op.Err = "" // it tells what a prober thinks at the same instant
							runs[i] = append(runs[i], fmt.Sprint(op))
						}
					})
					if i > 0 && differ(runs[0], runs[i]) < 0 || i > 1 && differ(runs[1], runs[i]) < 0 {
						repeated.Add(1)
						return
					}
				}
				t.Logf("three runs of %d, %d and %d operations; the first two differ at operation %d", len(runs[0]), len(runs[1]), len(runs[2]), differ(runs[0], runs[1]))
			})
		}
	})
	if n := int(repeated.Load()); 3*n < len(seeds) {
		t.Errorf("%d of %d seeds repeat their runs", n, len(seeds))
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
