package cluster

import (
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what becomes of the sessions of an owner while seal keys are rotated.

// While seal keys are rotated a session gets a new id. It has seen the epochs of the record that it is
// told of in from then on.
func TestARenewalWhileSealKeysAreRotatedLives(t *testing.T) {
	story(t, 3, func(w *world) {
		k1, k2 := sealKeyOf(1), sealKeyOf(2)
		c, d := w.cluster(Config{SealKeys: [][]byte{k1, k2}}), w.cluster(Config{SealKeys: [][]byte{k2, k1}})
		w.destroyAll(c, "ann", 0)
		w.logIn(c, "s1", "ann")
		old := w.load(d, "s1")
		r := NewRecord("s2")
		r.Attrs, r.Deadline = attrsOf("a=1"), time.Now().Add(time.Hour)
		r.SetOwner("ann", "label of s2")
		r.Succeeds(old)
		w.save(d, r)
		w.delete(d, "s1")
		w.sees(d, "s2", "a=1")
		w.sees(c, "s2", "a=1")
	})
}

// A session that is saved on and on has begun under a seal key that is no more. It is still its
// owner's.
func TestASessionOutlivesTheSealKeyThatItBeganUnder(t *testing.T) {
	story(t, 3, func(w *world) {
		k1, k2 := sealKeyOf(1), sealKeyOf(2)
		save := func(c *Cluster, v string) {
			r := w.load(c, "s1")
			r.Attrs["a"], r.Deadline = []byte(v), time.Now().Add(time.Hour)
			r.SetOwner("ann", "label of s1")
			w.save(c, r)
		}
		c := w.cluster(Config{SealKeys: [][]byte{k1, k2}})
		w.logIn(c, "s1", "ann")
		c.Close()
		c = w.cluster(Config{SealKeys: [][]byte{k2, k1}})
		for range 5 {
			time.Sleep(30 * time.Minute)
			save(c, "2")
		}
		c.Close()
		c = w.cluster(Config{SealKeys: [][]byte{k2}})
		if r, err := c.Load(w.Context(), "s1"); err != nil {
			w.Fatalf("load: %v, %v", r, err)
		}
		w.lists(c, "ann", "s1")
		w.destroyAll(c, "ann", 1)
		w.missing(c, "s1", ErrNotFound)
	})
}

// DestroyAll has begun an epoch in the record under one seal key, and not yet in the other one's, when
// the session moves there, in either direction.
func TestASessionThatMovesWhileAllAreEndedEnds(t *testing.T) {
	for _, renewed := range []bool{false, true} {
		story(t, 3, func(w *world) {
			k1, k2 := sealKeyOf(1), sealKeyOf(2)
			c, d := w.cluster(Config{SealKeys: [][]byte{k1, k2}}), w.cluster(Config{SealKeys: [][]byte{k2, k1}})
			w.logIn(c, "s1", "ann")
			keys, name, id := d.ownerKeys("ann"), d.newEpoch(), "s1"
			if _, err := c.endAll(keys[0], name, nil); err != nil {
				w.Fatal(err)
			}
			r := w.load(d, "s1")
			if renewed {
				id = "s2"
				next := NewRecord(id)
				next.Attrs, next.Deadline = r.Attrs, r.Deadline
				next.Succeeds(r)
				r = next
			}
			r.Attrs["a"] = []byte("2")
			r.SetOwner("ann", "label of "+id)
			w.save(d, r)
			w.unlist(d, "ann", id)
			if _, err := c.endAll(keys[1], name, nil); err != nil {
				w.Fatal(err)
			}
			w.missing(d, id, ErrNotFound)
		})
	}
}

// An epoch that spares the session has taken the place of the one that it has seen begin, in the record under one seal
// key, and not yet in the other one's. The session keeps what it has seen when it moves there.
func TestASessionThatIsSparedMovesAndLives(t *testing.T) {
	story(t, 3, func(w *world) {
		k1, k2 := sealKeyOf(1), sealKeyOf(2)
		c, d := w.cluster(Config{SealKeys: [][]byte{k1, k2}}), w.cluster(Config{SealKeys: [][]byte{k2, k1}})
		w.destroyAll(c, "ann", 0)
		w.logIn(c, "s1", "ann")
		keys, name, spare := c.ownerKeys("ann"), c.newEpoch(), []record.Key{c.handles.keyOf("s1")}
		if _, err := c.endAll(keys[0], name, spare); err != nil {
			w.Fatal(err)
		}
		r := w.load(d, "s1")
		r.Attrs["a"] = []byte("2")
		r.SetOwner("ann", "label of s1")
		w.save(d, r)
		w.sees(d, "s1", "a=2")
		if _, err := c.endAll(keys[1], name, spare); err != nil {
			w.Fatal(err)
		}
		w.sees(d, "s1", "a=2")
	})
}
