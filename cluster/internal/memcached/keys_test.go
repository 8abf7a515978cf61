package memcached

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/testenv"
)

// somePrefix is one that a list percent-encodes.
const somePrefix = "app/+=%41:"

// fill puts so many sessions into a node, and as many keys of others. It returns the keys of the
// sessions.
func fill(t *testing.T, env *testenv.Env, sessions int) (keys []string) {
	t.Helper()
	nc, err := env.DialContext(t.Context(), "tcp", env.Node(0).Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	w := bufio.NewWriterSize(nc, 64<<10)
	for i := range sessions {
		key := record.KeyOf(fmt.Sprint(i)).Name(somePrefix)
		keys = append(keys, key)
		size := []int{10, 200, 1000}[i%3] // of several classes
		fmt.Fprintf(w, "set %s 0 0 %d noreply\r\n%s\r\nset other:%d 0 0 1 noreply\r\nv\r\n", key, size, strings.Repeat("v", size), i)
	}
	fmt.Fprint(w, "version\r\n")
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(nc).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keys)
	return keys
}

// listed are the keys of a list, sorted.
func listed(t *testing.T, l *KeyList) (keys []string) {
	t.Helper()
	if l == nil {
		return nil
	}
	keys = slices.Sorted(l.All())
	if len(keys) != l.Len() {
		t.Errorf("Len is %d, there are %d", l.Len(), len(keys))
	}
	return keys
}

// onEmbedded runs a test on a server in memory, in virtual time.
func onEmbedded(t *testing.T, c testenv.Crawler, test func(t *testing.T, env *testenv.Env, n *watched)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		env := testenv.Start(t, 1, testenv.InMemory())
		n := watch(Config{Addr: env.Node(0).Addr(), Dial: env.DialContext})
		defer n.end()
		env.Node(0).SetCrawler(c)
		test(t, env, n)
	})
}

// Servers of all versions list all keys with the prefix, each once, and also those that were in use, or
// being moved, when they were listed first.
func TestKeysAreListed(t *testing.T) {
	for _, c := range []testenv.Crawler{
		{},
		{Misses: true},
		{Version: "1.6.17", Short: 20},
		{Busy: 3},
		{Version: "1.4.39", Misses: true},
		{Version: "1.6.19", Misses: true},
		{Version: "1.6.24"},
		{Version: "1.6.45", Busy: 3},
		{Version: "1.7.0", Misses: true},
		{Version: "something else", Misses: true},
	} {
		t.Run(fmt.Sprintf("%+v", c), func(t *testing.T) {
			onEmbedded(t, c, func(t *testing.T, env *testenv.Env, n *watched) {
				if l, err := n.Keys(t.Context(), somePrefix, KeyBounds{}); err != nil || l.Len() != 0 {
					t.Fatalf("of an empty node: %v, %v", l, err)
				}
				env.Node(0).SetCrawler(c)
				want := append(fill(t, env, 1000), somePrefix, somePrefix+"a", somePrefix+strings.Repeat("k", 250-len(somePrefix)),
					somePrefix+strings.Repeat("A", 42)+"_") // no encoding of 32 bytes, though one that is read as such
				for _, key := range want[1000:] {
					env.Node(0).Set(key, nil)
				}
				slices.Sort(want)
				l, err := n.Keys(t.Context(), somePrefix, KeyBounds{})
				if got := listed(t, l); err != nil || !slices.Equal(got, want) {
					t.Errorf("%d keys, want %d: %v", len(got), len(want), err)
				}
				env.Node(0).SetCrawler(c)
				if l, err = n.Keys(t.Context(), "", KeyBounds{}); err != nil || l.Len() != 2004 {
					t.Errorf("without a prefix: %v", err)
				}
				if len(n.verdicts) > 0 || len(n.lines) > 0 {
					t.Errorf("a list says something of the server: %v %v", n.verdicts, n.lines)
				}
			})
		})
	}
}

