package cluster

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
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

// What Where returns can be sent to a page: nothing is lost but what an error wraps.
func TestPlacementsSurviveJSON(t *testing.T) {
	for _, p := range []Placement{
		{Node: NodeStatus{ID: "n1", State: StateDown}, Role: RolePrimary, Err: errNotUp},
		{Node: NodeStatus{ID: "n2", State: StateSuspect}, Role: RoleBackup, Held: true, Version: 7, Bytes: 8},
		{Role: RoleStandby, Held: true, Destroyed: true},
	} {
		b, err := json.Marshal([]Placement{p})
		if err != nil {
			t.Fatal(err)
		}
		var got []Placement
		if err := json.Unmarshal(b, &got); err != nil || len(got) != 1 {
			t.Fatalf("%s: %v", b, err)
		}
		if (got[0].Err == nil) != (p.Err == nil) || p.Err != nil && got[0].Err.Error() != p.Err.Error() {
			t.Errorf("the error is %v, was %v", got[0].Err, p.Err)
		}
		got[0].Err, p.Err = nil, nil
		if !reflect.DeepEqual(got[0], p) {
			t.Errorf("%s came back as %+v", b, got[0])
		}
		if words := []string{p.Node.State.String(), string(p.Role)}; !strings.Contains(string(b), words[0]) || !strings.Contains(string(b), words[1]) {
			t.Errorf("%s lacks one of the words %q", b, words)
		}
	}
	if err := json.Unmarshal([]byte(`{"Role":7}`), new(Placement)); err == nil {
		t.Error("a role that is a number was accepted")
	}
}
