package explore

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides which command a node receives next: every command of an actor is
// held when it is sent, until the schedule delivers it or lets it time out. One that
// has timed out may still arrive.

// command is one request of a client to a node.
type command struct {
	name  string // the actor, the node, and the how-manieth of that actor there
	actor string
	verb  string
	node  int // server
	bytes []byte
	conn  *conn
	reply chan []byte // closed without a reply: timed out
	late  bool        // it has timed out
}

// reads reports whether the command leaves the node as it is.
func (cmd *command) reads() bool { return cmd.verb == "gets" || cmd.verb == "version" }

// deliver has the node receive the command, and its client the reply.
func (r *run) deliver(cmd *command) {
	reply := ""
	if _, err := cmd.conn.Conn.Write(cmd.bytes); err == nil {
		synctest.Wait()
		buf := make([]byte, 4<<10) // records here are small
		n, _ := cmd.conn.Conn.Read(buf)
		reply = string(buf[:n])
	}
	if !cmd.late {
		r.tell(cmd, reply)
		cmd.reply <- []byte(reply)
	}
	switch cmd.verb {
	case "set", "add", "cas", "delete":
		if strings.HasPrefix(reply, "STORED") || strings.HasPrefix(reply, "DELETED") {
			_, value, _ := strings.Cut(string(cmd.bytes), "\r\n")
			r.stored[cmd.node] = held{r.stored[cmd.node].writes + 1, value}
		}
	}
}

// held is what a node holds: the number of writes makes up its CAS tokens.
type held struct {
	writes int
	value  string
}

// choice is one way to go on.
type choice struct {
	event
	do func()
}

// schedule makes choices until every actor has ended. It reports false where it met
// a state that was seen before.
func (r *run) schedule() bool {
	for {
		synctest.Wait()
		r.mu.Lock()
		working, waiting := r.working, r.waiting
		r.mu.Unlock()
		if working == 0 {
			return true
		}
		choices := r.choices()
		if len(r.pending) == 0 && waiting > 0 && waiting == working {
			r.finishSession()
			continue
		}
		if len(choices) == 0 {
			time.Sleep(time.Millisecond) // somebody waits for the clock
			continue
		}
		if r.at == len(r.path) {
			var before branch
			if r.at > 0 {
				before = r.path[r.at-1]
			}
			b, ok := r.known.visit(r.state(), before.sleeping(r.scope), choices)
			if !ok {
				return false
			}
			r.path = append(r.path, b)
		}
		next := r.path[r.at].left[0]
		i := slices.IndexFunc(choices, func(c choice) bool { return c.event == next })
		if i < 0 {
			panic(fmt.Sprintf("explore: not repeatable: no %q after %s", next.text, strings.Join(r.log, "; ")))
		}
		r.at++
		r.log = append(r.log, next.text)
		choices[i].do()
	}
}

// choices are all ways to go on, in an order that does not depend on the run.
func (r *run) choices() []choice {
	r.mu.Lock()
	defer r.mu.Unlock()
	sort.Slice(r.pending, func(i, j int) bool { return r.pending[i].name < r.pending[j].name })
	sort.Slice(r.late, func(i, j int) bool { return r.late[i].name < r.late[j].name })
	var cs []choice
	faulty := -1
	if r.scope.Faulty >= 0 {
		faulty = r.order[r.scope.Faulty]
	}
	for _, cmd := range r.pending {
		probe := cmd.verb == "version"
		cs = append(cs, choice{event{arrival, cmd.name + " arrives", cmd.actor, cmd.node, cmd.reads()}, func() { r.take(cmd); r.deliver(cmd) }})
		if cmd.node == faulty && r.losses < r.scope.Losses && !probe {
			cs = append(cs, choice{event{timeout, cmd.name + " times out", cmd.actor, cmd.node, true}, func() {
				r.losses++
				r.take(cmd)
				if cmd.verb != "gets" {
					r.late = append(r.late, cmd)
				}
				r.tell(cmd, "timeout")
				cmd.late = true
				close(cmd.reply)
			}})
		}
	}
	if r.restarts < r.scope.Restarts && (!r.scope.Rolling || r.restarts == 0 || r.asked) {
		node, text := faulty, "the faulty node restarts empty"
		if r.scope.Rolling && r.restarts%2 == 1 {
			node, text = r.order[1-r.scope.Faulty], "the other home node restarts empty"
		}
		cs = append(cs, choice{event{kind: restart, text: text}, func() { r.restart(node) }})
	}
	for _, name := range slices.Sorted(maps.Keys(r.atStart)) {
		cs = append(cs, choice{event{kind: moment, text: name + " makes a request"}, func() {
			r.mu.Lock()
			at := r.atStart[name]
			delete(r.atStart, name)
			r.mu.Unlock()
			close(at)
		}})
	}
	if r.moments < r.scope.Moments {
		cs = append(cs, choice{event{kind: moment, text: "a moment passes"}, func() { r.moments++; time.Sleep(cluster.DefaultTimeout * 2 / 3) }})
	}
	for _, cmd := range r.late {
		cs = append(cs, choice{event{late, cmd.name + " arrives late", "", cmd.node, false}, func() { r.forget(cmd); r.deliver(cmd) }})
	}
	return cs
}

// restart has a node lose its memory, its connections and what was on its way to it.
func (r *run) restart(node int) {
	r.restarts++
	now := r.tick()
	r.mu.Lock()
	r.since, r.asked = now, false
	r.stored[node] = held{}
	var broken []*command
	for _, cmd := range r.pending {
		if cmd.node == node {
			broken = append(broken, cmd)
		}
	}
	for _, cmd := range r.late {
		if cmd.node == node {
			defer r.forget(cmd)
		}
	}
	old := r.servers[node]
	r.servers[node] = testenv.NewServer(testenv.ServerConfig{})
	r.mu.Unlock()
	old.Close()
	for _, cmd := range broken {
		r.take(cmd)
		r.tell(cmd, "broken")
		cmd.reply <- nil
	}
}

// take removes a command from those that are held.
func (r *run) take(cmd *command) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pending = without(r.pending, cmd)
}

func (r *run) forget(cmd *command) { r.late = without(r.late, cmd) }

func without(all []*command, cmd *command) []*command {
	var out []*command
	for _, c := range all {
		if c != cmd {
			out = append(out, c)
		}
	}
	return out
}

// tell notes what an actor learned.
func (r *run) tell(cmd *command, reply string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told[cmd.actor] = append(r.told[cmd.actor], cmd.name+": "+reply)
}

// state identifies where the run is: what each actor has been told decides what it
// is about to do, what changed each node decides what that holds.
func (r *run) state() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var waiting, late []string
	for _, cmd := range r.pending {
		waiting = append(waiting, cmd.name+": "+string(cmd.bytes))
	}
	for name := range r.atStart {
		waiting = append(waiting, name)
	}
	for _, cmd := range r.late {
		late = append(late, cmd.name+": "+string(cmd.bytes))
	}
	sort.Strings(waiting)
	sort.Strings(late)
	told := r.told
	if !r.scope.Ordered {
		told = map[string][]string{}
		for actor, lines := range r.told {
			told[actor] = slices.Sorted(slices.Values(lines))
		}
	}
	var rolling []any
	if r.scope.Rolling && r.restarts > 0 {
		fresh := map[string]bool{} // who is to ask for the session since then
		for actor, call := range r.running {
			fresh[actor] = call > r.since
		}
		rolling = []any{r.asked, fresh}
	}
	return hashOf(told, r.stored, sorted(r.calls), waiting, late, r.losses, r.restarts, r.moments, r.over, rolling, r.browser)
}