// What is no whole list is an error, which says what to do and shows no key; so much time passes.
func TestWhatIsNoWholeListOfKeysIsAnError(t *testing.T) {
	const cut, none = 20_000, -1
	tests := []struct {
		name    string
		crawler testenv.Crawler
		bounds  KeyBounds
		says    string
		is      error
		within  time.Duration
	}{
		{"switched off", testenv.Crawler{Refusal: testenv.RefusedByOption}, KeyBounds{}, "-X", ErrKeysRefused, 0},
		{"no crawler", testenv.Crawler{Refusal: testenv.RefusedWithoutCrawler}, KeyBounds{}, "no_lru_crawler", ErrKeysRefused, 0},
		{"no command", testenv.Crawler{Refusal: "ERROR"}, KeyBounds{}, "does not know", ErrKeysRefused, 0},
		{"a proxy without it", testenv.Crawler{Refusal: "CLIENT_ERROR unsupported"}, KeyBounds{}, "does not know", ErrKeysRefused, 0},
		{"out of order", testenv.Crawler{Refusal: "SERVER_ERROR " + planted}, KeyBounds{}, "SERVER_ERROR", errServer, 0},
		{"without a login", testenv.Crawler{Refusal: "CLIENT_ERROR unauthenticated"}, KeyBounds{}, "Username", errLoginWanted, 0},
		{"always busy", testenv.Crawler{Busy: none}, KeyBounds{}, "later", errKeysBusy, 20 * time.Second},
		{"cut", testenv.Crawler{CutAfter: cut}, KeyBounds{}, "try again", errKeysCut, 0},
		{"cut at once", testenv.Crawler{CutAfter: 1}, KeyBounds{}, "try again", errKeysCut, 0},
		{"silent", testenv.Crawler{SilentAfter: cut}, KeyBounds{}, "stands still", errKeysSilent, 5 * time.Second},
		{"silent for a shorter time", testenv.Crawler{SilentAfter: cut}, KeyBounds{Silence: time.Second}, "stands still", errKeysSilent, time.Second},
		{"not within the time", testenv.Crawler{SilentAfter: cut}, KeyBounds{Within: time.Second}, "slowly", errKeysSlow, time.Second},
		{"garbage", testenv.Crawler{Garbage: planted}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"a refusal within", testenv.Crawler{Garbage: "BUSY " + planted}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"the end within", testenv.Crawler{Garbage: "END"}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"OK within", testenv.Crawler{Garbage: "OK"}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"half a line", testenv.Crawler{Garbage: "key=" + planted}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"half an encoding", testenv.Crawler{Garbage: "key=" + planted + "%4 exp=-1"}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"a key too long", testenv.Crawler{Garbage: "key=" + strings.Repeat("%61", 251) + " exp=-1"}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"a line too long", testenv.Crawler{Garbage: strings.Repeat("x", 1<<20)}, KeyBounds{}, "proxy", errKeysSenseless, 0},
		{"too many keys", testenv.Crawler{}, KeyBounds{Entries: 999}, "more than 999 keys", ErrTooManyKeys, 0},
		{"too many bytes", testenv.Crawler{}, KeyBounds{Bytes: 100_000}, "more than 100000 bytes", ErrTooManyKeys, 0},
	}
	for _, version := range []string{"1.6.18", "1.6.45"} {
		for _, tt := range tests {
			t.Run(version+" "+tt.name, func(t *testing.T) {
				tt.crawler.Version = version
				onEmbedded(t, tt.crawler, func(t *testing.T, env *testenv.Env, n *watched) {
					fill(t, env, 1000)
					began := time.Now()
					l, err := n.Keys(t.Context(), somePrefix, tt.bounds)
					if l != nil || !errors.Is(err, tt.is) || tt.is != ErrKeysRefused && errors.Is(err, ErrKeysRefused) {
						t.Fatalf("%v, %v", l, err)
					}
					if !strings.Contains(err.Error(), tt.says) || !strings.Contains(err.Error(), env.Node(0).Addr()) || strings.Contains(err.Error(), planted[:6]) || strings.Contains(err.Error(), somePrefix) {
						t.Errorf("says %q", err)
					}
					if took := time.Since(began); took > tt.within {
						t.Errorf("took %v, want at most %v", took, tt.within)
					}
					// The connection is closed, which frees the crawler.
					synctest.Wait()
					env.Node(0).SetCrawler(testenv.Crawler{})
					if got := env.Node(0).Stats()["curr_connections"]; got != "1" {
						t.Errorf("%s connections, want that of the question", got)
					}
				})
			})
		}
	}
}

