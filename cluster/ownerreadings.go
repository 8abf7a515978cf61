package cluster

import (
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/owner"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides which owners' records a process remembers, as it has read them.

// mostOwned bounds what is remembered of owners, in sessions, epochs and owners: of some 50 bytes each. With
// more the older half is forgotten.
const mostOwned = 8 * mostRecent

// owners are the records of owners that this process has read of late.
type owners struct {
	mu    sync.Mutex    // guards below
	keep  time.Duration // how long: a local copy that is shown must not outlive the reading that ends it
	begun time.Time     // of the younger half
	size  int           // of the younger half
	read  recent[ownerReading]
}

// ownerReading is one reading of an owner's record.
type ownerReading struct {
	*owner.Record
	at time.Time // when it began
}

func (os *owners) get(key record.Key) (*owner.Record, time.Time) {
	os.mu.Lock()
	defer os.mu.Unlock()
	r := os.read.get(key)
	return r.Record, r.at
}

// put remembers a reading, unless a younger one is known.
func (os *owners) put(key record.Key, o *owner.Record, at time.Time) {
	os.mu.Lock()
	defer os.mu.Unlock()
	if os.read.get(key).at.After(at) {
		return
	}
	size := o.Size()
	if was, known := os.read.young[key]; known {
		size -= was.Size()
	}
	most := mostRecent
	if len(os.read.young) > 0 && os.size+size > mostOwned/2 || time.Since(os.begun) > os.keep {
		// The older half is of no use any more, or there is no room for it.
		os.begun, os.size, most, size = time.Now(), 0, 0, o.Size()
	}
	os.size += size
	os.read.put(key, ownerReading{o, at}, most)
}
