package memcached

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheGuardFollowsAnAnswerHoweverItIsCut(t *testing.T) {
	const good = "VALUE k 0 5 1\r\nab\r\nc\r\nVALUE l 0 0 2\r\n\r\nEND\r\n"
	for _, c := range []struct {
		why    string
		answer string
		want   error
	}{
		{"two values, one with a line break", good, nil},
		{"a miss", "END\r\n", nil},
		{"an answer too many", good + "END\r\n", errOutOfStep},
		{"a value too many", "VALUE k 0 1 1\r\na\r\n" + "VALUE k 0 1 1\r\na\r\n" + "VALUE k 0 1 1\r\na\r\n", errOversized},
		{"a value too large", "VALUE k 0 1001 1\r\n", errOversized},
		{"a length that is no number", "VALUE k 0 many 1\r\n", errOversized},
		{"a line without end", strings.Repeat("x", maxAnswerLine+1), errOversized},
		{"a VALUE line without end", "VALUE " + strings.Repeat("x", maxAnswerLine), errOversized},
	} {
		for _, cut := range []int{1, 2, 3, 7, 4096} {
			guard := &guardedConn{reader: new(reader), maxValue: 1000, values: 2}
			var got error
			for b := []byte(c.answer); len(b) > 0 && got == nil; {
				n := min(cut, len(b))
				got, b = guard.inspect(b[:n]), b[n:]
			}
			if !isErr(got, c.want) {
				t.Errorf("%s, %d bytes at a time: %v, want %v", c.why, cut, got, c.want)
			}
			if cap(guard.line) > 2*maxAnswerLine {
				t.Errorf("%s: the guard keeps %d bytes of a line", c.why, cap(guard.line))
			}
		}
	}
}

// A large value is passed on once it is there, in whatever pieces it comes.
func TestLargeValuesComeThroughInAnyPieces(t *testing.T) {
	for _, piece := range []int{1 << 10, 4096, 50_000, 1 << 20} {
		values := [][]byte{bytes.Repeat([]byte("a\r\n"), mostAnnounced/2), []byte("small"), bytes.Repeat([]byte("b"), mostAnnounced), bytes.Repeat([]byte("c"), mostAnnounced+1)}
		hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
			for {
				asked, err := r.ReadString('\n')
				if err != nil {
					return
				}
				var answer []byte
				for i, key := range strings.Fields(asked)[1:] {
					answer = fmt.Appendf(answer, "VALUE %s 0 %d 1\r\n%s\r\n", key, len(values[i]), values[i])
				}
				for piece := range slices.Chunk(append(answer, "END\r\n"...), piece) {
					if _, err := nc.Write(piece); err != nil {
						return
					}
				}
			}
		}, func(t *testing.T, n *watched) {
			n.reader.sent = 0 // nothing is believed
			for range 2 {     // over one connection
				var batch []*Request
				for i := range values {
					batch = append(batch, &Request{Key: fmt.Sprint("k", i)})
				}
				if err := n.fetch(batch); err != nil {
					t.Fatalf("pieces of %d: %v", piece, err)
				}
				for i, w := range batch {
					if w.Copy == nil || !bytes.Equal(w.Copy.Value, values[i]) {
						t.Errorf("pieces of %d: another value of %d bytes", piece, len(values[i]))
					}
				}
			}
			if n.reconnects.Load() != 0 {
				t.Error("the connection was given up")
			}
		})
	}
}

// What a node announces and does not send costs nothing.
func TestAnnouncedLengthAloneAllocatesNothing(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		for {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			if _, err := io.WriteString(nc, "VALUE k 0 2000000 1\r\nx"); err != nil {
				return
			}
		}
	}, func(t *testing.T, n *watched) {
		before := allocated()
		if _, err := n.getOne("k"); err == nil {
			t.Error("it passes")
		}
		if cost := allocated() - before; cost > 1<<18 {
			t.Errorf("%d bytes allocated", cost)
		}
	})
}

// A server that sends large values is believed when it announces them: they are read once, and not
// held back and copied.
func TestLargeValuesOfAServerThatSendsThemAreNotCopied(t *testing.T) {
	value := bytes.Repeat([]byte("v"), 4*mostAnnounced)
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		answer := fmt.Appendf(nil, "VALUE k 0 %d 1\r\n%s\r\nEND\r\n", len(value), value)
		for {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			if _, err := nc.Write(answer); err != nil {
				return
			}
		}
	}, func(t *testing.T, n *watched) {
		for read := range 3 {
			before := allocated()
			if it, err := n.getOne("k"); err != nil || !bytes.Equal(it.Value, value) {
				t.Fatal(err)
			}
			if cost := allocated() - before; read > 0 && cost > int64(len(value)*3/2) {
				t.Errorf("read %d: %d bytes allocated for %d", read, cost, len(value))
			}
		}
	})
}