// A list that never ends is closed at a bound: more keys, or more bytes of others' keys.
func TestAnEndlessListOfKeysIsClosed(t *testing.T) {
	for _, prefix := range []string{somePrefix, "nobody's:"} {
		onEmbedded(t, testenv.Crawler{Endless: true, Version: "1.6.45"}, func(t *testing.T, env *testenv.Env, n *watched) {
			fill(t, env, 100)
			if l, err := n.Keys(t.Context(), prefix, KeyBounds{Entries: 10_000, Bytes: 10 << 20}); l != nil || !errors.Is(err, ErrTooManyKeys) {
				t.Errorf("%v, %v", l, err)
			}
		})
	}
}

// Of the keys with the prefix only those that are wanted count for the bound, in lists of both forms.
func TestOfTheKeysOnlyThoseAreKeptThatAreWanted(t *testing.T) {
	for _, version := range []string{"1.6.17", "1.6.45"} {
		onEmbedded(t, testenv.Crawler{Version: version}, func(t *testing.T, env *testenv.Env, n *watched) {
			keys := fill(t, env, 1000)
			wanted := keys[:10]
			keep := func(rest string) bool { return slices.Contains(wanted, somePrefix+rest) }
			l, err := n.Keys(t.Context(), somePrefix, KeyBounds{Entries: 10, Keep: keep})
			if got := listed(t, l); err != nil || !slices.Equal(got, wanted) {
				t.Errorf("%s: %d keys: %v", version, len(got), err)
			}
		})
	}
}

// A list whose lines come one by one, with hardly a pause, is closed in time as well.
func TestASlowListOfKeysIsClosed(t *testing.T) {
	for _, pause := range []time.Duration{100 * time.Microsecond, 900 * time.Millisecond} {
		hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
			_, _ = r.ReadString('\n')
			_, err := io.WriteString(nc, "VERSION 1.6.38\r\n")
			_, _ = r.ReadString('\n')
			for err == nil {
				time.Sleep(pause)
				_, err = io.WriteString(nc, "key=p.a exp=-1\n")
			}
		}, func(t *testing.T, n *watched) {
			began := time.Now()
			l, err := n.Keys(t.Context(), "p.", KeyBounds{Within: 2 * time.Second, Silence: time.Second})
			if took := time.Since(began); l != nil || !errors.Is(err, errKeysSlow) || took > 2*time.Second+time.Millisecond {
				t.Errorf("%v, %v after %v", l, err, took)
			}
		})
	}
}

// What does not say its version is asked for no keys.
func TestKeysOfWhatIsNoMemcached(t *testing.T) {
	for answer, says := range map[string]string{"ERROR\r\n": `"version"`, planted + "\r\n": "no memcached", "HTTP/1.1 400 Bad Request\r\n": "an HTTP server"} {
		hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
			_, _ = r.ReadString('\n')
			_, _ = io.WriteString(nc, answer)
			if line, err := r.ReadString('\n'); err == nil {
				t.Errorf("asked %q", line)
			}
		}, func(t *testing.T, n *watched) {
			if _, err := n.Keys(t.Context(), "p.", KeyBounds{}); err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), planted) {
				t.Errorf("%v, want %s", err, says)
			}
		})
	}
}

// A list by hash leaves no item out, also of those in use.
func TestVersionsThatListByHash(t *testing.T) {
	for version, want := range map[string]bool{
		"1.6.17": false, "1.6.9_ubuntu": false, "1.6.0_beta1": false, "1.4.39": false, "1.5.22": false, "": false, "df-v1.20.1": false, "1.6": false,
		"1.6.18": true, "1.6.18-embedded": true, "1.6.19": true, "1.6.45": true, "1.7.0": true, "2.0.0-rc1": true, "1.6.19_1": true,
	} {
		if got := listsByHash("VERSION " + version + "\r\n"); got != want {
			t.Errorf("%q: %v", version, got)
		}
	}
}

