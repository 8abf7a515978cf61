package testenv

import (
	"bytes"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// This file decides how the embedded server lists its keys, and what may go wrong with the list:
// lru_crawler metadump and mgdump.

// Crawler is how an embedded server lists its keys. The zero value does so as memcached 1.6.18.
type Crawler struct {
	// Version is what the server calls itself. If empty, "1.6.18-embedded" is used. The list has
	// the form of that version: there is mgdump from 1.6.19 on, a line has flags from 1.6.24 on,
	// and OK is the first line from 1.6.43 on.
	Version string
	// Refusal answers metadump and mgdump, without its line end. If empty, there is a list.
	// Memcached knows RefusedByOption, RefusedWithoutCrawler and, where it has no such command,
	// "ERROR".
	Refusal string
	// Busy is how many lists are refused since the crawler is at work. Negative: all of them.
	Busy int
	// Misses has a list by class, or of all classes, leave out every second item, which the next
	// list has. Memcached leaves out the items that are in use. A list by hash is whole.
	Misses bool
	// Short is how many lists by class leave out every second item, the same ones each time.
	// Memcached does so for a moment after items were used, as it moves them.
	Short int
	// CutAfter ends the connection after so many bytes of a list. If zero, no list is cut.
	CutAfter int
	// SilentAfter sends nothing more after so many bytes of a list, and keeps the connection. If
	// zero, no list ends so.
	SilentAfter int
	// Endless sends the lines of a list again and again.
	Endless bool
	// Garbage takes the place of the second line of a list, END where the list is empty.
	Garbage string
}

// What memcached answers where it lists no keys.
const (
	RefusedByOption       = "ERROR metadump not allowed"                // memcached -X
	RefusedWithoutCrawler = "CLIENT_ERROR lru crawler disabled"         // -o no_lru_crawler
	refusedAsBusy         = "BUSY currently processing crawler request" // one list at a time
)

// patchOf returns N of a version 1.6.N, and 0 of any other.
func patchOf(version string) int {
	rest, ok := strings.CutPrefix(version, "1.6.")
	if !ok {
		return 0
	}
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		rest = rest[:end]
	}
	n, _ := strconv.Atoi(rest)
	return n
}

// SetCrawler changes how the server lists its keys from now on.
func (s *Server) SetCrawler(c Crawler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.crawler = c
}

// settings returns what SetCrawler has set. Busy counts down.
func (s *Server) settings() Crawler {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.crawler
}

// versionLocked is what the server calls itself. The lock must be held.
func (s *Server) versionLocked() string {
	if s.crawler.Version != "" {
		return s.crawler.Version
	}
	return embeddedVersion
}

// keys returns the keys of all live items.
func (s *Server) keys() (keys []string) {
	s.whileRunning(func(st *store) {
		now := time.Now().Unix()
		for key := range st.items {
			if st.peek(key, now) != nil {
				keys = append(keys, key)
			}
		}
	})
	return keys
}

// crawl answers metadump and mgdump.
func (c *conversation) crawl(verb, form, what string) bool {
	var play Crawler
	open := c.apply(verb, nil, func(st *store, now int64) {
		play = c.server.crawler
		refusal := play.Refusal
		classes, bad := classesOf(what)
		switch {
		case form == "mgdump" && patchOf(c.server.versionLocked()) < 19:
			refusal = "ERROR"
		case refusal != "":
		case bad != "":
			refusal = bad
		case c.behind:
			refusal = "ERROR cannot pipeline other commands before " + form
		case play.Busy != 0:
			c.server.crawler.Busy--
			refusal = refusedAsBusy
		}
		if refusal != "" {
			c.say("%s", refusal)
			play = Crawler{}
			return
		}
		c.dump(st, form, what, classes, now)
	})
	return open && c.play(play)
}

// classesOf reads which classes a list is of: nil stands for all.
func classesOf(what string) (classes map[int]bool, bad string) {
	if what == "all" || what == "hash" {
		return nil, ""
	}
	classes = map[int]bool{}
	for word := range strings.SplitSeq(what, ",") {
		if word == "" {
			continue
		}
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n >= mostClasses {
			return nil, "BADCLASS invalid class id"
		}
		classes[n] = true
	}
	if len(classes) == 0 {
		return nil, "NOTSTARTED no items to crawl"
	}
	return classes, ""
}

