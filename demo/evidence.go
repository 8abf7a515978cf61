package main

import (
	"context"
	"fmt"
	"time"
)

// This file decides whose fault a loss is, and what can be found out about it: what
// each instance of the app thinks of the nodes and finds there.

// recent is how long before the session's last good request a failure may have been
// to have a part in its loss: an instance goes on without a node until a probe, at
// most a second apart, has found it well.
const recent = time.Second

// inquire is the demo's inquiry.
func (d *demo) inquire(driver, id string, since time.Time) (excuse string, detail []string) {
	d.watch.listen(time.Now())
	return d.watch.excuse(driver, since.Add(-recent)), d.evidence(driver, id)
}

func (d *demo) evidence(driver, id string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var lines []string
	for _, in := range d.apps {
		if in.driver != driver {
			continue
		}
		places, err := in.where(ctx, id)
		if err != nil {
			lines = append(lines, fmt.Sprintf("%s: %v", in.name, err))
		}
		for _, p := range places {
			has := "nothing"
			switch {
			case p.Err != nil:
				has = p.Err.Error()
			case p.Destroyed:
				has = "destroyed"
			case p.Held:
				has = "version " + time.UnixMicro(p.Version).Format("15:04:05.000000")
			}
			lines = append(lines, fmt.Sprintf("%s sees %s (%s) %v since %s, %d timeouts: %s", in.name, p.Node.ID, p.Role,
				p.Node.State, p.Node.Since.Format("15:04:05.000"), p.Node.Timeouts, has))
		}
		if c := in.sessions(); c != nil {
			lines = append(lines, fmt.Sprintf("%s: %+v", in.name, c.Stats()))
		}
	}
	return lines
}
