package sticky

import (
	"flag"
	"testing"
	"testing/synctest"
)

var (
	seeds = flag.Int("seeds", 24, "how many runs")
	first = flag.Uint64("first", 1, "the seed of the first")
)

// No client sees less than it has seen, no change of another instance is overwritten, and what is lost
// with an instance is told, every time.
func TestClientsOfLocalCopiesSeeWhatTheyHaveSeen(t *testing.T) {
	var all Result
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		var got Result
		synctest.Test(t, func(*testing.T) { got = Run(seed) })
		for i, v := range got.Violations {
			if i < 5 {
				t.Errorf("seed %d: %s", seed, v)
			}
		}
		all.Loads += got.Loads
		all.Local += got.Local
		all.Saves += got.Saves
		all.Behind += got.Behind
		all.Errors += got.Errors
		all.Died += got.Died
		all.Idle += got.Idle
		if t.Failed() && len(got.Violations) > 2000 {
			break
		}
	}
	t.Logf("%d runs: %d loads, %d on local copies of the last instances, %d saves, %d errors, %d instances died with changes that no node had, %d loads said that they are behind, %d sessions of idle users were found after all nodes had come back empty",
		*seeds, all.Loads, all.Local, all.Saves, all.Errors, all.Died, all.Behind, all.Idle)
	if all.Local == 0 || all.Saves == 0 || *seeds >= 24 && (all.Died == 0 || all.Behind == 0 || all.Idle == 0) {
		t.Errorf("too little happened: %+v", all)
	}
}
