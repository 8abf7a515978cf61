package testenv_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// pair is a memcached process and an embedded server which are sent the same bytes.
type pair struct {
	real, embedded *testenv.Env
}

func newPair(t *testing.T) *pair {
	t.Helper()
	if _, err := exec.LookPath("memcached"); err != nil {
		t.Skip("nothing to compare the embedded server with: there is no memcached on the PATH")
	}
	return &pair{testenv.Start(t, 1, testenv.Real()), testenv.Start(t, 1, testenv.InMemory())}
}

// answer sends a script over a connection of its own and returns all that comes back.
func answer(env *testenv.Env, script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	conn, err := env.DialContext(ctx, "tcp", env.Node(0).Addr())
	if err != nil {
		return "", err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		// A server that hangs up in the middle is seen by the reader.
		if _, err := io.WriteString(conn, script); err == nil {
			conn.(interface{ CloseWrite() error }).CloseWrite()
		}
	}()
	back, err := io.ReadAll(conn)
	if errors.Is(err, syscall.ECONNRESET) && len(script) > 32<<10 {
		err = nil // the server hung up on an endless line, with the rest of it unread
	}
	<-sent
	return string(back), err
}

// A number that gets shorter by incr or decr keeps its length, with blanks behind
// it, but not if one of memcached's threads has the item in hand just then: its
// length is no part of the comparison.
var padded = regexp.MustCompile(`(VALUE \S+ \d+ )\d+((?: \d+)?\r\n\d+) *\r\n`)

const unpadded = "${1}n$2\r\n"

// What is left of a life, and how long something has been there, depends on when a second ends.
var passing = regexp.MustCompile(`( t| exp=-)\d{2,}|( la=)\d+`)

// comparableText leaves out of an answer what is no part of the comparison.
func comparableText(answer string) string {
	return passing.ReplaceAllString(padded.ReplaceAllString(answer, unpadded), "${1}${2}n")
}

// mustAgree compares the answers to a script, byte by byte.
func (p *pair) mustAgree(t *testing.T, script string) {
	t.Helper()
	want, err := answer(p.real, script)
	for range 100 {
		if err != nil || !strings.HasPrefix(want, "BUSY ") {
			break
		}
		time.Sleep(10 * time.Millisecond) // memcached looks for expired items by itself, now and then
		want, err = answer(p.real, script)
	}
	if err != nil {
		t.Fatalf("memcached: %v after %q to %q", err, clip(want), clip(script))
	}
	got, err := answer(p.embedded, script)
	if err != nil {
		t.Fatalf("embedded: %v after %q to %q", err, clip(got), clip(script))
	}
	got, want = comparableText(got), comparableText(want)
	if got != want {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		got, want = got[max(0, at-100):], want[max(0, at-100):]
		t.Fatalf("script    %q\nmemcached %q (version %s)\nembedded  %q (as %s)",
			clip(script), clip(want), p.real.Node(0).Stats()["version"], clip(got), p.embedded.Node(0).Stats()["version"])
	}
}

func clip(s string) string {
	if len(s) > 2000 {
		return fmt.Sprintf("%s ... (%d bytes) ... %s", s[:1200], len(s)-1400, s[len(s)-200:])
	}
	return s
}

// script joins steps, each a command line or a value.
func script(steps ...string) string { return strings.Join(steps, "\r\n") + "\r\n" }

