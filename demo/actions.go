package main

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file has everything that can be done from the page, and what the journal says
// about it. An error that is a *refused explains why something was not done.

// nodeActions are what can be done to one node, by the last part of their path.
var nodeActions = map[string]func(d *demo, id string) error{
	"kill": func(d *demo, id string) error {
		was := d.watch.ended(id, true)
		err := d.nodes.kill(id)
		if err != nil {
			d.watch.ended(id, was)
		} else {
			d.broke("kill "+id, "%s was killed%s: its memory is gone.", id, by(d.nodes.env, "SIGKILL"))
		}
		return err
	},
	"restart": func(d *demo, id string) error {
		_, n, err := d.nodes.find(id)
		if err != nil {
			return err
		}
		was := n.State()
		d.watch.ended(id, true)
		if err = d.nodes.restart(id); err != nil {
			return err
		}
		d.watch.ended(id, false)
		if was == testenv.Down {
			d.comesBack()
			d.mended("start "+id, "%s was started again, with an empty memory.", id)
		} else {
			d.broke("empty "+id, "%s was restarted: it runs again at once, with an empty memory.", id)
		}
		return nil
	},
	"hang": func(d *demo, id string) error {
		err := d.nodes.hang(id)
		if err == nil {
			d.broke("hang "+id, "%s hangs%s: it accepts connections and answers nothing.", id, by(d.nodes.env, "SIGSTOP"))
		}
		return err
	},
	"resume": func(d *demo, id string) error {
		err := d.nodes.resume(id)
		if err == nil {
			d.mended("resume "+id, "%s goes on, with the old memory it had.", id)
		}
		return err
	},
	"remove": (*demo).removeNode,
}

// broke notes that something was broken, and when that is more than is promised.
func (d *demo) broke(mark, format string, args ...any) {
	exposed := d.watch.fault(time.Now())
	d.journal.add(fault, mark, format, args...)
	if exposed > 0 {
		d.journal.add(note, "", "That was quick: %s had not been used since the fault before, and not every node was whole, so both copies may have been hit. "+
			"This is the one thing that two copies cannot cover.", countSessions(exposed))
	}
	if cuts := d.watch.allCuts(); len(cuts) > 1 || len(cuts) == 1 && !strings.HasPrefix(mark, "cut") {
		d.journal.add(note, "", "%s. With a second fault on top, that app may meet older copies: one fault at a time is what is promised.",
			strings.Join(cuts, "; "))
	}
}

// mended notes that something was put right.
func (d *demo) mended(mark, format string, args ...any) {
	d.journal.add(mend, mark, format, args...)
}

// toNode does one of the nodeActions.
func (d *demo) toNode(action, id string) error {
	do := nodeActions[action]
	if do == nil {
		return unknown("button", action, []string{"kill", "restart", "hang", "resume", "cut", "heal", "remove"})
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := d.inTheWay(); err != nil && !d.mends(action, id) {
		return err
	}
	d.watch.touch(id)
	defer d.watch.touch(id)
	return do(d, id)
}

// mends reports whether the action puts right what ended, or hangs, by itself.
func (d *demo) mends(action, id string) bool {
	return action == "resume" || action == "restart" && slices.Contains(d.nodes.ids(), id) && d.nodes.state(id) == testenv.Down
}

// addNode adds a node, one instance after the other.
func (d *demo) addNode(id string, standby bool) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := d.inTheWay(); err != nil {
		return err
	}
	n, err := d.nodes.add(id, standby)
	if err != nil {
		return err
	}
	what := "an empty node"
	if standby {
		what = "an empty standby node: it stores sessions only while regular nodes are down"
	}
	d.watch.touch(n.ID)
	d.watch.ended(n.ID, false)
	err = d.roll()
	d.mended("add "+n.ID, "%s was added, %s. The apps took it on one after the other; sessions move there by themselves, and at once when they are used.", n.ID, what)
	return err
}

