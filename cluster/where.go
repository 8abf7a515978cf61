package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// This file shows where a session's copies lie, for people who look at a cluster. No
// request needs it.

// Role is what a node is for one session.
type Role string

// The roles, in the order of a preference list.
const (
	RolePrimary  Role = "primary"  // the first home node
	RoleBackup   Role = "backup"   // any other home node
	RoleFallback Role = "fallback" // a regular node behind them
	RoleStandby  Role = "standby"  // a standby node that is not a home
)

// Placement is what one node has of a session.
type Placement struct {
	Node NodeStatus
	Role Role
	// Held is true when the node holds a copy that can be read.
	Held bool
	// Destroyed is true when that copy says that the session was deleted.
	Destroyed bool
	// Version is the clock of the copy's newest change, in microseconds since 1970.
	// Copies that say the same have the same version.
	Version int64
	// Bytes is the size of the copy as stored.
	Bytes int
	// Err is why the node could not be asked; nil when it answered. In JSON it is its text, "" for
	// nil.
	Err error
}

// plainPlacement is a Placement without methods.
type plainPlacement Placement

// placementJSON is a Placement as a JSON document has it: an error has no fields of its own.
type placementJSON struct {
	plainPlacement
	Err string // hides the one of plainPlacement
}

// MarshalJSON writes the fields under their names, and Err as its text.
func (p Placement) MarshalJSON() ([]byte, error) {
	doc := placementJSON{plainPlacement: plainPlacement(p)}
	if p.Err != nil {
		doc.Err = p.Err.Error()
	}
	return json.Marshal(doc)
}

// UnmarshalJSON reads what MarshalJSON has written. Err has the text of the error then, and wraps
// nothing.
func (p *Placement) UnmarshalJSON(b []byte) error {
	var doc placementJSON
	if err := json.Unmarshal(b, &doc); err != nil {
		return fmt.Errorf("cluster: not a Placement in JSON: %w", err)
	}
	*p = Placement(doc.plainPlacement)
	if doc.Err != "" {
		p.Err = errors.New(doc.Err)
	}
	return nil
}

// whereMost bounds the nodes that Where asks.
const whereMost = 32

// Where asks the nodes, in the order of the session's preference list, what they hold of it. It changes
// nothing stored. Nodes that are down are listed but not asked. The
// error is ErrEmptyKey, ErrClosed or ctx's.
func (c *Cluster) Where(ctx context.Context, key string) ([]Placement, error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.running.Done()
	if ctx == nil {
		ctx = context.Background()
	}
	if key == "" {
		return nil, ErrEmptyKey
	}
	op := c.newOperation(key, intent{})
	var places []Placement
	v := &view{}
	v.readAt, v.readAtConfigNow = c.moment()
	var reachable []*node
	list := make([]*node, 0, len(c.nodes()))
	for i := range op.lists.now.nodes {
		list = append(list, op.preferred(i))
	}
	for _, n := range c.nodes() {
		if c.drains(n) {
			list = append(list, n)
		}
	}
	for i, n := range list[:min(len(list), whereMost)] {
		p := Placement{Node: c.status(n), Role: RoleFallback}
		switch {
		case i == 0:
			p.Role = RolePrimary
		case i < c.cfg.Replicas:
			p.Role = RoleBackup
		case p.Node.Standby:
			p.Role = RoleStandby
		}
		if p.Node.State == StateDown {
			p.Err = fmt.Errorf("cluster: node %s is down", n)
		} else {
			reachable = append(reachable, n)
		}
		places = append(places, p)
	}
	if err := op.ask(ctx, v, readStep{ask: reachable}, v.readAt); err != nil {
		return nil, err
	}
	for i := range places {
		p := &places[i]
		for _, f := range op.passedOver {
			if f.node.ID == p.Node.ID {
				p.Err = fmt.Errorf("cluster: node %s: %w", f.node, f.err)
			}
		}
		for _, a := range v.answers {
			if a.node.ID == p.Node.ID && a.rec != nil {
				p.Held, p.Destroyed, p.Version, p.Bytes = true, a.rec.IsTombstone(), a.rec.Newest(), len(a.item.Value)
			}
		}
	}
	return places, nil
}