func TestEmbeddedServerAnswersAsMemcached(t *testing.T) {
	big := strings.Repeat("x", 1<<20)
	long, tooLong := strings.Repeat("k", 250), strings.Repeat("k", 251)
	tests := []struct {
		name   string
		steps  []string
		single bool // each step on a connection of its own
	}{
		{name: "get and gets", steps: []string{
			"set a 0 0 3", "abc", "get a", "gets a", "get a b", "get b", "get a a a", "gets b a",
		}},
		{name: "incomplete and unknown commands", steps: []string{
			"get", "get ", "gets", "gat", "gats", "gat 10", "set", "set a", "set a 0 0", "cas a 0 0 1", "add", "delete", "incr", "incr a", "touch", "touch a",
			"foo", "", "  ", "GET a", "Set a 0 0 1", "x", "getx a", "delete a b c d", "flush_all 0 0 0", "incr a 1 2 3",
		}},
		{name: "values with line ends in them", steps: []string{
			"set a 0 0 9", "a\r\nEND\r\nb", "get a", "set a 0 0 0", "", "get a", "set a 0 0 2", "\r\n", "get a",
		}},
		{name: "a value longer than announced", steps: []string{"set a 0 0 3", "abcdef", "get a"}},
		{name: "a value shorter than announced", steps: []string{"set a 0 0 3", "ab", "get a", "get a"}},
		{name: "a value cut off by the end", steps: []string{"set a 0 0 10", "abc"}},
		{name: "bad flags", steps: []string{"set a x 0 3", "abc", "set a -1 0 3", "abc", "get a"}},
		{name: "bad expiry", steps: []string{"set a 0 x 3", "abc", "get a"}},
		{name: "bad length", steps: []string{"set a 0 0 x", "abc", "set a 0 0 -1", "abc", "set a 0 0 2147483646", "set a 0 0 2147483648", "get a"}},
		{name: "numbers of more than 32 bits", steps: []string{
			"set a 4294967295 0 1", "a", "get a", "set a 4294967296 0 1", "a", "get a", "set a 4294967299 0 1", "a", "get a",
			"set a 0 99999999999 1", "a", "set a 0 0 4294967297", "a", "get a", "touch a 99999999999", "gat 99999999999 a",
			"set a 0 0 99999999999999999999", "get a", "set a 99999999999999999999 0 1", "a", "set a 9223372036854775808 0 1", "a",
		}},
		{name: "odd numbers", steps: []string{
			"set a 0x10 0 1", "a", "set a 010 0 1", "a", "get a", "set a +1 +0 +1", "a", "get a", "set a 1_0 0 1", "a", "set a 0\t 0 1", "a", "get a",
			"set a 5\tx 0 1", "a", "get a", "incr a +1", "set n 0 0 1", "1", "incr n 0x1", "incr n 9223372036854775808", "incr n 18446744073709551616",
		}},
		{name: "noreply silences all but its own misspelling", steps: []string{
			"set a 0 0 3 noreply", "abc", "get a", "set a 0 0 3 foo", "abc", "set a 0 0 3 noreply foo", "abc", "set a x 0 3 noreply", "abc",
			"add a 0 0 1 noreply", "x", "replace zz 0 0 1 noreply", "x", "cas a 0 0 1 1 noreply", "x", "delete zz noreply", "incr zz 1 noreply",
			"incr a 1 noreply", "touch zz 0 noreply", "verbosity 0 noreply", "flush_all noreply", "get a",
		}},
		{name: "the longest key", steps: []string{"set " + long + " 0 0 1", "a", "get " + long, "delete " + long}},
		{name: "a key too long", steps: []string{
			"set " + tooLong + " 0 0 1", "add " + tooLong + " 0 0 1", "cas " + tooLong + " 0 0 1 1", "get " + tooLong, "set a 0 0 1\r\na", "get a " + tooLong, "gets " + tooLong + " a",
			"delete " + tooLong, "delete " + tooLong + " 5", "incr " + tooLong + " 1", "incr " + tooLong + " x", "touch " + tooLong + " 1",
			"touch " + tooLong + " x", "gat 0 " + tooLong, "gat x " + tooLong, "gats 0 a " + tooLong,
		}, single: true},
		{name: "add, replace, append, prepend", steps: []string{
			"add n 5 0 1", "n", "add n 6 0 1", "m", "get n", "replace n 6 0 2", "nn", "append n 7 0 1", "a", "prepend n 8 0 1", "p", "gets n",
			"replace zz 0 0 1", "a", "append zz 0 0 1", "a", "prepend zz 0 0 1", "a", "get zz",
		}},
		{name: "cas", steps: []string{
			"set n 0 0 1", "n", "gets n", "cas n 1 0 1 1", "x", "get n", "cas n 0 0 1 1", "y", "gets n", "cas zz 0 0 1 1", "x", "cas n 0 0 1 x", "x", "cas n 0 0 1 -1", "x",
			"cas n 0 0 1", "x", "cas n 0 -1 1 2", "x", "get n", "cas a 0 0 1 18446744073709551616", "a", "cas a 0 0 1 18446744073709551615", "a",
			"cas a 0 0 1 9223372036854775808", "a", "set n 0 0 1", "n", "touch n 100", "gets n", "cas n 0 0 1 3", "z", "gets n", "cas n 0 0 1 0", "x",
		}},
		{name: "cas ids count what was stored", steps: []string{
			"set a 0 0 1", "1", "add a 0 0 1", "1", "incr a 1", "decr a 1", "append a 0 0 1", "1", "prepend a 0 0 1", "1", "touch a 0", "replace zz 0 0 1", "1", "cas a 0 0 1 9", "1",
			"delete zz", "gets a", "flush_all", "set a 0 0 1", "1", "gets a", "set b 0 0 1", "1", "gets a b",
		}},
		{name: "incr and decr", steps: []string{
			"set i 0 0 2\r\n10", "incr i 5", "decr i 10", "get i", "decr i 100", "get i", "incr i 18446744073709551615", "incr i 5", "get i", "incr i 10", "gets i",
			"incr i -1", "incr i x", "incr zz 1", "decr zz 1", "incr i 0", "gets i",
		}, single: true},
		{name: "incr of what is no number", steps: []string{
			"set j 0 0 3\r\nabc", "incr j 1", "set j 0 0 0\r\n", "incr j 1", "set j 0 0 5\r\n12 ab", "incr j 1", "get j", "set j 0 0 3\r\n 12", "incr j 1", "get j",
			"set j 0 0 2\r\n-5", "incr j 1", "set j 0 0 21\r\n184467440737095516150", "incr j 1", "set j 0 0 3\r\n+12", "incr j 1", "get j", "set j 0 0 4\r\n12\t3", "incr j 1", "get j",
			"set j 0 0 20\r\n18446744073709551615", "incr j 1", "get j", "set j 0 0 2\r\n99", "incr j 1", "get j",
		}, single: true},
		{name: "delete", steps: []string{
			"delete a", "set a 0 0 1", "a", "delete a", "get a", "set a 0 0 1", "a", "delete a 0", "set a 0 0 1", "a", "delete a 5", "delete a noreply", "get a",
			"set a 0 0 1", "a", "delete a 0 noreply", "delete a 0 0", "delete a 5 noreply", "get a",
		}},
		{name: "touch and gat", steps: []string{
			"set a 0 0 1", "a", "set b 7 0 1", "b", "touch a 0", "touch a 100", "get a", "touch zz 0", "touch a x", "touch a -1", "get a", "gat 10 a",
			"gat x b", "gat 100 b", "gats 0 b a", "gat 0 b b", "gat -1 b", "get b",
		}},
		{name: "expiry", steps: []string{
			"set a 0 -1 1", "a", "get a", "set a 0 2592000 1", "a", "get a", "set a 0 2592001 1", "a", "get a", "set a 0 2147483647 1", "a", "get a", "set a 0 -2147483648 1", "a", "get a",
			"set a 0 0 1", "a", "touch a 2592001", "get a", "add a 0 2592001 1", "a", "add a 0 0 1", "b", "get a",
		}},
		{name: "verbosity", steps: []string{"verbosity", "verbosity 1", "verbosity x", "verbosity noreply", "verbosity 0 0 0", "verbosity 0"}},
		{name: "flush_all", steps: []string{
			"flush_all x", "set f 0 0 1", "f", "flush_all", "gets f", "set f 0 0 1", "f", "gets f", "flush_all 0", "get f", "set f 0 0 1", "f", "gets f", "flush_all noreply",
			"set f 0 0 1", "f", "gets f", "flush_all 1000", "get f", "flush_all -1", "get f", "flush_all 0 noreply", "flush_all 0 0", "set f 0 0 1", "f", "flush_all 1", "gets f",
		}},
		{name: "a set too large takes the old value with it, others do not", steps: []string{
			"set b 0 0 1", "b", "set b 0 0 1048576", big, "get b", "add b 0 0 1", "b", "gets b", "cas b 0 0 1048576 2", big, "get b", "add zz 0 0 1048576", big,
			"append b 0 0 1048576", big, "replace b 0 0 1048576", big, "get b", "set b 0 0 1048576 noreply", big, "get b",
		}},
		{name: "the largest item", steps: []string{
			"set b 0 0 1048516", big[:1048516], "get b", "set b 0 0 1048517", big[:1048517], "get b", "set b 1 0 1048512", big[:1048512], "get b", "set b 1 0 1048513", big[:1048513], "get b",
			"set bb 0 0 1048516", big[:1048516],
		}},
		{name: "too large by appending", steps: []string{
			"set b 0 0 600000", big[:600000], "append b 0 0 600000", big[:600000], "incr b 1", "prepend b 0 0 600000", big[:600000], "get b",
		}},
		{name: "blanks", steps: []string{"set a 0 0 1", "a", "get  a   a", "  get a", "set  a  0  0  1", "b", "get a ", "get\ta", "get \ta"}},
		{name: "many keys", steps: []string{
			"set a 0 0 1", "a", "get " + strings.Repeat("a ", 1000), "get " + strings.Repeat("zz ", 30000), "gets " + strings.Repeat("a zz ", 5000),
			"set" + strings.Repeat(" a", 40), "delete" + strings.Repeat(" a", 40),
		}},
		{name: "control bytes in keys", steps: []string{
			"get a\x00b", "set k\x00 0 0 1", "set a\tb 0 0 1", "a", "get a\tb", "set a\x01 0 0 1", "a", "get a\x01", "get a\rb", "get a\r", "set \xff\xfe 0 0 1", "a", "get \xff\xfe",
		}},
		{name: "bare line feeds", steps: []string{"set a 0 0 1\na", "get a\nget a", "set a 0 0 1", "b\n\nget a"}},
		{name: "quit", steps: []string{"set a 0 0 1", "a", "quit", "get a"}},
		{name: "a browser", steps: []string{"POST / HTTP/1.1"}},
		{name: "half a browser", steps: []string{"POST /", "Host: localhost", "get HTTP/1.1", "PUT / HTTP/1.1 x"}},
		{name: "quit with words behind it", steps: []string{"quit now", "get a"}},
		{name: "half a command at the end", steps: []string{"get a", "get a\r\nget"}},
		{name: "a long line of nothing", steps: []string{strings.Repeat("x", 1500), strings.Repeat("x", 40000), "get a"}},
		{name: "stats and crawler", steps: []string{"stats reset", "stats nonsense", "lru_crawler", "lru_crawler nonsense"}},
		{name: "lists of keys that cannot be", steps: []string{
			"lru_crawler metadump", "lru_crawler metadump all all", "lru_crawler metadump x", "lru_crawler metadump 0", "lru_crawler metadump 64", "lru_crawler metadump 300",
			"lru_crawler metadump 1,x", "lru_crawler metadump 1-2", "lru_crawler metadump 1x", "lru_crawler metadump ,", "lru_crawler mgdump hash", "stats items",
		}, single: true},
		{name: "lists of no keys", steps: []string{
			"lru_crawler metadump all", "lru_crawler metadump hash", "lru_crawler metadump 1,2", "lru_crawler metadump 63",
		}, single: true},
		{name: "a list behind another command", steps: []string{"verbosity 0\r\nlru_crawler metadump hash", "set a 0 0 1 noreply\r\na\r\nlru_crawler metadump all"}, single: true},
		{name: "mg", steps: []string{
			"mg", "mg a", "mg a v", "mg a k O1 c", "mg a q", "mg a q k v", "mn", "set a 5 100 3", "abc", "set b 0 0 0", "", "me b", "mg b u", "me b", "mg b", "me b",
			"mg a", "mg a v", "mg a k c t s f", "mg a k c t s f v q O123", "mg b f s t c k", "mg b v", "mg a O1 v k", "mg a q v", "mg a u v c", "mg   a  k   v ",
			"mg a Z", "mg a v v", "mg a O1 O2", "mg a c1 k1", "mg a O" + strings.Repeat("1", 31), "mg a O" + strings.Repeat("1", 32), "mg a O" + strings.Repeat("1", 40), "mgx a", "mn", "mn x", "mnx",
		}},
		{name: "ms", steps: []string{
			"ms", "ms a", "ms a x", "ms a -1", "ms a 3", "abc", "mg a v f t c", "ms a 1 T50 F7 c k O9", "x", "mg a v f t c", "ms a 1 q", "y", "ms a 1 C1 k q", "z", "ms a 1 C1 c O1 k", "z",
			"ms a 1 C3 c", "z", "mg a v c", "ms zz 1 C3 k c", "z", "ms zz 1 C3 q", "z", "ms a 1 C0", "z", "ms a 1 C", "z", "ms a 1 Cx", "z", "ms a 1 T", "z", "ms a 1 Tx", "z", "ms a 1 T0x", "z",
			"ms a 1 Fx", "z", "ms a 1 F1x", "z", "ms a 1 F4294967296", "z", "mg a v f", "ms a 1 Z", "z", "ms a 1 c c", "z", "ms a 1 T1 T2", "z", "ms a 1 C18446744073709551615", "z",
			"ms a 0", "", "mg a v s", "ms a 1 T-1 c", "z", "mg a v", "ms a 1 T2592001", "z", "mg a v", "ms a 9", "a\r\nEND\r\nb", "mg a v", "me", "me a b",
		}},
		{name: "ms with a mode", steps: []string{
			"ms n 1 ME k c", "1", "ms n 1 ME k c", "2", "ms n 1 MA", "2", "ms n 1 MP", "3", "mg n v c", "ms n 1 MR", "3", "ms n 1 MS", "3", "ms nn 1 MR", "1", "ms nn 1 MA", "1", "ms nn 1 MP q", "1",
			"ms n 1 ME q", "1", "ms nx 1 ME q", "1", "ms n 1 MX", "1", "ms n 1 Me", "1", "ms n 1 M", "1", "ms n 1 MES", "1", "mg n v c", "mg nx v c",
		}},
		{name: "a value of ms longer than announced", steps: []string{"ms a 3", "abcdef", "mn"}},
		{name: "a value of ms shorter than announced", steps: []string{"ms a 3", "ab", "mn", "mn"}},
		{name: "a value of ms too large", steps: []string{"set b 0 0 1", "b", "ms b 1048576 k", big, "mg b v", "ms b 1048516", big[:1048516], "mg b s"}},
		{name: "md", steps: []string{
			"md", "md zz", "md zz k O1", "md zz q", "md zz C1 q k", "set a 0 0 1", "a", "md a C2 k", "md a C2 q", "md a C1 k O7", "mg a", "set a 0 0 1", "a", "md a q", "mg a", "set a 0 0 1", "a", "md a",
			"md a Z", "md a k k", "md a C", "md a Cx", "md a C99999999999999999999", "md a C1 C2", "mn",
		}},
		{name: "meta commands with a key too long", steps: []string{"mg " + tooLong + " v", "ms " + tooLong + " 1", "md " + tooLong, "me " + tooLong, "ms " + long + " 1\r\na", "mg " + long + " k v", "me " + long}, single: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPair(t)
			if !tt.single {
				p.mustAgree(t, script(tt.steps...))
				return
			}
			// In one piece memcached would drop the answers before a get that it refuses.
			for _, step := range tt.steps {
				p.mustAgree(t, script(step))
			}
		})
	}
}