// What comes behind the answer to a write would be taken for the answer to the next.
func TestASecondAnswerToAWriteSpoilsTheConnection(t *testing.T) {
	for _, size := range []int{1, MaxShared + 1} {
		var mu sync.Mutex
		dialled := 0
		serve := script(func(string) string { return "STORED\r\nEXISTS\r\n" })
		hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
			mu.Lock()
			dialled++
			mu.Unlock()
			serve(nc, r)
		}, func(t *testing.T, n *watched) {
			for range 3 {
				if o, maybe, err := n.Write("k", make([]byte, size), nil, 60); o != Failed || !maybe || !isErr(err, errOutOfStep) {
					t.Errorf("%d bytes: outcome %v, maybe %v, %v", size, o, maybe, err)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			if dialled != 3 {
				t.Errorf("%d bytes: %d connections for 3 writes: a spoiled one was used again", size, dialled)
			}
		})
	}
}

// A write that was not answered in time may be answered later: nobody reads that.
func TestLateAnswerToAWriteIsNotReadAsAnother(t *testing.T) {
	for _, size := range []int{1, MaxShared + 1} {
		var writes atomic.Int32
		hostile(t, Config{}, script(func(string) string {
			if writes.Add(1) == 1 {
				time.Sleep(testTimeout * 3 / 2)
				return "EXISTS\r\n"
			}
			return "STORED\r\n"
		}), func(t *testing.T, n *watched) {
			if o, maybe, err := n.Write("k", make([]byte, size), nil, 60); o != Failed || !maybe || !isErr(err, errTimeout) {
				t.Errorf("%d bytes: outcome %v, maybe %v, %v", size, o, maybe, err)
			}
			time.Sleep(testTimeout)
			if o, _, err := n.Write("l", make([]byte, size), nil, 60); o != Stored {
				t.Errorf("%d bytes, the next write: outcome %v, %v", size, o, err)
			}
		})
	}
}

// A node that answers a shared get with another key is believed in nothing.
func TestASharedGetThatBringsAnotherKeyFailsAllInIt(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			time.Sleep(time.Millisecond)
			keys := strings.Fields(line)[1:]
			if len(keys) > 1 {
				keys[0] = "other"
			}
			for _, k := range keys {
				fmt.Fprintf(nc, "VALUE %s 0 11 1\r\n%s\r\n", k, planted)
			}
			_, _ = io.WriteString(nc, "END\r\n")
		}
	}, func(t *testing.T, n *watched) {
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				it, err := n.getOne(fmt.Sprint("k", i))
				if i == 0 && (err != nil || it == nil) {
					t.Errorf("the first went alone and was answered: %v", err)
				}
				if i > 0 && !isErr(err, errOutOfStep) {
					t.Errorf("k%d: %v, %v", i, it, err)
				}
			})
			synctest.Wait()
		}
		wg.Wait()
	})
}

// A node that has lost a question answers each with what belongs to the one before. What
// waits in its other connections may be as wrong: all are given up.
func TestAnswersOutOfStepCloseAllConnections(t *testing.T) {
	var asked atomic.Int32 // connections on which something was asked
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		if _, err := r.Peek(1); err != nil {
			return // the connection of writes
		}
		late := asked.Add(1) == 1
		before := "before"
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			key := strings.TrimSpace(strings.TrimPrefix(line, "gets "))
			answer := key
			if late {
				answer, before = before, key
			}
			if _, err := fmt.Fprintf(nc, "VALUE %s 0 %d 1\r\n%s\r\nEND\r\n", answer, len(answer), answer); err != nil {
				return
			}
		}
	}, func(t *testing.T, n *watched) {
		if it, err := n.getOne("a"); !isErr(err, errOutOfStep) {
			t.Errorf("the answer to another question: %v, %v", it, err)
		}
		if it, err := n.getOne("b"); err != nil || string(it.Value) != "b" {
			t.Errorf("the next question: %v, %v", it, err)
		}
	})
}
