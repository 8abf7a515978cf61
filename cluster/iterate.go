package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/owner"
	"github.com/holdfast-go/holdfast/cluster/internal/pace"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file decides how all sessions are seen one after the other: the nodes list their keys, and
// each session is read once, as a load reads it. Nothing is repaired.

// SessionInfo is what can be told of a session without its id, which no node knows.
type SessionInfo struct {
	Deadline  time.Time // when the session ends
	LastSaved time.Time // when it was last changed, by the clock of the instance that did
	Bytes     int       // of one copy, as stored

	// Of a session that has an owner (Record.SetOwner):

	Created time.Time // when it got its owner
	Label   string    // from the app
	// Ref names the session towards its owner, as on a page of his devices: Destroy takes it. It opens
	// nothing, and is the same as long as the session has its id.
	Ref string

	key record.Key
}

// Is reports whether it is the session with that id (scs: token). It takes the token also where scs
// keeps sessions under hashes of their tokens (SessionManager.HashTokenInStore).
func (s SessionInfo) Is(id string) bool {
	return s.key == record.KeyOf(id) || s.key == record.KeyOf(hashedToken(id))
}

// hashedToken is what scs makes of a token with HashTokenInStore.
func hashedToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// refOf is the Ref of the session with that key. It tells nothing of the key.
func refOf(key record.Key) string {
	sum := sha256.Sum256(append([]byte("holdfast ref: "), key[:]...))
	return base64.RawURLEncoding.EncodeToString(sum[:16])
}

// Format shows nothing that names the session, whatever the verb.
func (s SessionInfo) Format(f fmt.State, _ rune) {
	fmt.Fprintf(f, "cluster.SessionInfo(%d bytes, until %s)", s.Bytes, s.Deadline.Format(time.RFC3339))
}

// LogValue is what package slog shows, whatever the handler.
func (s SessionInfo) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(s)) }

// All are the sessions that live now, each once, in no order. They are read from the nodes while the
// caller takes them, at most Config.HealPerSecond a second, and fewer while users' requests take
// longer than at other times. Sessions that begin or end meanwhile may be among them or not. The
// lists of keys take some 130 bytes of memory for each session. Nodes with more than four million
// are asked for their keys several times, each time for a part of them.
//
// An error ends the sequence. It comes before the first session, or the first of a part, where some would be left out:
// ErrKeysNotListed where nodes do not list their keys; an error that names the nodes where others
// cannot be asked, and a session could lie on these alone. One node less than there are copies of a
// session (Config.Replicas) may be missing while the others are whole. It comes after the last
// session where some could not be read; it is ctx's error when ctx ends; and it is ErrClosed.
func (c *Cluster) All(ctx context.Context) iter.Seq2[SessionInfo, error] {
	return each(c, ctx, mostInPart, func(op *operation, v *view) SessionInfo { return *c.infoOf(op.hash, v) })
}

// Records are All with what the sessions hold, to be loaded, changed, saved and destroyed. The key of
// each is a handle: Load, Save and Delete take it, of this Cluster only, until it is closed. To any
// other process a handle is the id of no session.
func (c *Cluster) Records(ctx context.Context) iter.Seq2[*Record, error] {
	return each(c, ctx, mostInPart, func(op *operation, v *view) *Record { return v.record(c.handles.handleOf(op.hash)) })
}

// mostInPart is how many keys of one node are listed at once: some 330 MB where as many lie on each of three.
const mostInPart = 5_000_000

// part is the keys that are listed at once, one part of so many. Keys are hashes, so all parts are of one
// size.
type part struct{ number, of int }

// mostParts bounds how often the nodes list their keys.
const mostParts = 256

func (p part) has(key record.Key) bool { return int(key[0])*p.of/256 == p.number }

// each yields what is made of each session that lives, part by part. At most so many keys of one node
// are listed at once.
func each[S any](c *Cluster, ctx context.Context, most int, of func(*operation, *view) S) iter.Seq2[S, error] {
	return func(yield func(S, error) bool) {
		if ctx == nil {
			ctx = context.Background()
		}
		enough := false
		take := func(s S, err error) bool {
			enough = !yield(s, err)
			return !enough
		}
		parts := 1
		for number := 0; number < parts && !enough; number++ {
			bound := most
			if number == 0 {
				bound -= most / 5 // the others may be a little larger
			}
			keys, err := c.listNow(ctx, part{number, parts}, bound)
			if errors.Is(err, memcached.ErrTooManyKeys) && number == 0 && parts < mostParts {
				parts, number = 4*parts, -1
				continue
			}
			if err == nil {
				err = readAll(c, ctx, keys, of, take)
			}
			if err != nil {
				var none S
				yield(none, err)
				return
			}
		}
	}
}

// listNow is listAll, as an operation of its own.
func (c *Cluster) listNow(ctx context.Context, p part, most int) (keys []record.Key, err error) {
	if err := c.begin(); err != nil {
		return nil, err
	}
	defer c.running.Done()
	return c.listAll(ctx, p, most)
}

