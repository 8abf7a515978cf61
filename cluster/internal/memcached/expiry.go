package memcached

import (
	"math"
	"time"
)

// This file decides which expiry time a server is given.

// Memcached takes expiry times above 30 days for absolute Unix times.
const maxRelativeTTL = 30 * 24 * 60 * 60

// TTL is the expiry time to give a server for an item that must be kept until the
// deadline (ms since 1970): a second more than needed, because the server counts in
// whole seconds and may drop the item most of one early.
func TTL(deadline int64, now time.Time) int32 {
	left := deadline - now.UnixMilli()
	if left <= 0 {
		return 1
	}
	secs := (left+999)/1000 + 1
	if secs <= maxRelativeTTL {
		return int32(secs)
	}
	// The server's field ends in January 2038. From 30 days before that on the longest time that
	// counts from now is the latest end; later an absolute time would be long over.
	if latest := math.MaxInt32 - now.Unix(); latest < maxRelativeTTL {
		return maxRelativeTTL
	}
	return int32(min(secs+now.Unix(), math.MaxInt32))
}
