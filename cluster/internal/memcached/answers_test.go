package memcached

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestHostileAnswersToAGet(t *testing.T) {
	line := func(r *bufio.Reader) string { s, _ := r.ReadString('\n'); return strings.TrimSpace(s) }
	key := "k"
	for _, c := range []struct {
		name   string
		script func(nc net.Conn, r *bufio.Reader)
	}{
		{"says nothing", func(nc net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }},
		{"an endless line", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			for {
				if _, err := io.WriteString(nc, strings.Repeat(planted, 100)); err != nil {
					return
				}
			}
		}},
		{"an endless VALUE line", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			_, err := io.WriteString(nc, "VALUE ")
			for err == nil {
				_, err = io.WriteString(nc, planted)
			}
		}},
		{"one key without end", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			var err error
			for err == nil {
				time.Sleep(10 * time.Millisecond)
				_, err = fmt.Fprintf(nc, "VALUE %s 0 11 1\r\n%s\r\n", key, planted)
			}
		}},
		{"a huge length", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "VALUE %s 0 4000000000 1\r\n%s", key, planted)
			_, _ = io.Copy(io.Discard, r)
		}},
		{"a length above every integer", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "VALUE %s 0 99999999999999999999999999 1\r\n%s", key, planted)
			_, _ = io.Copy(io.Discard, r)
		}},
		{"a negative length", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "VALUE %s 0 -1 1\r\n%s\r\nEND\r\n", key, planted)
			_, _ = io.Copy(io.Discard, r)
		}},
		{"one byte per second", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			for _, b := range []byte(fmt.Sprintf("VALUE %s 0 11 1\r\n%s\r\nEND\r\n", key, planted)) {
				time.Sleep(time.Second)
				if _, err := nc.Write([]byte{b}); err != nil {
					return
				}
			}
		}},
		{"a byte just before each timeout", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			for _, b := range []byte(fmt.Sprintf("VALUE %s 0 11 1\r\n%s\r\nEND\r\n", key, planted)) {
				time.Sleep(testTimeout - time.Millisecond)
				if _, err := nc.Write([]byte{b}); err != nil {
					return
				}
			}
		}},
		{"closes in the middle of the value", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "VALUE %s 0 100 1\r\n%s", key, planted)
		}},
		{"closes late in the middle of the value", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			time.Sleep(testTimeout * 9 / 10)
			fmt.Fprintf(nc, "VALUE %s 0 100 1\r\n%s", key, planted)
		}},
		{"closes at once", func(net.Conn, *bufio.Reader) {}},
		{"another key", func(nc net.Conn, r *bufio.Reader) {
			for line(r) != "" {
				fmt.Fprintf(nc, "VALUE other 0 11 1\r\n%s\r\nEND\r\n", planted)
			}
		}},
		{"another key beside the right one", func(nc net.Conn, r *bufio.Reader) {
			for line(r) != "" {
				fmt.Fprintf(nc, "VALUE %s 0 1 1\r\nx\r\nVALUE other 0 11 1\r\n%s\r\nEND\r\n", key, planted)
			}
		}},
		{"garbage", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "\x00\xff%s\r\n\r\n%s\r\n", planted, planted)
			_, _ = io.Copy(io.Discard, r)
		}},
		{"an HTTP server", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "HTTP/1.1 400 Bad Request\r\nX: %s\r\n\r\n", planted)
		}},
		{"a VALUE line with too few words", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "VALUE %s\r\n", planted)
			_, _ = io.Copy(io.Discard, r)
		}},
		{"no line end behind the value", func(nc net.Conn, r *bufio.Reader) {
			line(r)
			fmt.Fprintf(nc, "VALUE %s 0 2 1\r\n%s\r\nEND\r\n", key, planted)
			_, _ = io.Copy(io.Discard, r)
		}},
		{"a server error that quotes the value", func(nc net.Conn, r *bufio.Reader) {
			for line(r) != "" {
				fmt.Fprintf(nc, "SERVER_ERROR %s\r\n", planted)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			hostile(t, Config{}, c.script, func(t *testing.T, n *watched) {
				for range 3 {
					var before, after runtime.MemStats
					runtime.ReadMemStats(&before)
					began := time.Now()
					it, err := n.getOne(key)
					took := time.Since(began)
					runtime.ReadMemStats(&after)
					if err == nil {
						t.Errorf("passes for %q", it.Value)
						continue
					}
					if took > testTimeout*5/4 {
						t.Errorf("error after %v, the timeout is %v: %v", took, testTimeout, err)
					}
					if strings.Contains(err.Error(), planted[:6]) || strings.Contains(n.shown(), planted[:6]) {
						t.Errorf("the error quotes the answer: %v, %v", err, n.shown())
					}
					if got := after.TotalAlloc - before.TotalAlloc; got > 16<<20 {
						t.Errorf("%d bytes allocated", got)
					}
				}
			})
		})
	}
}

