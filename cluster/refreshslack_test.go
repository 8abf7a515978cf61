package cluster

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"
)

// With a slack, requests that change nothing cost no write until the deadline has
// fallen behind by it; the session never ends early, and at most the slack late.
func TestRefreshSlackSparesWrites(t *testing.T) {
	story(t, 3, func(w *world) {
		const idle, slack, every = 20 * time.Minute, time.Minute, 2 * time.Second
		c := w.cluster(Config{RefreshSlack: slack})
		ctx := context.Background()
		rec := NewRecord("ann")
		rec.Attrs["user"] = []byte("ann")
		rec.Deadline = time.Now().Add(idle)
		if err := c.Save(ctx, rec); err != nil {
			w.Fatal(err)
		}
		request := func(change func(*Record)) (writes int) {
			w.Helper()
			before := w.count("add", "cas", "set")
			rec, err := c.Load(ctx, "ann")
			if err != nil {
				w.Fatal(err)
			}
			rec.Deadline = time.Now().Add(idle)
			if change != nil {
				change(rec)
			}
			if err := c.Save(ctx, rec); err != nil {
				w.Fatal(err)
			}
			again, err := c.Load(ctx, "ann")
			if err != nil || again.Deadline.Before(rec.Deadline) || again.Deadline.After(rec.Deadline.Add(slack)) {
				w.Fatalf("asked for %v, stored %v, %v", rec.Deadline, again.Deadline, err)
			}
			return w.count("add", "cas", "set") - before
		}
		total := 0
		for range int(10 * time.Minute / every) {
			time.Sleep(every)
			total += request(nil)
		}
		if total != 2*9 { // two copies; each write lasts for a little more than the slack
			w.Errorf("%d writes in ten minutes of requests", total)
		}
		if n := request(func(r *Record) { r.Attrs["cart"] = []byte("1") }); n != 2 {
			w.Errorf("a change costs %d writes", n)
		}
		if n := request(func(r *Record) { delete(r.Attrs, "cart") }); n != 2 {
			w.Errorf("a removal costs %d writes", n)
		}
		if n := request(func(r *Record) { r.Deadline = time.Now().Add(time.Minute) }); n != 2 {
			w.Errorf("an earlier deadline costs %d writes", n)
		}
	})
}

// A copy that was lost is put back although the request changes nothing.
func TestRefreshSlackDoesNotSpareLostCopies(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{RefreshSlack: time.Minute})
		ctx := context.Background()
		rec := NewRecord("ann")
		rec.Attrs["user"] = []byte("ann")
		if err := c.Save(ctx, rec); err != nil {
			w.Fatal(err)
		}
		rec, err := c.Load(ctx, "ann")
		if err != nil {
			w.Fatal(err)
		}
		places, err := c.Where(ctx, "ann")
		if err != nil {
			w.Fatal(err)
		}
		primary := w.env.ByID(places[0].Node.ID)
		primary.Kill()
		for c.Nodes()[slices.IndexFunc(c.Nodes(), func(n NodeStatus) bool { return n.ID == primary.ID() })].State != StateDown {
			_ = c.Ping(ctx)
			time.Sleep(time.Millisecond)
		}
		if err := c.Save(ctx, rec); err != nil {
			w.Fatal(err)
		}
		w.env.ByID(places[1].Node.ID).Kill()
		if _, err := c.Load(ctx, "ann"); err != nil {
			w.Errorf("the save did not put a second copy on the fallback: %v", err)
		}
	})
}

func TestTheSlackIsNotAddedToADeadlineThatHasIt(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{RefreshSlack: time.Minute})
		r := w.create(c, "s", "n=0")
		end := r.Deadline
		for i := range 30 {
			w.change(c, "s", "n", fmt.Sprint(i)) // the deadline stays as it was loaded
		}
		if late := w.load(c, "s").Deadline.Sub(end); late > time.Minute {
			w.Errorf("the session ends %v late", late)
		}
	})
}
