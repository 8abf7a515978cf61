package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// This file says what a source answers: a list of nodes that is not empty, or an error.

// Node is a server that a source has named. It has the fields of cluster.Node.
type Node struct {
	ID, Addr, Zone string
	Standby        bool
}

// askTime bounds one question, whatever the context allows: the next one comes soon. It is
// enough for a resolver to try a second name server after the usual 5 s.
const askTime = 8 * time.Second

// ErrNoNode is the error of an answer without a node. It is no list: a cluster without
// nodes has no session, and a name server that has lost its data says the same.
var ErrNoNode = errors.New("no node")

// checked returns the nodes in the order of their ids, each once. The order in which a source
// names them, and how often, means nothing.
//
// An id is made from the name of a server. Two addresses with one name are refused: which
// sessions lie on a node depends on its id, so that each needs one of its own.
func checked(nodes []Node) ([]Node, error) {
	if len(nodes) == 0 {
		return nil, ErrNoNode
	}
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Node) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.Addr, b.Addr))
	})
	nodes = slices.Compact(nodes)
	for i := range nodes[1:] {
		if a, b := nodes[i], nodes[i+1]; a.ID == b.ID {
			return nil, fmt.Errorf("%q and %q have one name, and so one id, %q: give each server a name of its own", a.Addr, b.Addr, a.ID)
		}
	}
	return nodes, nil
}

// told says which source an error is from. An error that came because the context ended says so.
func told(ctx context.Context, source string, err error) error {
	if ended := context.Cause(ctx); ended != nil && !errors.Is(err, ended) {
		err = fmt.Errorf("%w (%w)", err, ended)
	}
	return fmt.Errorf("discovery: %s: %w", source, err)
}