func TestHostileAnswersToAWrite(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer string
		want   Outcome
		maybe  bool
	}{
		{"stored", "STORED\r\n", Stored, true},
		{"somebody was faster", "EXISTS\r\n", Conflict, false},
		{"gone", "NOT_FOUND\r\n", Conflict, false},
		{"too large", "SERVER_ERROR object too large for cache\r\n", Failed, false},
		{"no memory", "SERVER_ERROR out of memory storing object\r\n", Failed, false},
		{"garbage", planted + "\r\n", Failed, true},
		{"a value", "VALUE k 0 11 1\r\n" + planted + "\r\nEND\r\n", Failed, true},
		{"nothing", "", Failed, true},
		{"half a line", "STOR", Failed, true},
		{"an endless line", strings.Repeat(planted, 1000), Failed, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
				for {
					if _, err := r.ReadString('\n'); err != nil {
						return
					}
					if _, err := r.ReadString('\n'); err != nil {
						return
					}
					if _, err := io.WriteString(nc, c.answer); err != nil {
						return
					}
				}
			}, func(t *testing.T, n *watched) {
				began := time.Now()
				o, maybe, err := n.Write("k", []byte("v"), &Copy{cas: 1, opened: anyConnection}, 60)
				if o != c.want || maybe != c.maybe {
					t.Errorf("outcome %v, maybe %v, %v; want %v, %v", o, maybe, err, c.want, c.maybe)
				}
				if err != nil && strings.Contains(err.Error(), planted) {
					t.Errorf("the error quotes the answer: %v", err)
				}
				if took := time.Since(began); took > testTimeout {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// A server that answers twice must not have the second answer taken for that to the
// next question.
func TestAnAnswerTooManyIsNotThatOfTheNextQuestion(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			_, key, _ := strings.Cut(strings.TrimSpace(line), " ")
			answer := fmt.Sprintf("VALUE %s 0 %d 1\r\n%s\r\nEND\r\n", key, len(key), key)
			_, _ = io.WriteString(nc, answer+answer)
		}
	}, func(t *testing.T, n *watched) {
		for i := range 20 {
			key := fmt.Sprint("k", i)
			if it, err := n.getOne(key); err == nil && (it == nil || string(it.Value) != key) {
				t.Fatalf("%s: %v", key, it)
			}
		}
	})
}

// A miss that is said twice must not make the next session one.
func TestAMissTooManyIsNotThatOfTheNextQuestion(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			answer := "END\r\nEND\r\n"
			if key := strings.TrimSpace(strings.TrimPrefix(line, "gets ")); key != "gone" {
				answer = fmt.Sprintf("VALUE %s 0 1 1\r\nx\r\nEND\r\n", key)
			}
			_, _ = io.WriteString(nc, answer)
		}
	}, func(t *testing.T, n *watched) {
		for range 3 {
			_, _ = n.getOne("gone")
			if it, err := n.getOne("there"); err != nil || it == nil {
				t.Fatalf("%v, %v", it, err)
			}
		}
	})
}

// Where several are asked for, an answer about another one is no miss of these.
func TestAnotherKeyInABatchIsNoMiss(t *testing.T) {
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		for {
			if _, err := r.ReadString('\n'); err != nil {
				return
			}
			fmt.Fprintf(nc, "VALUE other 0 11 1\r\n%s\r\nEND\r\n", planted)
		}
	}, func(t *testing.T, n *watched) {
		batch := []*Request{{Key: "a"}, {Key: "b"}}
		if err := n.fetch(batch); !isErr(err, errOutOfStep) {
			t.Errorf("%v, %v, %v", err, batch[0].Copy, batch[1].Copy)
		}
	})
}