// dump appends the list.
func (c *conversation) dump(st *store, form, what string, classes map[int]bool, now int64) {
	play, patch := &c.server.crawler, patchOf(c.server.versionLocked())
	if patch >= 43 {
		c.say("OK")
	}
	if play.Misses && what != "hash" {
		st.dumps[what]++
	}
	short := play.Short > 0 && what != "hash"
	if short {
		play.Short--
	}
	listed := 0
	for e := st.byUse.Back(); e != nil; {
		it := e.Value.(*item)
		e = e.Prev()
		if st.peek(it.key, now) == nil || classes != nil && !classes[classOf(it.size())] {
			continue
		}
		if listed++; play.Misses && what != "hash" && (listed+st.dumps[what])%2 == 0 {
			continue
		}
		if short && listed%2 == 0 {
			continue
		}
		if form == "mgdump" {
			c.say("mg %s", it.key)
			continue
		}
		expires := int64(-1)
		if it.expires != 0 {
			expires = it.expires
		}
		// These lines alone end without a carriage return.
		c.reply = fmt.Appendf(c.reply, "key=%s exp=%d la=%d cas=%d fetch=%s cls=%d size=%d",
			escape(it.key), expires, it.stored, it.cas, yesOrNo(it.fetched), classOf(it.size()), it.size())
		if patch >= 24 {
			c.reply = fmt.Appendf(c.reply, " flags=%d ", it.flags)
		}
		c.reply = append(c.reply, '\n')
	}
	if form == "mgdump" {
		c.say("EN")
	} else {
		c.say("END")
	}
}

func yesOrNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// play does to the list what goes wrong with it. It reports whether the connection goes on.
func (c *conversation) play(play Crawler) bool {
	if play.Garbage != "" {
		first, rest, _ := bytes.Cut(c.reply, []byte("\n"))
		_, rest, more := bytes.Cut(rest, []byte("\n"))
		if !more {
			first = nil // there is but one line
		} else {
			first = append(first, '\n')
		}
		c.reply = append(append(bytes.Clone(first), play.Garbage+"\n"...), rest...)
	}
	cut := play.CutAfter > 0 && play.CutAfter < len(c.reply)
	silent := play.SilentAfter > 0 && play.SilentAfter < len(c.reply)
	switch {
	case cut:
		_, _ = c.w.Write(c.reply[:play.CutAfter])
		_ = c.w.Flush()
		return false
	case silent:
		_, _ = c.w.Write(c.reply[:play.SilentAfter])
		_ = c.w.Flush()
		_, _ = io.Copy(io.Discard, c.r) // until either side ends
		return false
	case play.Endless:
		lines := bytes.TrimSuffix(c.reply, []byte("END\r\n"))
		if _, err := c.w.Write(lines); err != nil {
			return false
		}
		for lines = bytes.TrimPrefix(lines, []byte("OK\r\n")); len(lines) > 0; {
			if _, err := c.w.Write(lines); err != nil {
				return false
			}
		}
	}
	return true
}

// escape leaves what RFC 3986 calls unreserved and percent-encodes the rest.
func escape(key string) string {
	var b strings.Builder
	for i := 0; i < len(key); i++ {
		ch := key[i]
		switch {
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9', strings.IndexByte("-_.~", ch) >= 0:
			b.WriteByte(ch)
		default:
			fmt.Fprintf(&b, "%%%02X", ch)
		}
	}
	return b.String()
}

// Memcached keeps items of one size together, in classes: from the smallest on, each a quarter
// larger than the one before.
const (
	mostClasses   = 64
	smallestClass = 96
	largestClass  = 512 << 10
)

var classSizes = func() (sizes []int64) {
	const factor = 1.25
	for size := int64(smallestClass); float64(size) < largestClass/factor; size = int64(float64(size) * factor) {
		size = (size + 7) / 8 * 8
		sizes = append(sizes, size)
	}
	return append(sizes, largestClass)
}()

// classOf returns the class of an item of that size. The first is 1; the last has those too that
// are larger.
func classOf(size int64) int {
	for i, most := range classSizes {
		if size <= most {
			return i + 1
		}
	}
	return len(classSizes)
}

// statsItems answers stats items, with the one line of each class that says how many it has.
func (c *conversation) statsItems(st *store) {
	var numbers [mostClasses]int
	for _, it := range st.items {
		numbers[classOf(it.size())]++
	}
	for class, n := range numbers {
		if n > 0 {
			c.say("STAT items:%d:number %d", class, n)
		}
	}
	c.say("END")
}
