package cluster

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/placement"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// A session gets and keeps its owner by Update, and under a lock, as by Save.
func TestOwnersByUpdateAndUnderALock(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.destroyAll(c, "ann", 0)
		w.create(c, "updated", "a=1")
		logIn := func(r *Record) error {
			r.SetOwner("ann", "label of "+r.Key())
			return nil
		}
		if err := c.Update(context.Background(), "updated", logIn); err != nil {
			w.Fatal(err)
		}
		time.Sleep(time.Second)
		locked := w.create(c, "locked", "a=1")
		held, unlock, err := c.Lock(context.Background(), "locked", time.Minute)
		if err != nil {
			w.Fatal(err)
		}
		_ = logIn(locked)
		if err := c.Save(held, locked); err != nil {
			w.Fatal(err)
		}
		unlock()
		w.sees(c, "updated", "a=1")
		w.sees(c, "locked", "a=1")
		w.lists(c, "ann", "locked", "updated")
		w.unlist(c, "ann", "updated")
		w.destroyAll(c, "ann", 1)
		for _, id := range []string{"updated", "locked"} {
			if err := c.Update(context.Background(), id, logIn); err != ErrNotFound {
				w.Errorf("%s: %v", id, err)
			}
		}
	})
}

// A local copy is shown no longer than any reading counts, and not at all where this process knows better.
func TestOwnersOfLocalCopies(t *testing.T) {
	story(t, 3, func(w *world) {
		const fresh = 3 * time.Second
		cfg := Config{Local: Local{Sessions: 100, Fresh: fresh}}
		c, other := w.cluster(cfg), w.cluster(cfg)
		for _, id := range []string{"listed", "not listed", "later"} {
			w.logIn(c, id, "ann")
			w.unlist(c, "ann", "not listed")
		}
		versions := map[string]string{}
		loads := func(in *Cluster, id string) error {
			r, err := in.LoadVersion(context.Background(), id, versions[id])
			if err == nil {
				versions[id] = r.Version()
			}
			return err
		}
		for _, id := range []string{"listed", "not listed"} {
			for range 2 { // the second time from the copy
				w.forget()
				if err := loads(c, id); err != nil {
					w.Error(err)
				}
			}
			if n := w.count(); n != 0 {
				w.Errorf("%d commands for a session of which there is a copy", n)
			}
		}
		w.logIn(c, "one", "ann")
		if err := loads(c, "one"); err != nil {
			w.Error(err)
		}
		if err := c.Destroy(context.Background(), "ann", refOf(record.KeyOf("one"))); err != nil {
			w.Error(err)
		}
		if err := loads(c, "one"); err != ErrNotFound {
			w.Errorf("one that was destroyed: %v", err)
		}
		w.destroyAll(c, "ann", 2) // and "later", which is listed
		for _, id := range []string{"listed", "not listed"} {
			if err := loads(c, id); err != ErrNotFound {
				w.Errorf("%s, on the instance that has ended it: %v", id, err)
			}
		}
		w.logIn(c, "again", "ann")
		if err := loads(c, "again"); err != nil {
			w.Error(err)
		}
		w.unlist(c, "ann", "again")
		w.destroyAll(other, "ann", 0)
		time.Sleep(max(fresh, DefaultOwnerCheck))
		if err := loads(c, "again"); err != ErrNotFound {
			w.Errorf("on another instance: %v", err)
		}
	})
}

