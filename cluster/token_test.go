package cluster

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell why a CAS token is good on the connections only that were open when it
// was read: the nodes count CAS ids from 1 again after a restart.

// stale is the story of a snapshot that outlives both nodes' processes: what is saved on the restarted
// nodes has the CAS ids that the snapshot has seen.
func stale(w *world, size int, between func(other *Cluster, r *Record)) (reader *Cluster, late *Record) {
	const id = 50
	reader, other := w.cluster(Config{unwatched: true}), w.cluster(Config{unwatched: true}) // no marker takes an id
	homes := w.preference("s")[:2]
	w.nextCAS(homes[0], id)
	w.nextCAS(homes[1], id)
	w.create(other, "s", "a="+strings.Repeat("x", size))
	late = w.load(reader, "s")
	r := w.load(other, "s")
	homes[0].Restart()
	w.nextCAS(homes[0], id)
	between(other, r)
	homes[1].Restart()
	w.nextCAS(homes[1], id)
	_, _ = other.Load(w.Context(), "s") // puts the second copy back
	return reader, late
}

// nextCAS stores items on the node until the next one gets that CAS id.
func (w *world) nextCAS(n *testenv.Node, id uint64) {
	w.Helper()
	nc, err := w.env.DialContext(w.Context(), "tcp", n.Addr())
	if err != nil {
		w.Fatal(err)
	}
	defer nc.Close()
	in := bufio.NewReader(nc)
	for at := uint64(0); at < id-1; {
		_, _ = io.WriteString(nc, "set filler 0 60 1\r\nx\r\ngets filler\r\n")
		var lines [4]string // STORED, VALUE filler 0 1 and the id, x, END
		for i := range lines {
			lines[i], _ = in.ReadString('\n')
		}
		if _, err := fmt.Sscanf(lines[1], "VALUE filler 0 1 %d", &at); err != nil || at >= id {
			w.Fatalf("%q", lines)
		}
	}
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
