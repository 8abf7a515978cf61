package testenv

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// This file decides how a test looks into a node, past the client it tests.

// Get returns the value that the node holds under key; false if it holds none.
func (n *Node) Get(key string) ([]byte, bool) {
	n.env.tb.Helper()
	var value []byte
	var found bool
	n.ask([]string{"get", key}, nil, func(line string, r *bufio.Reader) (bool, error) {
		if line == "END" {
			return true, nil
		}
		words := strings.Fields(line)
		if len(words) != 4 || words[0] != "VALUE" {
			return false, fmt.Errorf("it answered %q", line)
		}
		size, err := strconv.Atoi(words[3])
		if err != nil {
			return false, fmt.Errorf("it answered %q", line)
		}
		value, found = make([]byte, size+2), true
		_, err = io.ReadFull(r, value)
		value = value[:size]
		return false, err
	})
	return value, found
}

// Set stores value under key without an expiry. A test uses it to damage a copy or to leave one
// behind.
func (n *Node) Set(key string, value []byte) {
	n.env.tb.Helper()
	data := append(bytes.Clone(value), "\r\n"...)
	n.ask([]string{"set", key, "0", "0", strconv.Itoa(len(value))}, data, exactly("STORED"))
}

// Delete removes key from the node, as an eviction would, and reports whether it was there.
func (n *Node) Delete(key string) bool {
	n.env.tb.Helper()
	deleted := false
	n.ask([]string{"delete", key}, nil, func(line string, _ *bufio.Reader) (bool, error) {
		deleted = line == "DELETED"
		if !deleted && line != "NOT_FOUND" {
			return false, fmt.Errorf("it answered %q", line)
		}
		return true, nil
	})
	return deleted
}

// Keys returns the keys of all items on the node, sorted.
func (n *Node) Keys() []string {
	n.env.tb.Helper()
	var keys []string
	// A crawl leaves out an item that a connection holds, also for the microseconds after a reply.
	// So list again while keys are missing, but not for long: curr_items counts expired items too,
	// and these are never listed.
	for range 10 {
		keys = n.crawl()
		if strconv.Itoa(len(keys)) == n.Stats()["curr_items"] {
			break
		}
		time.Sleep(time.Millisecond)
	}
	slices.Sort(keys)
	return keys
}

// crawl lists the keys once.
func (n *Node) crawl() []string {
	n.env.tb.Helper()
	if s := n.backend.server(); s != nil && n.State() == Up {
		return s.keys() // whatever SetCrawler has others see
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		var keys []string
		busy := false
		n.ask([]string{"lru_crawler", "metadump", "hash"}, nil, func(line string, _ *bufio.Reader) (bool, error) {
			// One crawl at a time: memcached's own may be under way.
			busy = strings.HasPrefix(line, "BUSY")
			if busy || line == "END" {
				return true, nil
			}
			name, ok := strings.CutPrefix(line, "key=")
			name, _, _ = strings.Cut(name, " ")
			key, err := url.PathUnescape(name)
			if !ok || err != nil {
				return false, fmt.Errorf("it answered %q", line)
			}
			keys = append(keys, key)
			return false, nil
		})
		if !busy {
			return keys
		}
		if time.Now().After(deadline) {
			n.env.tb.Fatalf("testenv: keys of %s: its crawler was busy for %v", n.id, patience)
			return nil
		}
	}
}

// Dump returns all items on the node, by key.
func (n *Node) Dump() map[string][]byte {
	n.env.tb.Helper()
	items := map[string][]byte{}
	for _, key := range n.Keys() {
		if value, ok := n.Get(key); ok {
			items[key] = value
		}
	}
	return items
}

// Stats returns what the node tells about itself, by the names memcached gives it.
func (n *Node) Stats() map[string]string {
	n.env.tb.Helper()
	stats := map[string]string{}
	n.ask([]string{"stats"}, nil, func(line string, _ *bufio.Reader) (bool, error) {
		if line == "END" {
			return true, nil
		}
		words := strings.SplitN(line, " ", 3)
		if len(words) != 3 || words[0] != "STAT" {
			return false, fmt.Errorf("it answered %q", line)
		}
		stats[words[1]] = words[2]
		return false, nil
	})
	return stats
}

// Flush takes all items from the node. A test on nodes that run elsewhere is
// skipped: they are not its own.
func (n *Node) Flush() {
	n.env.tb.Helper()
	if n.env.kind == kindForeign {
		n.env.tb.Skipf("testenv: cannot flush %s: %v", n.id, errForeign)
		return
	}
	n.ask([]string{"flush_all"}, nil, exactly("OK"))
}

func exactly(want string) func(string, *bufio.Reader) (bool, error) {
	return func(line string, _ *bufio.Reader) (bool, error) {
		if line != want {
			return false, fmt.Errorf("it answered %q", line)
		}
		return true, nil
	}
}

// ask sends one command, given word by word, over a connection of its own and
// gives each line of the answer to next, until that is done.
func (n *Node) ask(words []string, data []byte, next func(line string, r *bufio.Reader) (done bool, err error)) {
	n.env.tb.Helper()
	verb := words[0]
	for _, word := range words {
		if word == "" || len(word) > maxKey || strings.ContainsFunc(word, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
			n.env.tb.Fatalf("testenv: %s on %s: a key has 1 to %d bytes, and no blanks or control characters", verb, n.id, maxKey)
			return
		}
	}
	if state := n.State(); state != Up {
		n.env.tb.Fatalf("testenv: %s on %s: it is %v", verb, n.id, state)
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := n.env.dial(ctx, "tcp", n.addr)
	if err == nil {
		err = exchange(conn, strings.Join(words, " "), data, next)
		conn.Close()
	}
	if err != nil {
		n.env.tb.Fatalf("testenv: %s on %s: %v", verb, n.id, err)
	}
}

func exchange(conn net.Conn, command string, data []byte, next func(string, *bufio.Reader) (bool, error)) error {
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write(append([]byte(command+"\r\n"), data...)); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	for {
		line, err := r.ReadString('\n')
		if err == io.EOF {
			err = errors.New("it closed the connection")
		}
		if err != nil {
			return err
		}
		if done, err := next(strings.TrimSuffix(line, "\r\n"), r); done || err != nil {
			return err
		}
	}
}
