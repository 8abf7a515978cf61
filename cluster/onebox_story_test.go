package cluster

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what one box in hostile hands can do for good, and what an operator has to do
// about it: SECURITY.md says so, and here it is.

// onOneBox tells a story about one hostile box, in each place of two and of three nodes where it
// is a home of session "s", with seal keys and without.
func onOneBox(t *testing.T, p policy, test func(w *world, h *hostileNode, c, other *Cluster, cfg Config, place int)) {
	for _, nodes := range []int{2, 3} {
		for place := range 2 {
			for _, isSealed := range []bool{false, true} {
				t.Run(fmt.Sprintf("home %d of %d nodes, sealed %v", place+1, nodes, isSealed), func(t *testing.T) {
					story(t, nodes, func(w *world) {
						h := &hostileNode{policy: truthfully(p)}
						cfg := Config{DialContext: w.takeOver(place, "s", h)}
						if isSealed {
							cfg.SealKeys = [][]byte{sealKeyOf(1)}
						}
						test(w, h, w.cluster(cfg), w.cluster(cfg), cfg, place)
					})
				})
			}
		}
	}
}

// empty has the hostile box lose all that it holds.
func (h *hostileNode) empty() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.held)
}

// keeps says that it has stored and deleted, and keeps what it held.
var keeps = policy{writes: always(lie{raw: "STORED\r\n"}), deletes: always(lie{raw: "DELETED\r\n"})}

// The other home remembers the deletion, and one node is enough. When it forgets, by a restart or
// for want of memory, the copy that the hostile box has kept is all there is.
func TestOneHostileBoxBringsADeletedSessionBackWhenTheOtherHomeForgets(t *testing.T) {
	for how, forgets := range map[string]func(w *world, good int){
		"a restart":             func(w *world, good int) { w.preference("s")[good].Restart() },
		"no room for deletions": func(w *world, good int) { w.preference("s")[good].Delete(record.KeyOf("s").Name("")) },
	} {
		t.Run(how, func(t *testing.T) {
			onOneBox(t, keeps, func(w *world, h *hostileNode, c, other *Cluster, _ Config, place int) {
				end := w.create(c, "s", "user=ann").Deadline
				h.turned.Store(true)
				w.delete(c, "s")
				for range 3 { // whatever it shows: the other home has the word
					w.missing(c, "s", ErrNotFound)
					w.missing(other, "s", ErrNotFound)
				}
				forgets(w, 1-place)
				if len(c.nodes()) > 2 { // the node behind the homes remembers it, too
					w.missing(other, "s", ErrNotFound)
					w.missing(c, "s", ErrNotFound)
					return
				}
				w.sees(other, "s", "user=ann") // it is back,
				w.sees(c, "s", "user=ann")     // also for the instance that deleted it,
				h.empty()
				w.sees(c, "s", "user=ann") // and on the good node now.
				time.Sleep(time.Until(end) + time.Millisecond)
				w.missing(c, "s", ErrNotFound) // Not for longer than it was to live.
				w.missing(other, "s", ErrNotFound)
			})
		})
	}
}

// So a box that is not trusted is flushed, or taken off the list, before another one restarts.
func TestABoxThatIsFlushedBeforeARestartBringsNothingBack(t *testing.T) {
	onOneBox(t, keeps, func(w *world, h *hostileNode, c, other *Cluster, cfg Config, place int) {
		w.create(c, "s", "user=ann")
		h.turned.Store(true)
		w.delete(c, "s")
		// Off the list:
		without := cfg
		for _, n := range c.cfg.Nodes {
			if n.ID != w.preference("s")[place].ID() {
				without.Nodes = append(without.Nodes, n)
			}
		}
		without.Replicas = min(2, len(without.Nodes))
		w.missing(w.cluster(without), "s", ErrNotFound)
		// Flushed:
		h.empty()
		w.preference("s")[1-place].Restart()
		w.missing(c, "s", ErrNotFound)
		w.missing(other, "s", ErrNotFound)
		w.missing(w.cluster(without), "s", ErrNotFound)
	})
}

// Without seals a forged record that was read once lies on the good node as well. Nobody needs the
// box any more.
func TestAPoisonedCopyOutlivesItsNodeUnlessItIsSealed(t *testing.T) {
	evilValue := invented(func(now time.Time) *record.Record {
		return evil(now, time.Minute, now.Add(time.Hour).UnixMilli(), "admin")
	})
	onOneBox(t, policy{reads: always(lie{copy: evilValue})}, func(w *world, h *hostileNode, c, other *Cluster, cfg Config, place int) {
		w.create(c, "s", "user=ann")
		h.turned.Store(true)
		poisoned := "user=ann admin=evil"
		if len(cfg.SealKeys) > 0 {
			poisoned = "user=ann"
		}
		w.sees(c, "s", poisoned)
		h.turned.Store(false)
		h.empty()
		w.sees(other, "s", poisoned) // the box is honest again, and empty
		w.change(other, "s", "cart", "1")
		w.sees(c, "s", poisoned+" cart=1") // a save heals what it writes, and nothing else
		// The box is flushed alone, and then the good nodes alone: what remains is on the other.
		h.empty()
		w.sees(c, "s", poisoned+" cart=1")
		for i, n := range w.preference("s") {
			if i != place {
				n.Flush()
			}
		}
		w.sees(c, "s", poisoned+" cart=1")
		// Every node.
		h.empty()
		for _, n := range w.preference("s") {
			n.Flush()
		}
		w.missing(c, "s", ErrNotFound)
	})
}

// The same with a forged tombstone: the user is logged out, and no save brings the session back.
func TestForgedTombstoneStaysUnlessRecordsAreSealed(t *testing.T) {
	gone := invented(func(now time.Time) *record.Record { return record.Tombstone(now.Add(time.Hour).UnixMilli()) })
	onOneBox(t, policy{reads: always(lie{copy: gone})}, func(w *world, h *hostileNode, c, other *Cluster, cfg Config, place int) {
		w.create(c, "s", "user=ann")
		h.turned.Store(true)
		if len(cfg.SealKeys) > 0 {
			w.sees(c, "s", "user=ann")
			return
		}
		w.missing(c, "s", ErrNotFound)
		h.turned.Store(false)
		h.empty()
		w.missing(other, "s", ErrNotFound)
		w.missing(c, "s", ErrNotFound)
	})
}

// Logins and logouts without end leave a tombstone each: a few bytes, on the homes alone, for no
// longer than the session could have lived and an hour.
func TestTombstoneIsSmallAndExpires(t *testing.T) {
	for _, keys := range [][][]byte{nil, {sealKeyOf(1)}} {
		story(t, 4, func(w *world) {
			c := w.cluster(Config{SealKeys: keys})
			const logins = 200
			for i := range logins {
				r := NewRecord(fmt.Sprint("s", i))
				r.Attrs["cart"] = make([]byte, 1000)
				r.Deadline = time.Now().Add(20 * time.Minute)
				w.save(c, r)
				w.delete(c, r.Key())
			}
			held, bytes := 0, 0
			for _, n := range w.env.All() {
				for _, key := range w.keys(n) {
					b, _ := n.Get(key)
					held, bytes = held+1, bytes+len(b)
				}
			}
			if held > 4*logins || bytes > held*100 {
				w.Errorf("%d logouts left %d copies of %d bytes", logins, held, bytes)
			}
			time.Sleep(2 * time.Hour)
			for _, n := range w.env.All() {
				if keys := w.keys(n); len(keys) > 0 {
					w.Errorf("%s still holds %d", n.ID(), len(keys))
				}
			}
		})
	}
}
