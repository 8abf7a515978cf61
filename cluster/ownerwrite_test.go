package cluster

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/owner"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

func TestManyLoginsOfOneOwnerAtOnce(t *testing.T) {
	story(t, 3, func(w *world) {
		ins := []*Cluster{w.cluster(Config{}), w.cluster(Config{}), w.cluster(Config{})}
		w.far.Store(true)
		w.forget()
		var wg sync.WaitGroup
		for i := range 90 {
			wg.Go(func() { w.logIn(ins[i%3], fmt.Sprint("s", i), "ann") })
		}
		wg.Wait()
		w.mu.Lock()
		commands := 0
		for _, s := range w.sent {
			if s.key == ins[0].ownerKeys("ann")[0].Name("") {
				commands++
			}
		}
		w.mu.Unlock()
		if commands > 200 { // one by one they take four each, and more where instances meet
			w.Errorf("%d commands for 90 logins", commands)
		}
		if all, err := ins[0].Sessions(context.Background(), "ann"); len(all) != 90 || err != nil {
			w.Errorf("%d sessions are listed, %v", len(all), err)
		}
	})
}

// Of two changes made at once the later one sets the record's end, and it must not be the earlier end.
func TestAnOwnersRecordOutlivesItsSessions(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		key := c.ownerKeys("ann")[0]
		long, short := time.Now().Add(24*time.Hour).UnixMilli(), time.Now().Add(time.Hour).UnixMilli()
		write := func(id string, until int64) *record.Record {
			op := c.operationOn(key, intent{mayBeNew: true})
			return owner.Enter(owner.Entry{Key: record.KeyOf(id), Created: 1, Until: until}).On(nil, time.Now().UnixMilli(), op.stampAfter(nil))
		}
		a := write("long", long)
		time.Sleep(time.Millisecond)
		b := write("short", short)
		both := record.Merge(a, b)
		for _, n := range w.homesOf(c, key) {
			text, err := both.Encode(key, nil)
			if err != nil {
				w.Fatal(err)
			}
			n.Set(key.Name(""), text)
		}
		time.Sleep(2 * time.Hour)
		o, err := c.readOwner(context.Background(), key)
		if err != nil {
			w.Fatal(err)
		}
		if _, ok := o.Entry(record.KeyOf("long")); !ok {
			w.Error("a session that lives is listed no more")
		}
		w.logIn(c, "s1", "ann")
		time.Sleep(21 * time.Hour)
		if o, err = c.readOwner(context.Background(), key); err != nil {
			w.Fatal(err)
		}
		if _, ok := o.Entry(record.KeyOf("long")); !ok {
			w.Error("a later login has shortened the record's life")
		}
	})
}

// A session that lives on with each request stays listed, and its entry costs no write at each.
func TestAnEntryIsRenewedNowAndThen(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		w.forget()
		saves := 0
		for range 30 {
			time.Sleep(10 * time.Minute)
			r := w.load(c, "s1")
			r.Deadline = time.Now().Add(time.Hour)
			r.SetOwner("ann", "")
			w.save(c, r)
			saves++
		}
		w.lists(c, "ann", "s1")
		w.mu.Lock()
		defer w.mu.Unlock()
		writes := 0
		for _, s := range w.sent {
			if s.key == c.ownerKeys("ann")[0].Name("") && s.verb != "gets" && s.verb != "get" {
				writes++
			}
		}
		if writes == 0 || writes > 2*7 {
			w.Errorf("%d writes of the owner's record for %d saves", writes, saves)
		}
	})
}

func TestADestroyedSessionIsListedNoMore(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		for i := range 5 {
			w.logIn(c, fmt.Sprint("s", i), "ann")
			time.Sleep(time.Second)
		}
		time.Sleep(2 * time.Minute)
		w.delete(c, "s1")
		w.delete(c, "s2")
		w.lists(c, "ann", "s4", "s3", "s0")
		if o, err := c.readOwner(context.Background(), c.ownerKeys("ann")[0]); err != nil || len(o.Sessions) != 3 {
			w.Errorf("%d entries, %v", len(o.Sessions), err)
		}
	})
}

// Where records are sealed, so are owners, and a node can neither read nor guess whose they are. While
// keys are rotated both kinds of instances end the sessions of both.
func TestOwnersWhereRecordsAreSealed(t *testing.T) {
	story(t, 3, func(w *world) {
		k1, k2 := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
		old := w.cluster(Config{SealKeys: [][]byte{k1, k2}})
		new := w.cluster(Config{SealKeys: [][]byte{k2, k1}})
		w.logIn(old, "s1", "ann")
		w.logIn(new, "s2", "ann")
		plain := w.cluster(Config{})
		for _, n := range w.env.All() {
			for key, value := range n.Dump() {
				if strings.Contains(string(value), "label of") || key == plain.ownerKeys("ann")[0].Name("") {
					w.Errorf("%s shows %q", n.ID(), key)
				}
			}
		}
		for _, in := range []*Cluster{old, new} {
			if all, err := in.Sessions(context.Background(), "ann"); len(all) != 2 || err != nil {
				w.Errorf("%v, %v", all, err)
			}
		}
		w.unlist(old, "ann", "s1")
		w.unlist(new, "ann", "s2")
		w.destroyAll(new, "ann", 0)
		time.Sleep(DefaultOwnerCheck)
		w.missing(old, "s1", ErrNotFound)
		w.missing(old, "s2", ErrNotFound)
	})
}

// A node that was emptied gets the records of owners back, without a request.
func TestOwnersAreHealed(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		for i := range 9 {
			w.logIn(c, fmt.Sprint("s", i), fmt.Sprint("user", i))
		}
		for _, n := range w.env.All() { // one after the other
			n.Kill()
			n.Restart()
			w.whole(c)
		}
		for i := range 9 {
			key := c.ownerKeys(fmt.Sprint("user", i))[0]
			for _, n := range w.homesOf(c, key) {
				if _, ok := n.Get(key.Name("")); !ok {
					w.Errorf("%s lacks an owner's record", n.ID())
				}
			}
			w.lists(c, fmt.Sprint("user", i), fmt.Sprint("s", i))
		}
	})
}

// Who uses no owners pays nothing for them, and who does pays for a login and for a load now and then.
func TestWhatOwnersCost(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		costs := func(do func()) int {
			w.forget()
			do()
			return w.count()
		}
		if n := costs(func() { w.create(c, "nobody's", "a=1") }); n != 2 {
			w.Errorf("%d commands for a save", n)
		}
		if n := costs(func() { w.logIn(c, "s1", "ann") }); n != 3+2+2 {
			w.Errorf("%d commands for a first login: want three to read the owner, two to write it, two to save", n)
		}
		if n := costs(func() { w.logIn(c, "s2", "ann") }); n != 2+2+2 {
			w.Errorf("%d commands for another login", n)
		}
		if n := costs(func() { w.change(c, "s1", "a", "2") }); n != 4 {
			w.Errorf("%d commands for a request", n)
		}
		time.Sleep(DefaultOwnerCheck)
		if n := costs(func() { w.load(c, "s1") }); n != 4 {
			w.Errorf("%d commands for a load after OwnerCheck", n)
		}
		if n := costs(func() { w.load(c, "s1") }); n != 2 {
			w.Errorf("%d commands for the next load", n)
		}
		each := w.cluster(Config{OwnerCheck: -1})
		for range 2 {
			if n := costs(func() { w.load(each, "s1") }); n != 4 {
				w.Errorf("%d commands for a load that always checks", n)
			}
		}
	})
}
