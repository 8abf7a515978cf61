package memcached

import "github.com/bradfitz/gomemcache/memcache"

// This file decides what a Server tells of what it holds.

// Copy is what a server holds under a key: bytes and the CAS token that a write has
// to present to replace them.
type Copy struct {
	Value  []byte
	Orphan bool // about to expire: it must not be counted on

	cas    uint64
	opened uint64 // connections that had been opened by then: on these the token is good
}

// OrphanFlag is the memcached flag of a copy that was given a short life because it
// lies outside the targets.
const OrphanFlag = 1

func copyOf(it *memcache.Item, opened uint64) Copy {
	return Copy{Value: it.Value, cas: it.CasID, opened: opened, Orphan: it.Flags&OrphanFlag != 0}
}

// Token returns the copy without its bytes: enough to replace it.
func (c *Copy) Token() Copy { return Copy{Orphan: c.Orphan, cas: c.cas, opened: c.opened} }
