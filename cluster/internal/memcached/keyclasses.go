package memcached

import (
	"strconv"
	"strings"
	"time"
)

// This file decides how often an older server is asked for the keys of its classes of items until
// that is a whole list, and which classes it has.

// How often the classes are listed. For a moment after items were used, a server of such a version
// leaves out whole queues of a class: on 1.6.18, which is asked otherwise, 14 of 23 items for some 200 ms.
const (
	fewestRounds = 2
	quietFor     = 2 * time.Second // without another key: what is counted beyond the list has expired
	firstPause   = 50 * time.Millisecond
	mostPause    = 400 * time.Millisecond
)

// readClasses lists class after class, again and again, until a round has found no other key and has
// listed as many items as the server counts, or for some time no round has found another key.
func (r *keyReader) readClasses() error {
	newest, pause := r.clock.Now(), firstPause // when another key was found
	for round := 1; ; round++ {
		before, began := r.list.count, r.clock.Now()
		classes, counted, err := r.classes()
		r.entries = 0
		for _, class := range classes {
			if err == nil {
				err = r.read(class)
			}
		}
		if err != nil {
			return err
		}
		if r.list.count > before {
			newest = r.clock.Now()
		}
		isWhole := r.list.count == before && r.entries >= counted
		if round >= fewestRounds && (isWhole || began-newest >= quietFor) {
			return nil
		}
		if round < fewestRounds {
			continue
		}
		select {
		case <-time.After(pause):
		case <-r.ctx.Done():
			return r.ctx.Err()
		}
		pause = min(2*pause, mostPause)
	}
}

// classes returns the classes that have items, and how many items these are, from stats items:
// "STAT items:1:number 7". If none has, class 1 is returned: a server that lists no keys must say so,
// also while it is empty.
func (r *keyReader) classes() (classes []string, items uint64, err error) {
	last, err := r.conn.stats("stats items", r.clock.Now()+r.timeout, func(name, value string) error {
		class, ok := strings.CutSuffix(strings.TrimPrefix(name, "items:"), ":number")
		if !ok {
			return nil
		}
		if n, err := strconv.ParseUint(class, 10, 8); err != nil || n == 0 {
			return keysError{errKeysSenseless}
		}
		classes = append(classes, class)
		n, _ := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		items += n
		return nil
	})
	switch {
	case err != nil:
		return nil, 0, err
	case last == "END\r\n" && len(classes) == 0:
		return []string{"1"}, 0, nil
	case last == "END\r\n":
		return classes, items, nil
	case strings.HasPrefix(last, "ERROR"), strings.HasPrefix(last, "CLIENT_ERROR") && !strings.HasPrefix(last, "CLIENT_ERROR unauthenticated"):
		return nil, 0, keysError{errKeysUnknown}
	}
	return nil, 0, oddLine{"stats items", last}
}
