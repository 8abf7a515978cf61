package main

import (
	"context"
	"fmt"
	"time"
)

// This file says what can be found out about a session that lost something: what
// each instance of its app thinks of the nodes and finds there.
func (d *demo) evidence(driver, id string) []string {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	var lines []string
	for _, in := range d.apps {
		c := in.sessions()
		if in.driver != driver || c == nil {
			continue
		}
		places, err := c.Where(ctx, id)
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
		lines = append(lines, fmt.Sprintf("%s: %+v", in.name, c.Stats()))
	}
	return lines
}
