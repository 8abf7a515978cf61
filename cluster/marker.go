package cluster

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a node's marker says: one small item by which every process can tell
// whether the node was emptied, whether it is whole, and which other nodes miss writes that lie
// here. Everything here is pure.
//
// A marker is changed by add and cas only, so each change is made on the one before it. It has no
// times: a process that wants to know whether another one is still at work watches whether the
// other's beat goes up.

// markerName ends the memcached key of a marker. A session's key has no dot.
const markerName = "holdfast.node"

// markerKey is what a marker is sealed for.
var markerKey = record.KeyOf(markerName)

// marker is what lies on a node under its reserved key. A marker is never changed once it was
// read or written: changes are made to a clone.
type marker struct {
	Node        string `json:"node"`        // the node's ID
	Incarnation string `json:"incarnation"` // random; a node that was emptied gets another one
	// Draining is a random number while the node is to be stopped, and zero otherwise.
	Draining uint64 `json:"draining,omitempty"`
	// Lists tell how far the node is for each list of nodes that processes have, the oldest first.
	Lists []listMark `json:"lists"`
	// Behind are the nodes that miss writes which this node took (rule 21).
	Behind []behindMark `json:"behind,omitempty"`
}

// listMark says whether the node is whole for one list of nodes.
type listMark struct {
	List   string `json:"list"` // its fingerprint
	Whole  bool   `json:"whole"`
	Healer string `json:"healer,omitempty"` // the process that heals the node
	Beat   uint64 `json:"beat,omitempty"`   // which that process raises while it does
	// Former are the lists that were in force when the nodes were given this one, until the node is
	// whole: a process that begins meanwhile learns of them here.
	Former [][]Node `json:"former,omitempty"`
	// Done of so many sessions were restored when the beat was last raised.
	Done int64 `json:"done,omitempty"`
	Of   int64 `json:"of,omitempty"`
	// Unlisted: the last pass could not list the keys of every server.
	Unlisted bool `json:"unlisted,omitempty"`
}

// behindMark says that a process has written past a node.
type behindMark struct {
	Node    string `json:"node"`
	Process string `json:"process"`
	// Serial tells this time from earlier ones: what ends one must not end a later one.
	Serial uint64 `json:"serial"`
	Beat   uint64 `json:"beat"` // which the process raises while it lives
}

// mostLists is how many lists a marker tells of. During a rollout there are two, and as many again
// while a node drains.
const mostLists = 8

// mostBehind bounds what a marker can grow to. Beyond it a node is behind for an unnamed process.
const mostBehind = 256

func (m *marker) clone() *marker {
	c := *m
	c.Lists, c.Behind = slices.Clone(m.Lists), slices.Clone(m.Behind)
	return &c
}

// list returns what the marker says for the list, or nil.
func (m *marker) list(name string) *listMark {
	for i := range m.Lists {
		if m.Lists[i].List == name {
			return &m.Lists[i]
		}
	}
	return nil
}

// isWhole reports whether the node itself says that it is whole for the list.
func (m *marker) isWhole(name string) bool {
	l := m.list(name)
	return l != nil && l.Whole
}

// addList adds a list for which nothing is known of the node, and forgets the oldest but keep.
func (m *marker) addList(mark listMark, keep string) {
	m.Lists = append(m.Lists, mark)
	if len(m.Lists) > mostLists {
		i := slices.IndexFunc(m.Lists, func(l listMark) bool { return l.List != keep })
		m.Lists = slices.Delete(m.Lists, i, i+1)
	}
}

// behind returns the entry of the process for the node, or nil.
func (m *marker) behind(node, process string) *behindMark {
	for i := range m.Behind {
		if b := &m.Behind[i]; b.Node == node && b.Process == process {
			return b
		}
	}
	return nil
}

// says reports whether the marker says that the node is behind.
func (m *marker) says(node string) bool {
	return slices.ContainsFunc(m.Behind, func(b behindMark) bool { return b.Node == node })
}

// setBehind enters that the process has written past the node, or that it still lives.
func (m *marker) setBehind(node, process string, serial uint64) {
	if b := m.behind(node, process); b != nil {
		b.Serial = max(b.Serial, serial)
		b.Beat++
		return
	}
	if len(m.Behind) >= mostBehind { // any entry of a dead process is as good: it asks for a full pass
		m.Behind = slices.DeleteFunc(m.Behind, func(b behindMark) bool { return b.Node == node })
		process = ""
	}
	m.Behind = append(m.Behind, behindMark{Node: node, Process: process, Serial: serial})
}

// endBehind removes the entry of the process for the node, unless it is of a later time.
func (m *marker) endBehind(node, process string, serial uint64) (any bool) {
	return m.removeBehind(func(b behindMark) bool { return b.Node == node && b.Process == process && b.Serial <= serial })
}

// endLost removes the entries that are as they were seen. One whose beat went up since belongs to a
// process that lives.
func (m *marker) endLost(lost []behindMark) (any bool) {
	return m.removeBehind(func(b behindMark) bool { return slices.Contains(lost, b) })
}

func (m *marker) removeBehind(ended func(behindMark) bool) (any bool) {
	before := len(m.Behind)
	m.Behind = slices.DeleteFunc(m.Behind, ended)
	return len(m.Behind) < before
}

// encode returns the marker as it lies on a node: the one attribute of a record, so that it is
// checked, and sealed where records are.
func (m *marker) encode(seal *record.Sealer) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("cluster: marker: %w", err)
	}
	r := record.Change(nil, map[string][]byte{markerName: text}, record.MaxDeadline, record.Timestamp{Clock: 1})
	return r.Encode(markerKey, seal)
}

// decodeMarker reads what encode has written. The error is ErrVersion or ErrSealed where another
// process may be able to read it; any other says that it may be replaced.
func decodeMarker(b []byte, seal *record.Sealer, now time.Time) (*marker, error) {
	r, err := record.Decode(b, markerKey, seal, now)
	if err != nil {
		return nil, err
	}
	m := &marker{}
	d := json.NewDecoder(bytes.NewReader(r.Values()[markerName]))
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("cluster: marker is damaged: %w", err)
	}
	if m.Node == "" || m.Incarnation == "" || len(m.Lists) > mostLists || len(m.Behind) > mostBehind+1 {
		return nil, errMarker
	}
	return m, nil
}

var errMarker = fmt.Errorf("cluster: marker is damaged")

// nameOf writes a random number as a name.
func nameOf(n uint64) string { return strconv.FormatUint(n, 36) }