func (d *demo) removeNode(id string) error {
	if err := d.nodes.remove(id); err != nil {
		return err
	}
	err := d.roll()
	err = errors.Join(err, d.nodes.stop(id))
	d.broke("remove "+id, "%s was removed: the apps let go of it one after the other, and then it was stopped.", id)
	return err
}

// roll gives every app the present list of nodes, one instance after the other.
func (d *demo) roll() error {
	var errs []error
	for _, in := range d.apps {
		errs = append(errs, in.reconfigure(d.clusterConfig()))
	}
	d.store.SetNodes(d.nodes.all())
	return errors.Join(errs...)
}

// cutOff breaks the network between one instance and one node.
func (d *demo) cutOff(id, app string) error {
	return d.onWire(id, app, func(in *instance, n cluster.Node) error {
		if d.watch.cut(id, app) {
			return refuse("%s is cut off from %s already. Reconnect them first.", app, id)
		}
		if err := d.inTheWay(); err != nil {
			return err
		}
		in.wire.Blackhole(n.Addr, testenv.Both)
		d.watch.setCut(id, app, true)
		d.broke("cut "+id, "%s can no longer reach %s; the other apps can.", app, id)
		return nil
	})
}

// reconnect ends a cutOff.
func (d *demo) reconnect(id, app string) error {
	return d.onWire(id, app, func(in *instance, n cluster.Node) error {
		if !d.watch.cut(id, app) {
			return refuse("%s is not cut off from %s.", app, id)
		}
		in.wire.Heal(n.Addr)
		d.watch.setCut(id, app, false)
		d.mended("join "+id, "%s can reach %s again.", app, id)
		return nil
	})
}

func (d *demo) onWire(id, app string, do func(*instance, cluster.Node) error) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	in, err := d.app(app)
	if err != nil {
		return err
	}
	defer d.watch.touch(id)
	for _, n := range d.nodes.all() {
		if n.ID == id {
			return do(in, n)
		}
	}
	return unknown("node", id, d.nodes.ids())
}

// elsewhere notes what happened to an instance that runs elsewhere.
func (d *demo) elsewhere(in *instance) func(up bool) {
	return func(up bool) {
		if up {
			d.mended(in.name+" is back", "%s answers again. It knows no session: it asks the nodes.", in.name)
			return
		}
		d.watch.counted()
		d.journal.add(fault, in.name+" down", "%s does not answer any more. The proxy sends its users to the other instance.", in.name)
	}
}

// killApp ends an instance in the middle of its requests.
func (d *demo) killApp(name string) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	in, err := d.app(name)
	if err != nil {
		return err
	}
	if in.remote != nil {
		return refuse("%s runs elsewhere: this page can show it, but not kill it.", name)
	}
	if in.url() == "" {
		return refuse("%s is down already. Start it.", name)
	}
	others := 0
	for _, other := range d.apps {
		if other != in && other.driver == in.driver && other.url() != "" {
			others++
		}
	}
	if others == 0 {
		return refuse("%s is the last instance of its app: nobody would be left to answer. Start the other one first.", name)
	}
	in.kill()
	d.watch.counted() // no copy is hit
	d.journal.add(fault, "kill "+name, "%s was killed in the middle of its requests. The proxy sends its users to the other instance.", name)
	return nil
}

// startApp starts an instance that was killed.
func (d *demo) startApp(name string) error {
	d.turn.Lock()
	defer d.turn.Unlock()
	in, err := d.app(name)
	if err != nil {
		return err
	}
	if in.remote != nil {
		return refuse("%s runs elsewhere: this page can show it, but not start it.", name)
	}
	err = in.start(d.clusterConfig())
	if errors.Is(err, errAlive) {
		return refuse("%s runs already.", name)
	}
	if err == nil {
		d.mended("start "+name, "%s was started again. It knows no session: it asks the nodes.", name)
	}
	return err
}
