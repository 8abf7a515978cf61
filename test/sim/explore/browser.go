package explore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides what a client of local copies does, whom its balancer sends to one instance or
// another, and what it may be shown: no less than it has seen. All actors are tabs of one browser.
// Each attribute is written by one of them, and its value counts up.

const less check.Rule = "less than was seen"

// browser is what the latest answer has left: a version, and what the answer has shown.
type browser struct {
	version string
	seen    string // "attribute=number", by spaces: part of what tells states apart
}

// visit is one request: attr is empty for a page that only shows, and "x" for one that saves that
// attribute; behind an @ stands the instance.
func (r *run) visit(name, what string, n int) {
	attr, at, _ := strings.Cut(what, "@")
	attr = strings.TrimSpace(attr)
	instance, _ := strconv.Atoi(at)
	c := r.clusters[instance]
	call := r.callFor(name)
	r.begins(name)
	r.mu.Lock()
	brought := r.browser
	r.mu.Unlock()
	rec, err := c.LoadVersion(context.Background(), key, brought.version)
	switch {
	case errors.Is(err, cluster.ErrNotFound):
		r.mu.Lock()
		r.failLocked(check.FalseAbsent, "", call, "%s: nobody has deleted it", name)
		r.mu.Unlock()
	case err == nil && !rec.Behind():
		r.mu.Lock()
		for _, had := range strings.Fields(brought.seen) {
			attr, value, _ := strings.Cut(had, "=")
			if was, _ := strconv.Atoi(value); number(rec, attr) < was {
				r.failLocked(less, attr, call, "%s is shown %s=%d by instance %d after %s, and not told that it is behind (version %q, now %q)", name, attr, number(rec, attr), instance, had, brought.version, rec.Version())
			}
		}
		r.mu.Unlock()
	}
	if err == nil && attr != "" {
		rec.Attrs[attr] = []byte(strconv.Itoa(n + 1))
		err = c.Save(context.Background(), rec)
	}
	shown := ""
	r.mu.Lock()
	if err == nil {
		shown = numbers(rec)
		r.browser = browser{rec.Version(), shown}
		if attr != "" {
			r.put[attr] = n + 1
		}
	}
	r.mu.Unlock()
	r.answered(name, fmt.Sprint(what, " ", err == nil, " ", shown))
}

// checkNumbers takes what the client has saved out of what a load has read at the end, and looks for
// what is missing.
func (r *run) checkNumbers(op check.Op) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for attr, value := range r.put {
		if n, _ := strconv.Atoi(op.Read[attr]); n < value {
			r.failLocked(check.Lost, attr, op.Call, "%s is %q, and %d was acknowledged", attr, op.Read[attr], value)
		}
		delete(op.Read, attr)
	}
}

// begins waits until the schedule has the actor begin its request. Else two tabs that ask nobody but their
// instances would be faster than each other by chance.
func (r *run) begins(name string) {
	r.mu.Lock()
	if r.auto {
		r.mu.Unlock()
		return
	}
	at := make(chan bool)
	r.atStart[name] = at
	r.mu.Unlock()
	<-at
}

// number is the value of an attribute that counts up.
func number(rec *cluster.Record, attr string) int {
	n, _ := strconv.Atoi(string(rec.Attrs[attr]))
	return n
}

// numbers are all of them.
func numbers(rec *cluster.Record) string {
	all := map[string]string{}
	for attr := range rec.Attrs {
		if n := number(rec, attr); n > 0 {
			all[attr] = strconv.Itoa(n)
		}
	}
	return strings.ReplaceAll(sorted(all), "\n", " ")
}
