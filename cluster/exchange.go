package cluster

import (
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides how one command is had with a node: over which connection, how often
// it is sent, and for how long the node is to keep what it stores.

// outcome is what came of one write.
type outcome int

const (
	written outcome = iota
	outrun          // somebody else wrote first, or the copy is gone
	failed
)

// repeatWithin is the part of a timeout within which a broken connection is tried
// again: a restarted server breaks them at once, and a request must not pay two
// timeouts to one that breaks them late.
const repeatWithin = 4

// command is one exchange to be had with the node.
type command struct {
	verb  func(*memcache.Client, *memcache.Item) error // nil: a get
	item  memcache.Item
	seen  *item // of a cas: the copy that it replaces
	batch []*waiter
	keys  []string // of the batch; kept for the next
}

// errStale is the conflict of a cas that was not sent, since its token is older than the
// connection.
var errStale = fmt.Errorf("%w: the node was connected to anew since", memcache.ErrCASConflict)

func (cmd *command) run(l *link) error {
	switch {
	case cmd.verb != nil:
		l.opened, l.stale = anyConnection, false
		if cmd.seen != nil && cmd.seen.cas == 0 {
			return errNoCAS // no token fits, not even that of the copy
		}
		if cmd.seen != nil {
			cmd.item.CasID, l.opened = cmd.seen.cas, cmd.seen.opened
		}
		err := cmd.verb(l.client, &cmd.item)
		if l.stale && errors.Is(err, memcache.ErrCASConflict) {
			return errStale
		}
		return err
	case len(cmd.batch) == 1:
		return cmd.batch[0].fetch(l)
	}
	cmd.keys = keysOf(cmd.batch, cmd.keys)
	items, err := l.client.GetMulti(cmd.keys)
	if err != nil {
		return err
	}
	asked := 0
	for _, w := range cmd.batch {
		w.item = nil
		if it := items[w.key]; it != nil {
			w.found, asked = itemOf(it, l.opened), asked+1
			w.item = &w.found
		}
	}
	if asked < len(items) {
		return errOutOfStep
	}
	return nil
}

func (w *waiter) fetch(l *link) error {
	w.item = nil
	it, err := l.client.Get(w.key)
	switch {
	case errors.Is(err, memcache.ErrCacheMiss):
		return nil
	case err != nil:
		return err
	case it.Key != w.key:
		return errOutOfStep
	}
	w.found = itemOf(it, l.opened)
	w.item = &w.found
	return nil
}

// exchange runs one command with a slot, and judges the node by what came of it.
// Again is true when the command was sent a second time because the first
// connection broke: its effect may then have happened twice.
func (n *node) exchange(cmd *command) (again bool, err error) {
	n.clock.begin()
	defer n.clock.end()
	room := n.roomFor(cmd)
	if err := n.enter(room); err != nil {
		return false, err
	}
	defer func() { <-room }()
	n.commands.Add(1)
	l, kind := n.linkFor(cmd)
	if kind != nil {
		defer kind.give(l)
	}
	began := n.clock.now()
	err = cmd.run(l)
	broke := isBroken(err) && n.clock.now()-began < n.dialer.timeout/repeatWithin
	if broke {
		// A server that restarted breaks every connection to its former self once.
		// That is no sign of illness: drop them all and see what stands there now.
		n.drop()
		n.reconnects.Add(1)
		again = true
		n.commands.Add(1)
		err = cmd.run(l)
	}
	if errors.Is(err, errStale) {
		return again, err // it says nothing of the node
	}
	isEcho := err != nil && errors.As(err, new(echo))
	v, err := judge(err)
	if cmd.verb == nil && isFull(err) {
		v = declined // a read needs no room: it refuses whatever it is asked
	}
	err = n.named(err)
	if errors.Is(err, errOutOfStep) {
		n.drop() // answers and questions do not belong together any more
	}
	if isFailure(err) && (!isFull(err) || v == declined) {
		n.errors.Add(1)
	}
	if isFailure(err) && (v == answered || v == declined) { // others show in the node's state
		n.hooks.log.warn(n, "cluster: node refuses commands", "reason", err)
	}
	if (v == timedOut || v == broken) && !isEcho {
		n.timeouts.Add(1)
	}
	if !isEcho {
		n.note(health.request, n.served(v), err)
	}
	return again, err
}

// drop closes all connections that are not in use.
func (n *node) drop() {
	n.reads.client.Close()
	n.large.drop()
	n.shared.drop()
}

// linkFor returns the link for a command, and where it is to be given back.
func (n *node) linkFor(cmd *command) (*link, *links) {
	if cmd.verb == nil {
		return n.reads, nil
	}
	kind := &n.large
	if cmd.isSmallWrite() {
		kind = &n.writes
	}
	return kind.take(), kind
}

// fetch reads what a batch asks for, with one command.
func (n *node) fetch(batch []*waiter) error {
	n.get.batch = batch
	_, err := n.exchange(&n.get)
	n.get.batch = nil
	return err
}

// write replaces the copy that was seen: by cas when there was one, by add when
// there was none. Maybe is true when the value may be on the node although the
// outcome is not "written". The error of "outrun" is a refusal (isRefusal).
func (n *node) write(key string, value []byte, seen *item, ttl int32) (o outcome, maybe bool, err error) {
	cmd := &command{verb: (*memcache.Client).Add, item: memcache.Item{Key: key, Value: value, Expiration: ttl}}
	if seen != nil {
		cmd.verb, cmd.seen = (*memcache.Client).CompareAndSwap, seen
	}
	again, err := n.exchange(cmd)
	switch {
	case err == nil:
		return written, true, nil
	case isRefusal(err):
		return outrun, again, err
	}
	return failed, again || !isUnsent(err), err
}

// withdraw removes the copy that was seen, unless somebody has replaced it since: a cas
// with an expiry in the past. Gone is false when somebody has.
func (n *node) withdraw(key string, seen *item) (gone bool, err error) {
	item := memcache.Item{Key: key, Expiration: -1}
	_, err = n.exchange(&command{verb: (*memcache.Client).CompareAndSwap, item: item, seen: seen})
	switch {
	case err == nil, isAbsence(err):
		return true, nil
	case isRefusal(err):
		return false, nil
	}
	return false, err
}

// retire puts value in the place of the copy that was seen, with a short life and a flag
// that says so. By cas: a touch that is applied late could shorten the life of a copy that
// has become a target's.
func (n *node) retire(key string, seen *item, value []byte, ttl int32) error {
	item := memcache.Item{Key: key, Value: value, Flags: retiredFlag, Expiration: ttl}
	_, err := n.exchange(&command{verb: (*memcache.Client).CompareAndSwap, item: item, seen: seen})
	return err
}

// set writes without looking. For destroyed records only.
func (n *node) set(key string, value []byte, ttl int32) error {
	item := memcache.Item{Key: key, Value: value, Expiration: ttl}
	_, err := n.exchange(&command{verb: (*memcache.Client).Set, item: item})
	return err
}

// remove deletes the key; that there is none is no error.
func (n *node) remove(key string) error {
	_, err := n.exchange(&command{verb: deleteItem, item: memcache.Item{Key: key}})
	if isRefusal(err) {
		return nil
	}
	return err
}

func deleteItem(c *memcache.Client, it *memcache.Item) error { return c.Delete(it.Key) }

// Memcached takes expiry times above 30 days for absolute Unix times.
const maxRelativeTTL = 30 * 24 * 60 * 60

// ttl is the expiry time to give a server for an item that must be kept until the
// deadline (ms since 1970): a second more than needed, because the server counts in
// whole seconds and may drop the item most of one early.
func ttl(deadline int64, now time.Time) int32 {
	left := deadline - now.UnixMilli()
	if left <= 0 {
		return 1
	}
	secs := (left+999)/1000 + 1
	if secs > maxRelativeTTL {
		secs += now.Unix()
	}
	return int32(min(secs, math.MaxInt32))
}