// TestEmbeddedServerAnswersRandomScriptsAsMemcached runs generated scripts against
// the same pair, so that what one leaves is there for the next: those of even
// seeds in one piece, those of odd ones command by command.
func TestEmbeddedServerAnswersRandomScriptsAsMemcached(t *testing.T) {
	p := newPair(t)
	scripts := 400 // a seed alone replays little: it builds on what those before it left
	if testing.Short() {
		scripts = 50
	}
	for seed := range uint64(scripts) {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			if seed%2 == 0 {
				p.mustAgree(t, strings.Join(randomSteps(rand.New(rand.NewPCG(seed, 0)), 40), ""))
				return
			}
			for _, step := range randomSteps(rand.New(rand.NewPCG(seed, 0)), 10) {
				p.mustAgree(t, step)
			}
		})
		if t.Failed() {
			return // the two have gone different ways: what follows says nothing
		}
	}
}

// randomSteps returns up to n commands, and a last one that shows what stands in the end.
func randomSteps(r *rand.Rand, n int) []string {
	var steps []string
	pick := func(of ...string) string { return of[r.IntN(len(of))] }
	key := func() string { return pick("a", "b", "c", "d", "e") }
	keys := func() string {
		var ks []string
		for range 1 + r.IntN(4) {
			ks = append(ks, key())
		}
		return strings.Join(ks, pick(" ", " ", "  "))
	}
	// A refused value is read as a command, and how memcached takes a long one
	// depends on how much of it has arrived: only what is accepted may be long.
	value := func(fields ...string) string {
		kinds := 4
		if slices.Contains(fields, "x") || slices.Contains(fields, "-1") {
			kinds = 3
		}
		switch r.IntN(kinds) {
		case 0:
			return fmt.Sprint(r.Uint64() >> r.IntN(64))
		case 1:
			return pick("", "0", "get a\r\n", "x\r\n", "12x")
		case 2:
			// Not blank from the start: in search of a number memcached's incr
			// reads over the end of a value that is nothing but blanks.
			raw := make([]byte, r.IntN(40))
			for i := range raw {
				raw[i] = byte(r.IntN(256))
			}
			return "r" + string(raw)
		}
		return strings.Repeat(pick("x", "yz"), r.IntN(5000))
	}
	expiry := func() string { return pick("0", "0", "0", "100", "2592000", "2147483647", "-1", "2592001", "x") }
	flags := func() string { return pick("0", "0", "1", "4294967295", "-1") }
	for range 1 + r.IntN(n) {
		noreply := pick("", "", "", " noreply")
		line := ""
		switch r.IntN(18) {
		case 0, 1, 2:
			line = pick("get ", "gets ") + keys()
		case 3, 4, 5, 6:
			f, e := flags(), expiry()
			v := value(f, e)
			line = fmt.Sprintf("%s %s %s %s %d%s\r\n%s", pick("set", "set", "add", "replace", "append", "prepend"), key(), f, e, len(v), noreply, v)
		case 7, 8:
			f, e := flags(), expiry()
			v := value(f, e)
			line = fmt.Sprintf("cas %s %s %s %d %d%s\r\n%s", key(), f, e, len(v), 1+r.IntN(400), noreply, v)
		case 9:
			// Only up: see padded, and what is appended would show the blanks.
			line = fmt.Sprintf("incr %s %d%s", key(), r.IntN(1000), noreply)
		case 10:
			line = "delete " + key() + noreply
		case 11:
			line = "touch " + key() + " " + expiry() + noreply
		case 12:
			line = pick("gat ", "gats ") + expiry() + " " + keys()
		case 13:
			line = "mg " + key() + pick("", " v", " k c f s", " t v q O7", " u v", " v v", " Z")
		case 14, 15:
			v := value()
			line = fmt.Sprintf("ms %s %d%s%s%s\r\n%s", key(), len(v), pick("", " c", " k q", " O1"), pick("", "", " T100", " T0 F3", " T-1"),
				pick("", " ME", " MR", fmt.Sprint(" C", 1+r.IntN(400)), fmt.Sprint(" C", 1+r.IntN(400))), v)
		case 16:
			line = "md " + key() + pick("", " q", " k O3", fmt.Sprint(" C", 1+r.IntN(400)))
		case 17:
			line = pick("flush_all"+noreply, "verbosity 0", "foo", "", "set a 0 0 5\r\nabcdefg", "delete", "incr a")
		}
		steps = append(steps, line+"\r\n")
	}
	return append(steps, "gets a b c d e\r\n")
}

