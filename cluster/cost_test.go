package cluster

import (
	"fmt"
	"testing"
	"time"
)

// What a request costs, in commands to nodes: a load, and a save of one change. Outside of a change of
// the list it is one command to each copy. During a change the homes by both lists are read and written,
// and since nodes that join are not whole, the nodes behind them are read, too: eight reads at most, and
// four writes. A session's first request meanwhile writes its copies on the new nodes.
func TestWhatAChangeOfTheListCosts(t *testing.T) {
	const sessions = 50
	for _, c := range []struct {
		why           string
		before, after []int
	}{
		{"all nodes are others", []int{0, 1, 2}, []int{3, 4, 5}},
		{"a node joins", []int{0, 1, 2}, []int{0, 1, 2, 3}},
		{"a node leaves", []int{0, 1, 2, 3}, []int{0, 1, 2}},
		{"a node is replaced", []int{0, 1, 2}, []int{0, 1, 3}},
		{"two of five leave", []int{0, 1, 2, 3, 4}, []int{0, 1, 2}},
	} {
		story(t, 6, func(w *world) {
			cfg := Config{Nodes: w.nodesOf(c.before...), TransitionFor: 30 * time.Second}
			cl := w.cluster(cfg)
			for i := range sessions {
				w.create(cl, fmt.Sprint("s", i), "n=0")
			}
			w.settles(cl)
			requests := func(n int) (reads, writes float64) {
				w.forget()
				for i := range sessions {
					w.change(cl, fmt.Sprint("s", i), "n", fmt.Sprint(n))
				}
				return float64(w.count("get", "gets", "mg")) / sessions, float64(w.count("cas", "add", "set")) / sessions
			}
			reads, writes := requests(1)
			if reads != 2 || writes != 2 {
				w.Errorf("%s: %v reads and %v writes a request outside of a change", c.why, reads, writes)
			}
			w.set(cl, c.after...)
			time.Sleep(time.Second)
			firstReads, firstWrites := requests(2)
			reads, writes = requests(3)
			t.Logf("%-22s commands a request: 2 + 2 outside of a change, %4.1f + %3.1f at first, %4.1f + %3.1f during it", c.why, firstReads, firstWrites, reads, writes)
			if reads > 8 || writes > 4 {
				w.Errorf("%s: %v reads and %v writes a request during it", c.why, reads, writes)
			}
			w.settles(cl)
			if reads, writes = requests(4); reads != 2 || writes != 2 {
				w.Errorf("%s: %v reads and %v writes a request afterwards", c.why, reads, writes)
			}
		})
	}
}
