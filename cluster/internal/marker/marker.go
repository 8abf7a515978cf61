package marker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a marker holds, and how it is written down.

// Name ends the memcached key of a marker. A session's key has no dot.
const Name = "holdfast.node"

// key is what a marker is sealed for.
var key = record.KeyOf(Name)

// Marker is what lies on a node under its reserved key. A marker is never changed once it was
// read or written: changes are made to a clone.
type Marker struct {
	Node        string `json:"node"`        // the node's ID
	Incarnation string `json:"incarnation"` // random; a node that was emptied gets another one
	// Draining is a random number while the node is to be stopped, and zero otherwise.
	Draining uint64 `json:"draining,omitempty"`
	// Lists tell how far the node is for each list of nodes that processes have, the oldest first.
	Lists []List `json:"lists"`
	// Behind are the nodes that miss writes which this node took (rule 21).
	Behind []Behind `json:"behind,omitempty"`
}

// List says whether the node is whole for one list of nodes.
type List struct {
	List   string `json:"list"` // its fingerprint
	Whole  bool   `json:"whole"`
	Healer string `json:"healer,omitempty"` // the process that heals the node
	Beat   uint64 `json:"beat,omitempty"`   // which that process raises while it does
	// Former are the lists that were in force when the nodes were given this one, until the node is
	// whole: a process that begins meanwhile learns of them here.
	Former [][]Server `json:"former,omitempty"`
	// Done of so many sessions were restored when the beat was last raised.
	Done int64 `json:"done,omitempty"`
	Of   int64 `json:"of,omitempty"`
	// Unlisted: the last pass could not list the keys of every server.
	Unlisted bool `json:"unlisted,omitempty"`
}

// Server is one entry of a list of nodes.
type Server struct {
	ID, Addr, Zone string
	Standby        bool
}

// mostLists is how many lists a marker tells of. During a rollout there are two, and as many again
// while a node drains.
const mostLists = 8

// Clone returns a marker that may be changed.
func (m *Marker) Clone() *Marker {
	c := *m
	c.Lists, c.Behind = slices.Clone(m.Lists), slices.Clone(m.Behind)
	return &c
}

// List returns what the marker says for the list, or nil.
func (m *Marker) List(name string) *List {
	for i := range m.Lists {
		if m.Lists[i].List == name {
			return &m.Lists[i]
		}
	}
	return nil
}

// IsWhole reports whether the node itself says that it is whole for the list.
func (m *Marker) IsWhole(name string) bool {
	l := m.List(name)
	return l != nil && l.Whole
}

// AddList adds a list for which nothing is known of the node, and forgets the oldest but keep.
func (m *Marker) AddList(l List, keep string) {
	m.Lists = append(m.Lists, l)
	if len(m.Lists) > mostLists {
		i := slices.IndexFunc(m.Lists, func(l List) bool { return l.List != keep })
		m.Lists = slices.Delete(m.Lists, i, i+1)
	}
}

// Encode returns the marker as it lies on a node: the one attribute of a record, so that it is
// checked, and sealed where records are.
func (m *Marker) Encode(seal *record.Sealer) ([]byte, error) {
	text, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("cluster: marker: %w", err)
	}
	r := record.Change(nil, map[string][]byte{Name: text}, record.MaxDeadline, record.Timestamp{Clock: 1})
	return r.Encode(key, seal)
}

// Decode reads what Encode has written. The error is record.ErrVersion or record.ErrSealed where another
// process may be able to read it; any other says that it may be replaced.
func Decode(b []byte, seal *record.Sealer, now time.Time) (*Marker, error) {
	r, err := record.Decode(b, key, seal, now)
	if err != nil {
		return nil, err
	}
	m := &Marker{}
	d := json.NewDecoder(bytes.NewReader(r.Values()[Name]))
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("%w: %w", errDamaged, err)
	}
	if m.Node == "" || m.Incarnation == "" || len(m.Lists) > mostLists || len(m.Behind) > mostBehind+1 {
		return nil, errDamaged
	}
	return m, nil
}

var errDamaged = errors.New("cluster: marker is damaged")
