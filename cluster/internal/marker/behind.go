package marker

import "slices"

// This file decides which nodes miss writes that this node took, by the entries of the processes that
// wrote past them (rule 21).

// Behind says that a process has written past a node.
type Behind struct {
	Node    string `json:"node"`
	Process string `json:"process"` // empty: any process may end the entry, by a full pass
	// Serial tells this time from earlier ones: what ends one must not end a later one.
	Serial uint64 `json:"serial"`
	Beat   uint64 `json:"beat"` // which the process raises while it lives
}

// mostBehind bounds what a marker can grow to. Beyond it a node is behind for an unnamed process.
const mostBehind = 256

// Entry returns the entry of the process for the node, or nil.
func (m *Marker) Entry(node, process string) *Behind {
	for i := range m.Behind {
		if b := &m.Behind[i]; b.Node == node && b.Process == process {
			return b
		}
	}
	return nil
}

// SaysBehind reports whether the marker says that the node is behind.
func (m *Marker) SaysBehind(node string) bool {
	return slices.ContainsFunc(m.Behind, func(b Behind) bool { return b.Node == node })
}

// SetBehind enters that the process has written past the node, or that it still lives.
func (m *Marker) SetBehind(node, process string, serial uint64) {
	if b := m.Entry(node, process); b != nil {
		b.Serial = max(b.Serial, serial)
		b.Beat++
		return
	}
	if len(m.Behind) >= mostBehind { // any entry of a dead process is as good: it asks for a full pass
		m.Behind = slices.DeleteFunc(m.Behind, func(b Behind) bool { return b.Node == node })
		process = ""
	}
	m.Behind = append(m.Behind, Behind{Node: node, Process: process, Serial: serial})
}

// EndBehind removes the entry of the process for the node, unless it is of a later time.
func (m *Marker) EndBehind(node, process string, serial uint64) (any bool) {
	return m.removeBehind(func(b Behind) bool { return b.Node == node && b.Process == process && b.Serial <= serial })
}

// EndLost removes the entries that are as they were seen. One whose beat went up since belongs to a
// process that lives.
func (m *Marker) EndLost(lost []Behind) (any bool) {
	return m.removeBehind(func(b Behind) bool { return slices.Contains(lost, b) })
}

func (m *Marker) removeBehind(ended func(Behind) bool) (any bool) {
	before := len(m.Behind)
	m.Behind = slices.DeleteFunc(m.Behind, ended)
	return len(m.Behind) < before
}