func TestEmbeddedDumpReadsAsMemcached(t *testing.T) {
	p := newPair(t)
	steps := []string{
		"set a 0 0 3", "abc", "set b 7 0 1", "b", "set c%/é~\" 0 0 0", "", "set %41+/=: 0 0 0", "", "get b", "set d 0 -1 1", "d", "set e 0 2147483647 1", "e", "mg a u", "me a", "mg e u",
		"set f 0 0 1", "f", "mg f c",
	}
	for n := 10; n < 1e6; n = n * 5 / 3 { // the classes
		steps = append(steps, fmt.Sprintf("set n%d 0 0 %d", n, n), strings.Repeat("x", n))
	}
	p.mustAgree(t, script(steps...))
	varying := regexp.MustCompile(` la=\d+`)
	dump := func(env *testenv.Env, what string) []string {
		s, err := answer(env, script("lru_crawler metadump "+what))
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.SplitAfter(varying.ReplaceAllString(s, ""), "\n")
		slices.Sort(lines)
		return lines
	}
	for _, what := range []string{"all", "hash", "1", "1,2", "2,,1", "39", "39,38,5", "60"} {
		var want, got []string
		// The crawler leaves out an item that a connection still has in hand.
		eventually(t, "a whole dump", func() bool {
			want, got = dump(p.real, what), dump(p.embedded, what)
			return len(want) >= len(got) && !strings.HasPrefix(want[len(want)-1], "BUSY ")
		})
		if !slices.Equal(got, want) {
			t.Errorf("%s: memcached %q\nembedded  %q", what, want, got)
		}
	}
	numbers := func(env *testenv.Env) string {
		s, err := answer(env, script("stats items"))
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(regexp.MustCompile(`(?m)^(STAT items:\d+:number \d+|END)\r$`).FindAllString(s, -1), "")
	}
	// That of memcached counts the expired item until the crawler finds it.
	p.mustAgree(t, script("get d"))
	if got, want := numbers(p.embedded), numbers(p.real); got != want {
		t.Errorf("stats items: memcached %q\nembedded  %q", want, got)
	}
}