// listAll lists the keys of all sessions of a part, each once.
func (c *Cluster) listAll(ctx context.Context, p part, most int) (keys []record.Key, err error) {
	nodes := c.nodes()
	lists, errs := make([]*memcached.KeyList, len(nodes)), make([]error, len(nodes))
	bounds := passBounds
	bounds.Entries, bounds.Keep = most, func(rest string) bool {
		key, ok := record.KeyNamed(rest)
		return ok && !key.IsOwner() && p.has(key)
	}
	var wg sync.WaitGroup
	for i, n := range nodes {
		wg.Go(func() { lists[i], errs[i] = n.server.Keys(ctx, c.cfg.KeyPrefix, bounds) })
	}
	wg.Wait()
	if ctx.Err() != nil {
		return nil, fmt.Errorf("cluster: sessions: %w", context.Cause(ctx))
	}
	for i, err := range errs {
		if errors.Is(err, memcached.ErrTooManyKeys) {
			return nil, fmt.Errorf("cluster: sessions: node %v: %w", nodes[i], err)
		}
	}
	if err := c.isAnyLeftOut(nodes, errs); err != nil {
		return nil, err
	}
	count := 0
	for _, l := range lists {
		if l != nil {
			count += l.Len()
		}
	}
	keys = make([]record.Key, 0, count)
	for _, l := range lists {
		if l == nil {
			continue
		}
		for name := range l.All() {
			if key, ok := record.KeyNamed(name[len(c.cfg.KeyPrefix):]); ok {
				keys = append(keys, key)
			}
		}
	}
	slices.SortFunc(keys, record.Key.Compare)
	return slices.Compact(keys), nil
}

// isAnyLeftOut returns an error where a session may lie on none of the nodes that have listed their
// keys. A session has its copies on Replicas nodes that are whole, so fewer of these may be missing,
// and a node that is not whole may lack what a missing one holds.
func (c *Cluster) isAnyLeftOut(nodes []*node, listErrs []error) error {
	var why []string
	refused := false
	for i, err := range listErrs {
		if err != nil {
			why = append(why, nodes[i].String()+": "+errors.Unwrap(err).Error()) // it names the address, too
			refused = refused || errors.Is(err, memcached.ErrKeysRefused)
		}
	}
	if len(why) == 0 {
		return nil
	}
	for i, err := range listErrs {
		if err != nil || len(why) >= c.cfg.Replicas {
			continue
		}
		if _, notWhole, err := c.lookWhole(func(n *node) bool { return n == nodes[i] }); err != nil || notWhole != "" {
			if notWhole == "" {
				notWhole = err.Error()
			}
			why = append(why, notWhole)
		}
	}
	switch {
	case len(why) < c.cfg.Replicas:
		return nil
	case refused:
		return fmt.Errorf("%w: %s", ErrKeysNotListed, strings.Join(why, "; "))
	}
	return fmt.Errorf("cluster: some sessions could not be seen now: bring the nodes back, or wait until the others are whole: %s", strings.Join(why, "; "))
}

// readAll reads the sessions with these keys and yields those that live. It returns the error that
// the caller is still to be told; nil also where the caller has had enough. What is under way, and what
// Close waits for, is the reading alone: a caller may take its time, stop taking, or call Close.
func readAll[S any](c *Cluster, ctx context.Context, keys []record.Key, of func(*operation, *view) S, yield func(S, error) bool) error {
	if err := c.begin(); err != nil {
		return err
	}
	reading, stop := context.WithCancel(ctx)
	defer stop()
	found := make(chan S, healers)
	var failed atomic.Int64
	var failure atomic.Pointer[error] // of the first that failed
	done := make(chan struct{})
	go func() {
		defer c.running.Done()
		defer close(done)
		defer close(found)
		c.restoreEach(reading, &pace.Healing{}, len(keys), func(i int) {
			op, v, err := c.readOne(reading, keys[i])
			if err != nil {
				failed.Add(1)
				failure.CompareAndSwap(nil, &err)
			} else if v != nil {
				select {
				case found <- of(op, v):
				case <-reading.Done():
				case <-c.closing:
				}
			}
		})
	}()
	enough := false
	for s := range found {
		if enough = !yield(s, nil); enough {
			break
		}
	}
	stop()
	<-done
	switch {
	case enough:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("cluster: sessions: %w", context.Cause(ctx))
	case c.isClosing():
		return ErrClosed
	case failed.Load() > 0:
		return fmt.Errorf("cluster: %d sessions could not be read, as the first: %w", failed.Load(), *failure.Load())
	}
	return nil
}

// readOne reads one session; the view is nil where it does not live any more.
func (c *Cluster) readOne(ctx context.Context, key record.Key) (*operation, *view, error) {
	op := c.operationOn(key, intent{})
	v, err := op.read(ctx)
	switch {
	case err != nil:
		return nil, nil, err
	case v.unreadable != nil:
		return nil, nil, v.unreadable
	case v.merged == nil && v.homeAnswers == 0:
		return nil, nil, op.unavailable()
	case !v.merged.Live(v.readAtConfigNow):
		return nil, nil, nil
	}
	switch err := c.checkOwner(ctx, key, v.merged); err {
	case nil:
		return op, v, nil
	case ErrNotFound:
		return nil, nil, nil
	default:
		return nil, nil, err
	}
}

// infoOf is what is told of the session that was read.
func (c *Cluster) infoOf(hash record.Key, v *view) *SessionInfo {
	s := &SessionInfo{Deadline: time.UnixMilli(v.merged.Deadline()), LastSaved: time.UnixMicro(v.merged.Newest()), key: hash}
	for _, a := range v.answers {
		if a.rec != nil && !a.tampered {
			s.Bytes = max(s.Bytes, len(a.item.Value))
		}
	}
	if by, ok, err := owner.Of(v.merged); ok && err == nil {
		s.Created, s.Label, s.Ref = time.UnixMilli(by.Created), by.Label, refOf(hash)
	}
	return s
}
