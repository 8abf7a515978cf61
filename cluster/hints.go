package cluster

import (
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides what a process does about writes that a home node missed: it enters them in the
// markers of the nodes that take them, remembers their keys, and brings the home up to date when it
// is back (the hinted handoff of Dynamo, section 4.6).
//
//  1. Before a record is written past a home, each node that will take it has an entry in its marker
//     which says that the home is behind. The entry lies where the newer copy lies: whoever can
//     find the copy can know.
//  2. When the home is back, the keys are read and repaired like any session. Then the entries go.
//  3. A process that dies leaves its entries. Their beat stands still, and the home is healed by a
//     pass over all keys (heal.go).

// mostHints is how many keys are remembered for one node. Beyond it, a pass over all keys is made.
const mostHints = 100_000

// hints are the writes past home nodes by this process.
type hints struct {
	mu  sync.Mutex      // guards below, and the fields of each hint
	all map[*node]*hint // by the home
}

// hint is what one home node has missed.
type hint struct {
	home    *node
	keys    map[record.Key]struct{}
	tooMany bool // keys were left out
	writing int  // operations under way that write past the home

	serial  uint64           // of the entries
	entered map[*node]*entry // by the node in whose marker they are
	ended   []endedEntry     // are still to be removed from markers
	busy    bool             // a goroutine brings the home up to date
}

// endedEntry is an entry that has done its work.
type endedEntry struct {
	on     *node
	serial uint64
	// handOver leaves the work to whoever makes a pass over all keys.
	handOver bool
}

// begin notes that something is about to be written past the home, or entered. It must end with end.
func (hs *hints) begin(home *node) *hint {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.all[home]
	if h == nil {
		h = &hint{home: home, keys: map[record.Key]struct{}{}, entered: map[*node]*entry{}, serial: 1}
		if hs.all == nil {
			hs.all = map[*node]*hint{}
		}
		hs.all[home] = h
	}
	h.writing++
	return h
}

// end ends what begin began, with the keys that may have been written.
func (hs *hints) end(h *hint, written ...record.Key) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h.writing--
	for _, key := range written {
		h.add(key)
	}
}

func (h *hint) add(key record.Key) {
	if _, known := h.keys[key]; !known && len(h.keys) >= mostHints {
		h.tooMany = true
		return
	}
	h.keys[key] = struct{}{}
}

// drop forgets a node that is on no list any more: what it missed need not be brought to it, so its
// entries end, and those of others in its own marker are gone with it.
func (hs *hints) drop(gone *node) {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	if h := hs.all[gone]; h != nil {
		for on := range h.entered {
			h.ended = append(h.ended, endedEntry{on, h.serial, false})
		}
		h.entered, h.keys, h.tooMany = map[*node]*entry{}, map[record.Key]struct{}{}, false
	}
	for _, h := range hs.all {
		h.ended = slices.DeleteFunc(h.ended, func(e endedEntry) bool { return e.on == gone })
		delete(h.entered, gone)
	}
}

// knows reports whether an entry of this process for the home, on that node, is still to be ended.
func (hs *hints) knows(home, on *node) bool {
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.all[home]
	return h != nil && (h.entered[on] != nil || h.busy || slices.ContainsFunc(h.ended, func(e endedEntry) bool { return e.on == on }))
}

// missedBy is the hint of a home that this operation writes past.
func (op *operation) missedBy(home *node) *hint {
	for _, h := range op.missed {
		if h.home == home {
			return h
		}
	}
	h := op.c.hints.begin(home)
	op.missed = append(op.missed, h)
	return h
}

// endMissed ends what missedBy has begun: nothing is written any more.
func (op *operation) endMissed() {
	for _, h := range op.missed {
		op.c.hints.end(h, op.hash)
	}
	op.missed = nil
}

// entry is what is known of the entry in one node's marker.
type entry struct {
	turn  chan struct{} // has room for one: who has put something in may write the entry
	at    time.Time     // when it was begun to be written last
	epoch uint64        // of the node, then
}

// counts reports whether the entry is known to be in the node's marker. The lock is held.
func (e *entry) counts(on *node, most time.Duration) bool {
	return time.Since(e.at) < most && e.epoch == on.epochNow()
}