func TestEmbeddedItemsExpireAsMemcacheds(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: it waits for seconds to pass")
	}
	t.Parallel() // mostly waiting
	left := func(env *testenv.Env) string {
		s, err := answer(env, "get a b c d e\r\n")
		if err != nil {
			t.Fatal(err)
		}
		return strings.Join(regexp.MustCompile(`VALUE \w`).FindAllString(s, -1), " ")
	}
	p := newPair(t)
	p.mustAgree(t, script("set a 0 1 1", "a", "set b 0 2 1", "b", "set c 0 0 1", "c", "touch c 2", "set d 0 100 1", "d", "set e 0 0 1", "e", "gat 1 e"))
	for _, env := range []*testenv.Env{p.real, p.embedded} {
		eventually(t, "all but d have expired", func() bool { return left(env) == "VALUE d" })
	}
	p.mustAgree(t, script("set e 0 0 1", "e", "flush_all 2"))
	for _, env := range []*testenv.Env{p.real, p.embedded} {
		eventually(t, "the flush that was put off has come", func() bool { return left(env) == "" })
	}
	// In the second of the flush new items go as well.
	for _, env := range []*testenv.Env{p.real, p.embedded} {
		eventually(t, "new items stay", func() bool {
			_, err := answer(env, script("set e 0 0 1", "e"))
			return err == nil && left(env) == "VALUE e"
		})
	}
}
