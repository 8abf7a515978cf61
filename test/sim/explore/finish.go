package explore

import (
	"context"
	"fmt"
	"io"
	"slices"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/test/sim/world"
)

// This file decides how a schedule ends: what all servers hold then, and what a last reader sees.

// finish lets everything pass, and asks every instance and a new one for the
// session: before what is late has arrived, and after.
func (r *run) finish() {
	r.mu.Lock()
	r.auto = true
	held, late := r.pending, r.late
	r.pending, r.late = nil, nil
	r.mu.Unlock()
	for _, cmd := range held {
		r.deliver(cmd)
	}
	time.Sleep(5 * time.Second) // probes find that all nodes are up
	r.final = r.tick()
	fresh := r.instance("fresh", 0)
	if r.scope.To != nil {
		r.learn(fresh)
	}
	everybody := append([]*cluster.Cluster{fresh}, r.clusters[:len(r.scope.Actors)]...)
	if r.scope.Local != (cluster.Local{}) {
		for i := range r.scope.Actors {
			r.visit("end", fmt.Sprint("@", i), 0)
		}
	}
	for range 2 {
		for i, c := range everybody {
			r.load(c, fmt.Sprint("end", i))
		}
		r.compare()
		for _, cmd := range late {
			r.log = append(r.log, fmt.Sprintf("at the end: %s arrives", cmd.name))
			r.deliver(cmd)
		}
		late = nil
		synctest.Wait()
	}
}

// compare demands equal copies on the home nodes.
func (r *run) compare() {
	homes := []int{0, 1}
	if r.scope.To != nil {
		homes = slices.Concat(r.scope.From, r.scope.To)
	}
	held := map[string]bool{}
	for _, i := range homes {
		held[r.ask(r.order[i], "get "+world.StoredKey(key)+"\r\n")] = true
	}
	if len(held) > 1 {
		r.broken = append(r.broken, check.Violation{Rule: check.Diverged, Key: key, Text: "home nodes differ"})
	}
}

// ask sends a command past the schedule.
func (r *run) ask(server int, text string) string {
	nc, err := r.servers[server].Dial(context.Background())
	if err != nil {
		return ""
	}
	defer nc.Close()
	_, _ = nc.Write([]byte(text + "quit\r\n"))
	b, _ := io.ReadAll(nc)
	return string(b)
}
