package explore

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/test/sim/world"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what every schedule begins with.

// setting is what all runs begin with: a session that somebody has saved.
type setting struct {
	order  [mostNodes]int
	stored [mostNodes]string // what each server holds of it, as the command that stores it
	made   check.Op
}

// prepare makes the setting, in a bubble of its own.
func prepare(s Scope) *setting {
	r := &run{auto: true, scope: s, hist: &check.History{}}
	r.reset()
	r.findOrder()
	maker := r.instance("maker", 0)
	r.save(maker, "maker", cluster.NewRecord(key), map[string]string{"old": "old.1", "a": "a.1"})
	set := &setting{order: r.order, made: r.hist.Ops()[0]}
	for i := range r.servers {
		reply := r.ask(i, "get "+world.StoredKey(key)+"\r\n")
		if head, value, ok := strings.Cut(reply, "\r\n"); ok && strings.HasPrefix(head, "VALUE ") {
			var flags, size int
			if _, err := fmt.Sscanf(head, "VALUE "+world.StoredKey(key)+" %d %d", &flags, &size); err != nil {
				panic(err)
			}
			set.stored[i] = fmt.Sprintf("set %s %d %d %d\r\n%s\r\n", world.StoredKey(key), flags, int(lifetime/time.Second)+1, size, value[:size])
		}
	}
	r.close()
	return set
}

// begin has a run begin there.
func (set *setting) begin(r *run) {
	r.order = set.order
	for i, store := range set.stored {
		if store != "" {
			r.ask(i, store)
		}
	}
	r.hist.Add(set.made)
	r.clock = int64(set.made.Return)
}

// reset makes servers that hold nothing, and forgets all that has happened.
func (r *run) reset() {
	r.loaded, r.running = map[string]time.Duration{}, map[string]time.Duration{}
	r.atStart = map[string]chan bool{}
	r.ending, r.put = make(chan struct{}), map[string]int{}
	r.counts, r.told, r.calls, r.ended = map[string]int{}, map[string][]string{}, map[string]string{}, map[string][]string{}
	for i := range r.servers {
		r.servers[i] = testenv.NewServer(testenv.ServerConfig{})
	}
}

// findOrder asks which server is the session's primary, backup and fallback.
func (r *run) findOrder() {
	c := r.instanceOn("placement", 0, r.nodesAt(nil))
	places, err := c.Where(context.Background(), key)
	if err != nil {
		panic(err)
	}
	for i, p := range places {
		fmt.Sscanf(p.Node.ID, "n%d", &r.order[i])
		r.order[i]--
	}
}
