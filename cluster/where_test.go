package cluster

import (
	"context"
	"testing"
)

func TestWhereShowsTheCopiesAndChangesNothing(t *testing.T) {
	story(t, 5, func(w *world) {
		nodes, _ := ParseNodes(w.env.Nodes())
		list := w.preference("s")
		for i := range nodes {
			nodes[i].Standby = nodes[i].ID == list[4].ID()
		}
		c := w.cluster(Config{Nodes: nodes})
		ctx := context.Background()
		where := func() []Placement {
			w.Helper()
			places, err := c.Where(ctx, "s")
			if err != nil || len(places) != 5 {
				w.Fatalf("%+v, %v", places, err)
			}
			return places
		}
		for i, p := range where() {
			if p.Held || p.Err != nil || p.Node.ID != list[i].ID() || p.Role != []Role{RolePrimary, RoleBackup, RoleFallback, RoleFallback, RoleStandby}[i] {
				w.Errorf("place %d: %+v", i, p)
			}
		}
		w.create(c, "s", "a=1")
		list[0].Kill()
		w.change(c, "s", "a", "2")
		places := where()
		if p := places[0]; p.Held || p.Err == nil || p.Node.State != StateDown {
			w.Errorf("a node that is down: %+v", p)
		}
		if !places[1].Held || !places[2].Held || places[3].Held || places[1].Version != places[2].Version || places[1].Bytes == 0 {
			w.Errorf("%+v", places)
		}
		list[1].Restart()
		w.forget()
		if where()[1].Held {
			w.Error("an empty node holds a copy")
		}
		if w.count("gets") != w.count() {
			w.Errorf("sent %v", w.sent)
		}
		w.delete(c, "s")
		if p := where()[1]; !p.Held || !p.Destroyed {
			w.Errorf("a destroyed session: %+v", p)
		}
		if _, err := c.Where(ctx, ""); !isErr(err, ErrEmptyKey) {
			w.Errorf("an empty key: %v", err)
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		list[1].Pause()
		if _, err := c.Where(ended, "s"); !isErr(err, context.Canceled) {
			w.Errorf("a context that has ended: %v", err)
		}
	})
}
