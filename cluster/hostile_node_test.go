package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// This file is a node in the hands of somebody hostile. It keeps what it is sent like any
// memcached, with every copy from before, and says what its policy wants.

// hostileNode is one such node. Until it turns it is a good memcached.
type hostileNode struct {
	seal    *record.Sealer // of a copy under a key that nobody else has
	turned  atomic.Bool
	asked   atomic.Int64 // commands
	carried atomic.Int64 // bytes between this process and all nodes
	own     atomic.Int64 // bytes that it has allocated for what it invents

	mu       sync.Mutex // guards below
	policy   policy
	held     map[string]*heldCopy
	tokens   uint64
	answered int // questions since it turned
}

// policy is how the node answers: the same way each time, or by chance.
type policy struct {
	reads, writes, deletes, versions func() lie
	probes                           func() lie    // reads of the key that only probes ask for; nil: as all reads
	pace                             time.Duration // before each answer
}

// heldCopy is what the node holds under one key, and has held.
type heldCopy struct {
	value  []byte // nil: nothing
	flags  int
	cas    uint64
	before [][]byte
	shown  int    // of those, one by one
	made   []byte // an invented copy
}

// question is one command, of a get for one key.
type question struct {
	verb, key string
	value     []byte
	flags     int
	cas       uint64
}

// lie is one way to answer.
type lie struct {
	name string
	// why is what it gets away with; mostly nothing.
	why exception
	// copy returns what to show of a key. Nil: raw is all.
	copy func(h *hostileNode, q question) (value []byte, flags int, cas string)
	// raw is the answer; "%s" stands for the key. With copy it is what comes behind it, in the
	// place of END.
	raw string
	// obeys is true where the command is obeyed all the same.
	obeys bool
	// then is what comes after the answer.
	then ending
}

type ending int

const (
	goesOn ending = iota
	fallsSilent
	hangsUp
)

// truth is what a good memcached answers.
var truth = lie{name: "the truth"}

func (l lie) isTruth() bool { return l.copy == nil && l.raw == "" && l.then == goesOn }

func always(l lie) func() lie { return func() lie { return l } }

// anyOf answers differently each time, by the seed.
func anyOf(r *rand.Rand, lies []lie) func() lie {
	return func() lie { return lies[r.IntN(len(lies))] }
}

// newToken is above all that were given out.
func (h *hostileNode) newToken() uint64 {
	h.tokens++
	return h.tokens
}

func (h *hostileNode) on(key string) *heldCopy {
	c := h.held[key]
	if c == nil {
		c = &heldCopy{}
		h.held[key] = c
	}
	return c
}

// obey does what a good memcached does, and returns what it says.
func (h *hostileNode) obey(q question) string {
	c := h.on(q.key)
	switch {
	case q.verb == "version":
		return "VERSION 1.6.38\r\n"
	case q.verb == "lru_crawler":
		list := ""
		for key, c := range h.held {
			if c.value != nil {
				list += "key=" + key + " exp=-1 la=1 cas=1 fetch=yes cls=1 size=1\n"
			}
		}
		return list + "END\r\n"
	case q.verb == "gets" && c.value == nil:
		return ""
	case q.verb == "gets":
		return fmt.Sprintf("VALUE %s %d %d %d\r\n%s\r\n", q.key, c.flags, len(c.value), c.cas, c.value)
	case q.verb == "delete" && c.value == nil, q.verb == "cas" && c.value == nil:
		return "NOT_FOUND\r\n"
	case q.verb == "delete":
		c.value = nil
		return "DELETED\r\n"
	case q.verb == "add" && c.value != nil:
		return "NOT_STORED\r\n"
	case q.verb == "cas" && c.cas != q.cas:
		return "EXISTS\r\n"
	}
	if c.value != nil {
		c.before = append(c.before, c.value)
	}
	c.value, c.flags, c.cas = q.value, q.flags, h.newToken()
	return "STORED\r\n"
}

// answer returns what is said to the questions of one command.
func (h *hostileNode) answer(qs []question) (answer []byte, then ending, pace time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	l := truth
	if h.turned.Load() {
		choose := map[string]func() lie{"gets": h.policy.reads, "delete": h.policy.deletes, "version": h.policy.versions}[qs[0].verb]
		if choose == nil {
			choose = h.policy.writes
		}
		if h.policy.probes != nil && strings.HasSuffix(qs[0].key, "holdfast.probe") {
			choose = h.policy.probes
		}
		l, pace = choose(), h.policy.pace
		h.answered++
	}
	for _, q := range qs {
		switch {
		case l.isTruth():
			answer = append(answer, h.obey(q)...)
			continue
		case l.obeys:
			h.obey(q)
		}
		if l.copy != nil {
			if value, flags, cas := l.copy(h, q); value != nil {
				answer = fmt.Appendf(answer, "VALUE %s %d %d%s\r\n%s\r\n", q.key, flags, len(value), cas, value)
			}
		}
	}
	switch {
	case qs[0].verb == "gets" && (l.isTruth() || l.copy != nil && l.raw == ""):
		answer = append(answer, "END\r\n"...)
	default:
		answer = append(answer, strings.ReplaceAll(l.raw, "%s", qs[0].key)...)
	}
	return answer, l.then, pace
}

