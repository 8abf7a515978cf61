package testenv

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"strings"
	"time"
)

// This file decides how the embedded server reads commands and words its answers:
// byte for byte as memcached 1.6 does.

const (
	badFormat  = "CLIENT_ERROR bad command line format"
	maxKey     = 250
	maxTokens  = 23
	maxLine    = 16 << 10
	maxGetLine = 4 << 20
)

// conversation is one connection to the server, used by one goroutine.
type conversation struct {
	server  *Server
	r       *bufio.Reader
	w       *bufio.Writer
	reply   []byte // of the command at hand
	noreply bool   // the command at hand wants no answer, not even an error
	behind  bool   // another command came before it in its packet
	quit    bool
}

func newConversation(s *Server, c net.Conn) *conversation {
	return &conversation{server: s, r: bufio.NewReaderSize(c, maxLine), w: bufio.NewWriter(c)}
}

// run answers commands until the client quits, the connection fails or the server ends.
func (c *conversation) run() {
	for !c.quit {
		line, err := c.readLine()
		if err != nil {
			return
		}
		c.reply, c.noreply = c.reply[:0], false
		if !c.dispatch(split(line)) {
			return
		}
		if _, err := c.w.Write(c.reply); err != nil {
			return
		}
		if cap(c.reply) > 64<<10 {
			c.reply = nil
		}
		// Commands sent together are answered together.
		c.behind = c.r.Buffered() > 0
		if c.r.Buffered() == 0 || c.quit {
			if c.w.Flush() != nil {
				return
			}
		}
	}
}

// readLine returns the next command line without its end. Only a get may be
// longer than the buffer; whatever else is that long is no memcached client.
func (c *conversation) readLine() (string, error) {
	line, err := c.r.ReadSlice('\n')
	if err == bufio.ErrBufferFull {
		long := append([]byte(nil), line...)
		start := bytes.TrimLeft(long, " ")
		if !bytes.HasPrefix(start, []byte("get ")) && !bytes.HasPrefix(start, []byte("gets ")) {
			return "", err
		}
		for err == bufio.ErrBufferFull && len(long) < maxGetLine {
			line, err = c.r.ReadSlice('\n')
			long = append(long, line...)
		}
		line = long
	}
	if err != nil {
		return "", err
	}
	line = line[:len(line)-1]
	if len(line) > 1 && line[len(line)-1] == '\r' {
		line = line[:len(line)-1]
	}
	// To memcached the command ends at a NUL, as strings in C do.
	if end := bytes.IndexByte(line, 0); end >= 0 {
		line = line[:end]
	}
	return string(line), nil
}

// split cuts a line at blanks; any number of them separates two words.
func split(line string) []string {
	return strings.FieldsFunc(line, func(r rune) bool { return r == ' ' })
}

func (c *conversation) say(format string, args ...any) {
	if !c.noreply {
		c.reply = fmt.Appendf(c.reply, format+"\r\n", args...)
	}
}

// apply runs one command on the store with the current second.
func (c *conversation) apply(verb string, keys []string, command func(st *store, now int64)) bool {
	return c.server.apply(verb, keys, func(st *store) {
		command(st, time.Now().Unix())
	})
}

// say1 answers a command that touches no item, in its turn.
func (c *conversation) say1(verb, format string, args ...any) bool {
	return c.apply(verb, nil, func(*store, int64) { c.say(format, args...) })
}

// dispatch answers one command; false means that the connection has to end.
func (c *conversation) dispatch(words []string) bool {
	verb, n := "", len(words)
	if n > 0 {
		verb = words[0]
	}
	between := func(lo, hi int) bool { return n >= lo && n <= hi && n <= maxTokens }
	switch {
	case (verb == "get" || verb == "gets") && n >= 2:
		return c.get(verb, words[1:])
	case (verb == "gat" || verb == "gats") && n >= 2:
		return c.getAndTouch(verb, words[1], words[2:])
	case (verb == "set" || verb == "add" || verb == "replace" || verb == "append" || verb == "prepend") && between(5, 6):
		return c.change(words)
	case verb == "cas" && between(6, 7):
		return c.change(words)
	case (verb == "incr" || verb == "decr") && between(3, 4):
		return c.delta(words)
	case verb == "delete" && between(2, 4):
		return c.delete(words)
	case verb == "touch" && between(3, 4):
		return c.touch(words)
	case verb == "flush_all" && between(1, 3):
		return c.flush(words)
	case verb == "verbosity" && between(2, 3):
		c.noreply = words[n-1] == "noreply"
		if _, ok := parseUint32(words[1]); !ok {
			return c.say1(verb, badFormat)
		}
		return c.say1(verb, "OK")
	case verb == "version":
		return c.apply(verb, nil, func(*store, int64) { c.say("VERSION %s", c.server.versionLocked()) })
	case verb == "stats" && n == 1:
		return c.apply(verb, nil, func(st *store, now int64) { c.stats(st, now) })
	case verb == "lru_crawler" && n == 3 && (words[1] == "metadump" || words[1] == "mgdump"):
		return c.crawl(verb, words[1], words[2])
	case verb == "mg" && n >= 2:
		return c.metaGet(words)
	case verb == "ms" && n >= 2:
		return c.metaSet(words)
	case verb == "md" && n >= 2:
		return c.metaDelete(words)
	case verb == "me":
		return c.metaDebug(words)
	case verb == "mn":
		return c.say1(verb, "MN")
	case verb == "stats" && n >= 2 && words[1] == "items":
		return c.apply(verb, nil, func(st *store, _ int64) { c.statsItems(st) })
	case verb == "stats" && n == 2 && words[1] == "reset":
		return c.apply(verb, nil, func(st *store, now int64) {
			clear(st.counts)
			c.say("RESET")
		})
	case verb == "quit":
		c.quit = true
		return true
	case n > 0 && strings.HasPrefix(words[n-1], "HTTP/"):
		// A browser, sent here by a page that wants its form to be taken for commands.
		c.quit = true
		return true
	}
	return c.say1(verb, "ERROR")
}
