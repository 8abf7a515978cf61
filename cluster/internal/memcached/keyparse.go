package memcached

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
)

// This file decides what the lines of a list of keys mean: a key, its end, or why there is none.

// keyParser follows lists line by line, and takes the keys with the prefix.
type keyParser struct {
	list *KeyList
	seen *keySet                // nil: no key is listed twice
	most int                    // keys that the list may have
	keep func(rest string) bool // nil: all
	// entries are the items that were listed, of others too.
	entries uint64
	line    int // of the answer at hand
	room    [maxKey]byte
}

// begin begins another list.
func (p *keyParser) begin() { p.line = 0 }

// parse takes the whole lines of b and returns what is behind them. Done: the last line of the
// list was among them.
func (p *keyParser) parse(b []byte) (rest []byte, done bool, err error) {
	for {
		line, rest, whole := bytes.Cut(b, []byte("\n"))
		if len(line) > maxAnswerLine {
			return nil, false, keysError{errKeysSenseless}
		}
		if !whole {
			return b, false, nil
		}
		b = rest
		p.line++
		if done, err := p.take(bytes.TrimSuffix(line, []byte("\r"))); done || err != nil {
			return b, done, err
		}
	}
}

// take takes one line. Newer servers put OK before the first.
func (p *keyParser) take(line []byte) (done bool, err error) {
	entry, isEntry := bytes.CutPrefix(line, []byte("key="))
	switch {
	case isEntry:
		return false, p.entry(entry)
	case string(line) == "END":
		return true, nil
	case p.line > 1:
	case string(line) == "OK":
		return false, nil
	default:
		return p.refusal(string(line))
	}
	return false, keysError{errKeysSenseless}
}

// refusal says what a line means that is there in the place of a list.
func (p *keyParser) refusal(line string) (done bool, err error) {
	is := func(begins string) bool { return strings.HasPrefix(line, begins) }
	switch {
	case is("NOTSTARTED"):
		return true, nil // there is nothing to list
	case is("BUSY"):
		return false, keysError{errKeysBusy}
	case is("ERROR metadump not allowed"):
		return false, keysError{errKeysByOption}
	case is("CLIENT_ERROR lru crawler disabled"):
		return false, keysError{errKeysNoCrawler}
	case is("CLIENT_ERROR unauthenticated"), is("SERVER_ERROR"):
		return false, oddLine{"lru_crawler", line}
	case is("ERROR"), is("CLIENT_ERROR"):
		return false, keysError{errKeysUnknown}
	}
	return false, keysError{errKeysSenseless}
}

// entry takes "<key, percent-encoded> exp=...". Fields that newer servers add are of no interest.
func (p *keyParser) entry(entry []byte) error {
	p.entries++
	encoded, fields, _ := bytes.Cut(entry, []byte(" "))
	key, ok := p.decode(encoded)
	if !ok || len(key) == 0 || !bytes.HasPrefix(fields, []byte("exp=")) {
		return keysError{errKeysSenseless}
	}
	rest, wanted := bytes.CutPrefix(key, []byte(p.list.prefix))
	if !wanted || !isPlain(rest) || p.keep != nil && !p.keep(string(rest)) {
		return nil
	}
	added := true
	if p.seen != nil {
		added = p.seen.add(rest)
	} else {
		_, added = p.list.add(rest)
	}
	if !added || p.list.count > p.most {
		return keysError{fmt.Errorf("%w: more than %d keys: raise the bound, or give the node fewer", ErrTooManyKeys, min(p.most, p.list.count))}
	}
	return nil
}

// decode undoes the percent-encoding. It returns false where it is none of a key.
func (p *keyParser) decode(encoded []byte) (key []byte, ok bool) {
	if bytes.IndexByte(encoded, '%') < 0 {
		return encoded, len(encoded) <= maxKey
	}
	key = p.room[:0]
	for i := 0; i < len(encoded); i++ {
		ch := encoded[i]
		if ch == '%' {
			if i+2 >= len(encoded) {
				return nil, false
			}
			n, err := strconv.ParseUint(string(encoded[i+1:i+3]), 16, 8)
			if err != nil {
				return nil, false
			}
			ch = byte(n)
			i += 2
		}
		if len(key) == maxKey {
			return nil, false
		}
		key = append(key, ch)
	}
	return key, true
}

// isPlain reports whether a command may name the key. No other was written by this client; whoever
// asks for a key must not say something else with it.
func isPlain(key []byte) bool {
	for _, ch := range key {
		if ch <= ' ' || ch == 0x7f {
			return false
		}
	}
	return true
}
