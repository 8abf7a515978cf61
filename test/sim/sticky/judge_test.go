package sticky

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// small is a run with one instance and nodes that are whole. It belongs into a bubble.
func small(local cluster.Local) *run {
	r := &run{seed: 1, world: world.New(1), local: local}
	for _, id := range []string{"n1", "n2"} {
		r.nodes = append(r.nodes, cluster.Node{ID: id, Addr: r.world.Add(id, 0).Addr})
	}
	for i := range r.instances {
		r.instances[i] = &instance{name: fmt.Sprint("app", i+1)}
		r.deploy(r.instances[i])
	}
	time.Sleep(10 * time.Second)
	return r
}

func (r *run) end() {
	for _, in := range r.instances {
		_ = in.use().Close()
	}
	r.world.Close()
}

// What clients demand is named when it is not so: each case is a history that is wrong in one way.
func TestWhatClientsAreShownWrongIsNamed(t *testing.T) {
	for _, c := range []struct {
		what string
		do   func(c *client, app *cluster.Cluster, stored *cluster.Record)
		want string // in the one violation; empty: none
	}{
		{"all is shown", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.judgeLoad(app, jar{stored.Key(), "", state{"t0.0": 2}}, stored, nil, false)
		}, ""},
		{"a counter is one short", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.judgeLoad(app, jar{stored.Key(), "", state{"t0.0": 3}}, stored, nil, false)
		}, "shown t0.0=2 after 3, and not told"},
		{"an attribute is not there", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.judgeLoad(app, jar{stored.Key(), "", state{"t1.0": 1}}, stored, nil, false)
		}, "shown t1.0=0 after 1, and not told"},
		{"all nodes were emptied", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.run.emptied.Store(true)
			c.judgeLoad(app, jar{stored.Key(), "", state{"t0.0": 3}}, stored, nil, false)
		}, ""},
		{"the session of the browser is gone", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar = jar{key: stored.Key()}
			c.judgeLoad(app, c.jar, nil, cluster.ErrNotFound, false)
		}, "says that there is no session"},
		{"it is gone, and was told to be behind", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar = jar{key: stored.Key()}
			c.judgeLoad(app, c.jar, nil, cluster.ErrNotFound, true)
		}, ""},
		{"another tab destroys it", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar, c.ending = jar{key: stored.Key()}, stored.Key()
			c.judgeLoad(app, c.jar, nil, cluster.ErrNotFound, false)
		}, ""},
		{"an error proves nothing", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar = jar{key: stored.Key()}
			c.judgeLoad(app, c.jar, nil, cluster.ErrUnavailable, false)
		}, ""},

		{"in the end all is there", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar, c.acked = jar{stored.Key(), stored.Version(), state{"t0.0": 2}}, state{"t0.0": 2}
			c.demand(app)
		}, ""},
		{"in the end an acknowledged change is lost", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar, c.acked = jar{key: stored.Key()}, state{"t0.0": 3}
			c.demand(app)
		}, "in the end t0.0=2, and 3 was acknowledged"},
		{"in the end a client has seen more", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar = jar{key: stored.Key(), seen: state{"t0.0": 3}}
			c.demand(app)
		}, "in the end t0.0=2, seen 3, and not told"},
		{"in the end the session is gone", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.jar = jar{key: "nobody has saved it"}
			c.demand(app)
		}, "in the end: "},
		{"a destroyed session lives", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.leave(jar{key: stored.Key()}, true)
			c.demand(app)
		}, "destroyed, and shown in the end"},
		{"a destroyed session is gone", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			if err := app.Delete(background, stored.Key()); err != nil {
				c.run.fail("%v", err)
			}
			c.leave(jar{key: stored.Key()}, true)
			c.demand(app)
		}, ""},
		{"what may be lost is lost", func(c *client, app *cluster.Cluster, stored *cluster.Record) {
			c.run.lossy.Store(true)
			c.jar, c.acked = jar{key: stored.Key()}, state{"t0.0": 3}
			c.leave(jar{key: stored.Key() + "?"}, true)
			c.demand(app)
		}, ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			r := small(cluster.Local{Sessions: 4, Fresh: fresh})
			defer r.end()
			app := r.instances[0].use()
			rec := cluster.NewRecord("s")
			rec.Attrs["t0.0"] = []byte("2")
			if err := app.Save(background, rec); err != nil {
				t.Fatal(err)
			}
			c.do(newClient(r, 0), app, rec)
			got := r.result.Violations
			switch {
			case c.want == "" && len(got) > 0:
				t.Errorf("%s: %q", c.what, got)
			case c.want != "" && (len(got) != 1 || !strings.Contains(got[0], c.want)):
				t.Errorf("%s: %q, want %q", c.what, got, c.want)
			}
		})
	}
}

// What is never written fails a run: the nodes do not return, and the instance keeps it to itself.
func TestChangesThatAreNeverWrittenAreNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := small(cluster.Local{Sessions: 4, Fresh: fresh, Outage: outage, WriteBehind: true})
		defer r.end()
		app := r.instances[0].use()
		rec := cluster.NewRecord("s")
		if err := app.Save(background, rec); err != nil {
			t.Fatal(err)
		}
		for _, n := range r.world.Nodes() {
			n.Pause()
		}
		time.Sleep(10 * time.Second)
		rec.Attrs["t0.0"] = []byte("1")
		if err := app.Save(background, rec); err != nil {
			t.Fatal(err)
		}
		r.finish()
		if got := strings.Join(r.result.Violations, "; "); !strings.Contains(got, "app1 has 1 sessions that are not written") {
			t.Errorf("named: %q", got)
		}
		for _, n := range r.world.Nodes() {
			n.Resume()
		}
		time.Sleep(time.Minute)
	})
}