// Whoever asked may give up at any time.
func TestAListOfKeysEndsWithItsContext(t *testing.T) {
	for _, c := range []testenv.Crawler{{SilentAfter: 20_000}, {Busy: -1}} {
		onEmbedded(t, c, func(t *testing.T, env *testenv.Env, n *watched) {
			fill(t, env, 1000)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			began := time.Now()
			if l, err := n.Keys(ctx, somePrefix, KeyBounds{}); l != nil || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%v, %v", l, err)
			}
			if took := time.Since(began); took != time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A node that is down, and one that hangs, cost no more than any other question does.
func TestKeysOfANodeThatDoesNotAnswer(t *testing.T) {
	onEmbedded(t, testenv.Crawler{}, func(t *testing.T, env *testenv.Env, n *watched) {
		env.Node(0).Pause()
		began := time.Now()
		if _, err := n.Keys(t.Context(), somePrefix, KeyBounds{}); !errors.Is(err, errTimeout) || time.Since(began) != testTimeout {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		env.Node(0).Kill()
		if _, err := n.Keys(t.Context(), somePrefix, KeyBounds{}); !errors.As(err, new(unreachable)) {
			t.Error(err)
		}
	})
}

// The list goes over a connection with login and TLS, and the command is alone on its way: a server
// refuses one behind another command.
func TestKeysAreAskedForAsAllElse(t *testing.T) {
	pair := selfSigned(t)
	serve := func(nc net.Conn) {
		defer nc.Close()
		b := make([]byte, 1000)
		for _, step := range []struct{ want, answer string }{
			{"set auth 0 -1 8\r\napp word\r\n", "STORED\r\n"},
			{"version\r\n", "VERSION 1.6.38\r\n"},
			{"lru_crawler metadump hash\r\n", "OK\r\nkey=p.a exp=-1 la=1 cas=1 fetch=no cls=1 size=1 flags=0 \nke"},
		} {
			n, err := nc.Read(b)
			if err != nil || string(b[:n]) != step.want {
				t.Errorf("%q, %v, want %q", b[:n], err, step.want)
				return
			}
			if _, err := io.WriteString(nc, step.answer); err != nil {
				t.Error(err)
			}
		}
		for _, rest := range []string{"y=p.b exp=17 more=to come\n", "E", "ND\r\n"} {
			if _, err := io.WriteString(nc, rest); err != nil {
				t.Error(err)
			}
		}
		_, _ = nc.Read(b)
	}
	cfg := Config{
		Username: "app", Password: "word",
		TLS: func() *tls.Config { return &tls.Config{InsecureSkipVerify: true} },
	}
	hostile(t, cfg, func(nc net.Conn, _ *bufio.Reader) {
		serve(tls.Server(nc, &tls.Config{Certificates: []tls.Certificate{pair}}))
	}, func(t *testing.T, n *watched) {
		l, err := n.Keys(t.Context(), "p.", KeyBounds{})
		if got := fmt.Sprint(listed(t, l)); err != nil || got != "[p.a p.b]" {
			t.Error(got, err)
		}
	})
}

// A key with line ends or blanks in it, which other writers or a hostile server can have, is not
// listed: whoever sent it in a command would send another command.
func TestKeysThatNoCommandCanNameAreNotListed(t *testing.T) {
	onEmbedded(t, testenv.Crawler{Garbage: "key=p.x%0D%0Aflush_all%0D%0A exp=-1 la=1\nkey=p.%20a exp=-1\nkey=p.%7f exp=-1\nkey=p.%00 exp=-1"}, func(t *testing.T, env *testenv.Env, n *watched) {
		for _, key := range []string{"p.a", "p.b", "p.c"} {
			env.Node(0).Set(key, nil)
		}
		l, err := n.Keys(t.Context(), "p.", KeyBounds{})
		if got := fmt.Sprint(listed(t, l)); err != nil || got != "[p.a p.c]" {
			t.Error(got, err)
		}
	})
}

// An item that a client is slow to read is in use for as long, and must not be missing from the list:
// with the next node it would be lost.
func TestKeysInUseAreListed(t *testing.T) {
	env := testenv.Start(t, 1, testenv.Real())
	n := watch(Config{Addr: env.Node(0).Addr(), Timeout: 10 * time.Second})
	t.Cleanup(n.end)
	key := record.KeyOf("in use").Name(somePrefix)
	env.Node(0).Set(key, bytes.Repeat([]byte("v"), 200_000))
	slow, err := net.Dial("tcp", env.Node(0).Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer slow.Close()
	_ = slow.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := io.WriteString(slow, strings.Repeat("get "+key+"\r\n", 200)); err != nil {
		t.Fatal(err)
	}
	for began := 0; began == 0; began, _ = strconv.Atoi(env.Node(0).Stats()["get_hits"]) { // until it is at it
	}
	if l, err := n.Keys(t.Context(), somePrefix, KeyBounds{}); err != nil || l.Len() != 1 {
		t.Errorf("%v, %v", listed(t, l), err)
	}
}

// A memcached lists its keys, or says why not.
func TestKeysOfAMemcached(t *testing.T) {
	server := func(t *testing.T, args ...string) (*testenv.Env, *watched) {
		opts := []testenv.Option{testenv.Real()}
		if len(args) > 0 {
			opts = append(opts, testenv.Args(args...))
		}
		env := testenv.Start(t, 1, opts...)
		n := watch(Config{Addr: env.Node(0).Addr(), Timeout: 10 * time.Second})
		t.Cleanup(n.end)
		return env, n
	}
	env, n := server(t)
	want := fill(t, env, 10_000)
	l, err := n.Keys(t.Context(), somePrefix, KeyBounds{})
	if got := listed(t, l); err != nil || !slices.Equal(got, want) {
		t.Errorf("%d keys, want %d: %v", len(got), len(want), err)
	}
	if l, err := n.Keys(t.Context(), somePrefix, KeyBounds{Entries: 100}); l != nil || !errors.Is(err, ErrTooManyKeys) {
		t.Errorf("%v, %v", l, err)
	}
	if l, err := n.Keys(t.Context(), somePrefix, KeyBounds{}); err != nil || l.Len() != len(want) {
		t.Errorf("after a list that was broken off: %v, %v", l, err)
	}
	t.Run("by hash", func(t *testing.T) {
		s := n.Server
		r := &keyReader{bounds: KeyBounds{}.orDefault(), clock: s.clock, timeout: s.timeout, until: s.clock.Now() + time.Minute, buf: make([]byte, 1<<20), ctx: t.Context()}
		r.list, r.most = &KeyList{prefix: somePrefix}, 1<<20
		c, err := s.dialer.openLine(s.addr, s.dialer.limit())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		r.conn = c
		if err := r.read("hash"); err != nil || !slices.Equal(listed(t, r.list), want) {
			t.Errorf("%d keys, %v", r.list.Len(), err)
		}
	})
	_, n = server(t, "-X")
	if _, err := n.Keys(t.Context(), somePrefix, KeyBounds{}); !errors.Is(err, errKeysByOption) {
		t.Error(err)
	}
	env, n = server(t, "-o", "no_lru_crawler,no_lru_maintainer")
	fill(t, env, 1)
	if _, err := n.Keys(t.Context(), somePrefix, KeyBounds{}); !errors.Is(err, errKeysNoCrawler) {
		t.Error(err)
	}
}

// Names of sessions take 33 bytes each, and a position more while the list is made of several.
func TestManyKeysInFewBytes(t *testing.T) {
	const n = 100_000 // some fifty blocks
	l := &KeyList{prefix: somePrefix}
	seen := newKeySet(l)
	for range 2 {
		for i := range n {
			if !seen.add([]byte(record.KeyOf(fmt.Sprint(i)).Name(""))) {
				t.Fatal("full")
			}
		}
	}
	if each := float64(l.bytes()) / float64(n); l.Len() != n || each > 36 {
		t.Errorf("%d keys of %.1f bytes", l.Len(), each)
	}
	i := 0
	for key := range l.All() {
		if i == n-1 && key != record.KeyOf(fmt.Sprint(i)).Name(somePrefix) {
			t.Errorf("the last is %q", key)
		}
		i++
	}
	for range l.All() {
		break // may end early
	}
	if table := 4 * len(seen.table); table > 12*n {
		t.Errorf("%d bytes of positions", table)
	}
}

// A parser of lists takes any bytes, in any pieces, and takes what is cut for no whole list.
func FuzzKeyDump(f *testing.F) {
	const fields = " exp=-1 la=1 cas=1 fetch=no cls=1 size=60"
	name := record.KeyOf("x").Name("p.")
	for _, s := range []string{
		"END\r\n", "OK\r\nEND\r\n", "ERROR\r\n", "BUSY\r\n", "NOTSTARTED no items\r\n", "key=p.a" + fields + "\nEND\r\n", "key=p.a" + fields + " flags=0 \nkey=p.a" + fields + "\nEND\r\n",
		"key=" + name + fields + "\nkey=p.%41%2f" + fields + "\nEND\r\n", "key=p.a" + fields + "\n", "key=p." + strings.Repeat("k", 250) + fields + "\nEND\r\n", "key=%p.%" + fields + "\nEND\r\n",
		"key=p." + strings.Repeat("%41", 248) + fields + "\nEND\r\n", "key=" + name[:len(name)-1] + "_" + fields + "\nEND\r\n", "key=p.%0a" + fields + "\nEND\r\nEND\r\n", "\n", "key= exp=\nEND\n",
	} {
		f.Add([]byte(s), "p.", uint16(3), true)
		f.Add([]byte(s), "", uint16(1000), false)
	}
	f.Fuzz(func(t *testing.T, answer []byte, prefix string, piece uint16, twice bool) {
		const most = 10
		parse := func(piece int) (keys []string, rest int, done bool, err error) {
			p := keyParser{list: &KeyList{prefix: prefix}, most: most}
			if twice {
				p.seen = newKeySet(p.list)
			}
			p.begin()
			var buf []byte
			at := 0
			for at < len(answer) && !done && err == nil {
				next := min(len(answer), at+piece)
				var left []byte
				left, done, err = p.parse(append(buf, answer[at:next]...))
				buf, at = append([]byte(nil), left...), next
			}
			return listed(t, p.list), len(buf) + len(answer) - at, done, err
		}
		keys, rest, done, err := parse(len(answer) + 1)
		for _, key := range keys {
			if !strings.HasPrefix(key, prefix) || len(key) > maxKey || strings.ContainsAny(key[len(prefix):], " \r\n\t\x00\x7f") {
				t.Errorf("key %q", key)
			}
		}
		if len(keys) > most+1 || len(keys) > most && err == nil || twice && len(slices.Compact(slices.Clone(keys))) != len(keys) {
			t.Errorf("%d keys, %v", len(keys), err)
		}
		if before := string(answer[:len(answer)-rest]); err == nil && done && !strings.HasSuffix(strings.TrimSuffix(strings.TrimSuffix(before, "\n"), "\r"), "END") && !strings.Contains(before, "NOTSTARTED") {
			t.Errorf("done after %q", before)
		}
		if err != nil && done {
			t.Error("an error, and the end")
		}
		keys2, rest2, done2, err2 := parse(int(piece)%64 + 1)
		if done != done2 || (err == nil) != (err2 == nil) || err == nil && (rest != rest2 || !slices.Equal(keys, keys2)) {
			t.Errorf("in pieces: %q %d %v %v\nat once: %q %d %v %v", keys2, rest2, done2, err2, keys, rest, done, err)
		}
	})
}