func TestOwnersWhileANodeIsDown(t *testing.T) {
	for _, fault := range []func(n *testenv.Node){(*testenv.Node).Kill, (*testenv.Node).Pause, (*testenv.Node).Flush} {
		story(t, 3, func(w *world) {
			c, other := w.cluster(Config{}), w.cluster(Config{})
			for i := range 9 { // so that some have the node among their homes
				w.logIn(c, fmt.Sprintf("a%d", i), fmt.Sprintf("user%d", i))
				w.logIn(c, fmt.Sprintf("b%d", i), fmt.Sprintf("user%d", i))
				w.logIn(c, fmt.Sprintf("c%d", i), fmt.Sprintf("user%d", i))
				w.unlist(c, fmt.Sprintf("user%d", i), fmt.Sprintf("b%d", i))
			}
			fault(w.env.Node(0))
			for i := range 9 {
				w.destroyAll(other, fmt.Sprintf("user%d", i), 1, fmt.Sprintf("c%d", i))
			}
			time.Sleep(DefaultOwnerCheck)
			for _, in := range []*Cluster{c, other} {
				for i := range 9 {
					w.missing(in, fmt.Sprintf("a%d", i), ErrNotFound)
					w.missing(in, fmt.Sprintf("b%d", i), ErrNotFound)
					w.sees(in, fmt.Sprintf("c%d", i), "a=1")
				}
			}
			w.env.Node(0).Resume()
			time.Sleep(time.Minute) // whole again: what hung has nothing to say
			for i := range 9 {
				w.missing(c, fmt.Sprintf("a%d", i), ErrNotFound)
				w.missing(c, fmt.Sprintf("b%d", i), ErrNotFound)
				w.lists(c, fmt.Sprintf("user%d", i), fmt.Sprintf("c%d", i))
			}
		})
	}
}

// Nobody knows whether the session has ended, where the owner's record cannot be read.
func TestAnOwnerOutOfReachIsAnOutage(t *testing.T) {
	story(t, 4, func(w *world) {
		c := w.cluster(Config{})
		for i := 0; ; i++ {
			id, owner := fmt.Sprint("s", i), fmt.Sprint("user", i)
			homes := w.homesOf(c, c.ownerKeys(owner)[0])
			if sessions := w.preference(id); slices.Contains(homes, sessions[0]) || slices.Contains(homes, sessions[1]) {
				continue
			}
			w.logIn(c, id, owner)
			for _, n := range homes {
				n.Kill()
			}
			w.sees(c, id, "a=1") // for as long as the last reading counts
			time.Sleep(DefaultOwnerCheck)
			w.missing(c, id, ErrUnavailable)
			r := NewRecord("login")
			r.SetOwner(owner, "")
			if err := c.Save(context.Background(), r); !isErr(err, ErrUnavailable) {
				w.Errorf("a login: %v", err)
			}
			if _, err := c.DestroyAll(context.Background(), owner); !isErr(err, ErrUnavailable) {
				w.Errorf("DestroyAll: %v", err)
			}
			if _, err := c.Sessions(context.Background(), owner); !isErr(err, ErrUnavailable) {
				w.Errorf("Sessions: %v", err)
			}
			return
		}
	})
}

// homesOf are the nodes on which that key lies.
func (w *world) homesOf(c *Cluster, key record.Key) (nodes []*testenv.Node) {
	for _, i := range placement.New(placed(c.cfg.Nodes)).Preference(key, 2, nil) {
		nodes = append(nodes, w.env.Node(i))
	}
	return nodes
}

// A session that is not listed has a local copy here that is fresh for long, and nobody asks for it for
// a while after DestroyAll: it is dead on the instance that called.
func TestALocalCopyDoesNotOutliveWhatEndedIt(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{Local: Local{Sessions: 100, Fresh: time.Minute}})
		w.logIn(c, "s1", "ann")
		version := w.load(c, "s1").Version()
		w.unlist(c, "ann", "s1")
		w.destroyAll(c, "ann", 0)
		for _, id := range []string{"s2", "s3", "s4"} {
			time.Sleep(DefaultOwnerCheck + time.Second)
			w.logIn(c, id, "bob")
		}
		if r, err := c.LoadVersion(w.Context(), "s1", version); err != ErrNotFound {
			w.Errorf("load: %v, %v", r, err)
		}
	})
}

// Nor does one that is shown in an outage.
func TestALocalCopyDoesNotOutliveInAnOutageWhatEndedIt(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{Local: Local{Sessions: 100, Outage: outage}})
		w.logIn(c, "s1", "ann")
		version := w.load(c, "s1").Version()
		w.unlist(c, "ann", "s1")
		w.destroyAll(c, "ann", 0)
		for _, id := range []string{"s2", "s3", "s4"} {
			time.Sleep(DefaultOwnerCheck + time.Second)
			w.logIn(c, id, "bob")
		}
		w.allDown(c)
		if r, err := c.LoadVersion(w.Context(), "s1", version); !isErr(err, ErrUnavailable) {
			w.Errorf("load: %v, %v", r, err)
		}
	})
}
