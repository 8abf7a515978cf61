package cluster

import (
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// These stories tell why a CAS token is good on the connections only that were open when it
// was read: the nodes count CAS ids from 1 again after a restart.

// stale is the story of a snapshot that outlives both nodes' processes: whatever is saved on
// the restarted nodes has the CAS ids that the snapshot has seen.
func stale(w *world, size int, between func(other *Cluster, r *Record)) (reader *Cluster, late *Record) {
	reader, other := w.cluster(Config{}), w.cluster(Config{})
	w.create(other, "s", "a="+strings.Repeat("x", size))
	late = w.load(reader, "s")
	r := w.load(other, "s")
	w.preference("s")[0].Restart()
	between(other, r)
	w.preference("s")[1].Restart()
	_, _ = other.Load(w.Context(), "s") // puts the second copy back
	return reader, late
}

func TestATokenOfBeforeARestartReplacesNothing(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		for name, size := range map[string]int{"small": 1, "large": memcached.MaxShared + 1} {
			t.Run(name, func(t *testing.T) {
				story(t, nodes, func(w *world) {
					reader, late := stale(w, size, func(other *Cluster, r *Record) {
						r.Attrs["b"] = []byte("1")
						w.save(other, r)
					})
					late.Attrs["c"] = []byte("1")
					w.save(reader, late)
					w.sees(reader, "s", "a="+strings.Repeat("x", size)+" b=1 c=1")
				})
			})
		}
	}
}

func TestATokenOfBeforeARestartRevivesNothing(t *testing.T) {
	for _, nodes := range []int{2, 3} {
		story(t, nodes, func(w *world) {
			reader, late := stale(w, 1, func(other *Cluster, _ *Record) { w.delete(other, "s") })
			late.Attrs["c"] = []byte("1")
			if err := reader.Save(w.Context(), late); !isErr(err, ErrDestroyed) {
				t.Errorf("%d nodes: a save after the logout: %v", nodes, err)
			}
			w.missing(reader, "s", ErrNotFound)
		})
	}
}