// nextCommand reads a line, or the header of memcached's binary protocol.
func nextCommand(r *bufio.Reader) (string, error) {
	if first, err := r.Peek(1); err != nil || first[0] != 0x80 {
		return r.ReadString('\n')
	}
	_, err := r.Discard(24)
	return "binary", err
}

// serve is one connection.
func (h *hostileNode) serve(nc net.Conn) {
	defer nc.Close()
	r := bufio.NewReader(nc)
	for {
		line, err := nextCommand(r)
		words := strings.Fields(line)
		if err != nil || len(words) == 0 {
			return
		}
		var qs []question
		switch verb := words[0]; verb {
		case "gets":
			for _, key := range words[1:] {
				qs = append(qs, question{verb: verb, key: key})
			}
		case "version", "lru_crawler":
			qs = append(qs, question{verb: verb})
		case "delete":
			qs = append(qs, question{verb: verb, key: words[1]})
		default:
			if verb != "add" && verb != "set" && verb != "cas" {
				qs = append(qs, question{verb: "version"}) // who is there? (greeting.go)
				break
			}
			q := question{verb: verb, key: words[1]}
			q.flags, _ = strconv.Atoi(words[2])
			size, _ := strconv.Atoi(words[4])
			if verb == "cas" {
				q.cas, _ = strconv.ParseUint(words[5], 10, 64)
			}
			q.value = make([]byte, size+2)
			if _, err := io.ReadFull(r, q.value); err != nil {
				return
			}
			if q.value = q.value[:size]; words[3] == "-1" {
				q.verb = "delete" // a withdrawal: as good as gone
			}
			qs = append(qs, q)
		}
		h.asked.Add(int64(len(qs)))
		answer, then, pace := h.answer(qs)
		time.Sleep(pace)
		_, err = nc.Write(answer)
		switch {
		case err != nil || then == hangsUp:
			return
		case then == fallsSilent:
			_, _ = io.Copy(io.Discard, r)
			return
		}
	}
}

// takeOver puts a hostile node in the place of one, and returns how to reach all.
func (w *world) takeOver(place int, id string, h *hostileNode) func(context.Context, string, string) (net.Conn, error) {
	h.held = map[string]*heldCopy{}
	addr := w.preference(id)[place].Addr()
	var conns sync.WaitGroup
	w.Cleanup(conns.Wait)
	return func(ctx context.Context, network, to string) (net.Conn, error) {
		if to != addr {
			nc, err := w.dial(ctx, network, to)
			return countedConn{nc, &h.carried}, err
		}
		client, server := net.Pipe()
		conns.Go(func() { h.serve(server) })
		return countedConn{client, &h.carried}, nil
	}
}

// hashOf is the way back from a node's key, of the default prefix, to the hash.
func hashOf(key string) (h record.Key) {
	b, _ := base64.RawURLEncoding.DecodeString(key)
	copy(h[:], b)
	return h
}

// The copies that it may show.

func (h *hostileNode) latest(q question) []byte { return h.on(q.key).value }

// with shows what make makes of the latest copy, under a new token each time.
func with(change func(h *hostileNode, q question, latest []byte) []byte) func(*hostileNode, question) ([]byte, int, string) {
	return func(h *hostileNode, q question) ([]byte, int, string) {
		latest := h.latest(q)
		if latest == nil {
			return nil, 0, ""
		}
		return change(h, q, bytes.Clone(latest)), 0, fmt.Sprint(" ", h.newToken())
	}
}

// invented shows a record that nobody has written, also where there is none.
func invented(what func(now time.Time) *record.Record) func(*hostileNode, question) ([]byte, int, string) {
	return inventedBytes(func(now time.Time, key record.Key) []byte {
		b, err := what(now).Encode(key, nil)
		if err != nil {
			panic(err)
		}
		return b
	})
}

// inventedBytes is invented for a record that package record does not make.
func inventedBytes(what func(now time.Time, key record.Key) []byte) func(*hostileNode, question) ([]byte, int, string) {
	return func(h *hostileNode, q question) ([]byte, int, string) {
		c := h.on(q.key)
		if c.made == nil {
			own := allocated()
			c.made = what(time.Now(), hashOf(q.key))
			h.own.Add(allocated() - own)
		}
		return c.made, 0, fmt.Sprint(" ", h.newToken())
	}
}

// oldCopies shows those from before, one after another, each under a new token.
func oldCopies(h *hostileNode, q question) ([]byte, int, string) {
	c := h.on(q.key)
	if len(c.before) == 0 {
		return nil, 0, ""
	}
	c.shown++
	return c.before[min(c.shown, len(c.before))-1], 0, fmt.Sprint(" ", h.newToken())
}

// anothers shows the copy of another key.
func anothers(h *hostileNode, q question) ([]byte, int, string) {
	keys := []string{}
	for key, c := range h.held {
		if key != q.key && c.value != nil {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, 0, ""
	}
	return h.held[slices.Min(keys)].value, 0, fmt.Sprint(" ", h.newToken())
}
