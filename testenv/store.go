package testenv

import (
	"container/list"
	"strconv"
	"strings"
	"time"
)

// This file decides what the embedded server remembers: expiry, CAS ids, size
// limits and eviction, in memcached's terms. It is pure: seconds go in.

// itemOverhead is what memcached 1.6 adds to key, value and flags: the
// header, the CAS id, the key's closing byte and the value's line end.
const itemOverhead = 48 + 8 + 1 + 2

// relativeLimit is the longest expiry in seconds that counts from now; above it
// an expiry is a Unix time.
const relativeLimit = 60 * 60 * 24 * 30

type item struct {
	key     string
	value   []byte // never changed in place: replies hold on to it
	flags   uint32
	expires int64 // Unix seconds, 0 for never
	cas     uint64
	stored  int64 // Unix seconds
	fetched bool
	place   *list.Element
}

func itemSize(key string, flags uint32, length int) int64 {
	size := int64(itemOverhead + len(key) + length)
	if flags != 0 {
		size += 4
	}
	return size
}

func (it *item) size() int64 { return itemSize(it.key, it.flags, len(it.value)) }

// store is the memory of one Server; the Server's lock guards it.
type store struct {
	limit   int64
	maxItem int64
	noEvict bool
	started int64
	items   map[string]*item
	byUse   *list.List // of *item, the latest used first
	used    int64
	lastCAS uint64            // given out
	ownCAS  map[string]uint64 // the same by key, deleted keys included; nil: one count for all
	flushAt int64             // items stored until then are gone once it has come; 0 for none
	dumps   map[string]int    // lists that left items out, by what was asked for, see Crawler.Misses

	totalConns, totalItems, evictions uint64
	counts                            map[string]uint64 // by the name that stats shows
}

func newStore(cfg ServerConfig, now time.Time) *store {
	st := &store{
		limit:   cfg.MemoryBytes,
		maxItem: int64(cfg.MaxItemBytes),
		noEvict: cfg.NoEviction,
		started: now.Unix(),
		items:   map[string]*item{},
		byUse:   list.New(),
		counts:  map[string]uint64{},
		dumps:   map[string]int{},
	}
	if cfg.CASPerKey {
		st.ownCAS = map[string]uint64{}
	}
	return st
}

// nextCAS is the CAS id of what is about to be stored under key.
func (st *store) nextCAS(key string) uint64 {
	if st.ownCAS != nil {
		st.ownCAS[key]++
		return st.ownCAS[key]
	}
	st.lastCAS++
	return st.lastCAS
}

// verdict is how storing went.
type verdict int

const (
	stored verdict = iota
	notStored
	exists
	notFound
	tooLarge
	outOfMemory
)

// expiry turns an expiry as clients send it into the second at which the item
// is gone: 0 is never, up to 30 days count from now, more is a Unix time, and
// what is negative or past is gone at once.
func expiry(exp int32, now int64) int64 {
	switch {
	case exp == 0:
		return 0
	case exp > relativeLimit:
		return int64(exp)
	}
	return now + int64(exp)
}

// peek returns the live item of key, or nil.
func (st *store) peek(key string, now int64) *item {
	it := st.items[key]
	if it == nil {
		return nil
	}
	flushed := st.flushAt != 0 && st.flushAt <= now && it.stored <= st.flushAt
	if flushed || it.expires != 0 && it.expires <= now {
		st.remove(it)
		return nil
	}
	return it
}

// use returns the live item of key as one that has just been used, or nil.
func (st *store) use(key string, now int64) *item {
	it := st.peek(key, now)
	if it != nil {
		it.fetched = true
		st.byUse.MoveToFront(it.place)
	}
	return it
}

func (st *store) remove(it *item) {
	delete(st.items, it.key)
	st.byUse.Remove(it.place)
	st.used -= it.size()
}

// fits says whether an item may be stored, and makes room for it.
func (st *store) fits(key string, flags uint32, length int) verdict {
	size := itemSize(key, flags, length)
	if size > st.maxItem {
		return tooLarge
	}
	for st.used+size > st.limit {
		oldest := st.byUse.Back()
		if oldest == nil || st.noEvict {
			return outOfMemory
		}
		st.remove(oldest.Value.(*item))
		st.evictions++
	}
	return stored
}

// put links a new item under its key, with the next CAS id.
func (st *store) put(key string, value []byte, flags uint32, expires, now int64) *item {
	if old := st.items[key]; old != nil {
		st.remove(old)
	}
	st.totalItems++
	it := &item{key: key, value: value, flags: flags, expires: expires, cas: st.nextCAS(key), stored: now}
	it.place = st.byUse.PushFront(it)
	st.items[key] = it
	st.used += it.size()
	return it
}

// change stores value under key as verb says.
func (st *store) change(verb, key string, value []byte, flags uint32, exp int32, cas uint64, now int64) verdict {
	old := st.peek(key, now)
	if st.noEvict { // memcached finds memory for the new item before it looks at the old one
		if v := st.fits(key, flags, len(value)); v != stored {
			return v
		}
	}
	switch {
	case verb == "add" && old != nil:
		// A refused add counts as a use of what is there.
		st.use(key, now)
		return notStored
	case verb == "cas" && old == nil:
		return notFound
	case verb == "cas" && old.cas != cas:
		return exists
	case (verb == "replace" || verb == "append" || verb == "prepend") && old == nil:
		return notStored
	}
	expires := expiry(exp, now)
	switch verb {
	case "append":
		value = append(append([]byte(nil), old.value...), value...)
		flags, expires = old.flags, old.expires
	case "prepend":
		value = append(value, old.value...)
		flags, expires = old.flags, old.expires
	}
	if v := st.fits(key, flags, len(value)); v != stored {
		return v
	}
	st.put(key, value, flags, expires, now)
	return stored
}

// delta adds to a decimal value, or subtracts from it down to 0. The text keeps
// its length when the number gets shorter, with blanks behind it, as memcached does.
func (st *store) delta(key string, by uint64, down bool, now int64) (text string, found, numeric bool) {
	it := st.use(key, now)
	if it == nil {
		return "", false, false
	}
	n, ok := parseUint(string(it.value))
	if !ok || len(it.value) == 0 {
		return "", true, false
	}
	switch {
	case !down:
		n += by
	case by > n:
		n = 0
	default:
		n -= by
	}
	text = strconv.FormatUint(n, 10)
	padded := text + strings.Repeat(" ", max(0, len(it.value)-len(text)))
	st.used += int64(len(padded) - len(it.value))
	it.value = []byte(padded)
	it.cas = st.nextCAS(key)
	return text, true, true
}

// flush forgets everything now or, if delay is more than a second, then. Like
// memcached it uses up a CAS id when it does so now.
func (st *store) flush(delay int32, now int64) {
	st.flushAt = 0
	if delay > 0 {
		if at := expiry(delay, now) - 1; at > now {
			st.flushAt = at
			return
		}
	}
	st.lastCAS++
	st.items = map[string]*item{}
	st.byUse.Init()
	st.used = 0
}
