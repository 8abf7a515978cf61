package memcached

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestLogin(t *testing.T) {
	const user, password = "app", "p4ssw0rd!"
	for _, c := range []struct {
		name   string
		answer func(nc net.Conn)
		want   error // nil: logged in
	}{
		{"accepted", func(nc net.Conn) { io.WriteString(nc, "STORED\r\n") }, nil},
		{"accepted in pieces", func(nc net.Conn) { io.WriteString(nc, "STO"); io.WriteString(nc, "RED\r"); io.WriteString(nc, "\n") }, nil},
		{"refused", func(nc net.Conn) { io.WriteString(nc, "CLIENT_ERROR authentication failure\r\n") }, errLogin},
		{"a node without an auth file", func(nc net.Conn) { io.WriteString(nc, "ERROR\r\n") }, errLogin},
		{"quotes the password", func(nc net.Conn) { io.WriteString(nc, "ERROR "+password+"\r\n") }, errLogin},
		{"an endless line", func(nc net.Conn) { io.WriteString(nc, strings.Repeat("S", 1000)) }, errLogin},
		{"hangs", func(nc net.Conn) { _, _ = io.Copy(io.Discard, nc) }, errTimeout},
		{"hangs in the middle", func(nc net.Conn) { io.WriteString(nc, "STORED"); _, _ = io.Copy(io.Discard, nc) }, errTimeout},
	} {
		t.Run(c.name, func(t *testing.T) {
			var mu sync.Mutex
			var got string
			hostile(t, Config{Username: user, Password: password}, func(nc net.Conn, r *bufio.Reader) {
				first, _ := r.ReadString('\n')
				second, _ := r.ReadString('\n')
				mu.Lock()
				got = first + second
				mu.Unlock()
				c.answer(nc)
				if _, err := r.ReadString('\n'); err == nil {
					io.WriteString(nc, "END\r\n")
				}
			}, func(t *testing.T, n *watched) {
				began := time.Now()
				_, err := n.getOne("k")
				if c.want == nil && err != nil || c.want != nil && !isErr(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took := time.Since(began); took > testTimeout {
					t.Errorf("took %v", took)
				}
				if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(n.shown(), password)) {
					t.Errorf("the error shows the password: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				if want := fmt.Sprintf("set auth 0 -1 %d\r\n%s %s\r\n", len(user)+1+len(password), user, password); got != want {
					t.Errorf("sent %q", got)
				}
			})
		})
	}
}

// A login succeeds on the one answer that means so, and ends within its time on all.
func FuzzLogin(f *testing.F) {
	for _, s := range []string{"STORED\r\n", "STORED", "STORED\n", "CLIENT_ERROR authentication failure\r\n", "ERROR\r\n", "", "\n", "STORED\r\nEND\r\n", strings.Repeat("S", 100)} {
		f.Add([]byte(s), uint8(0), uint8(0), true)
		f.Add([]byte(s), uint8(7), uint8(20), false)
	}
	f.Fuzz(func(t *testing.T, answer []byte, pieces, pause uint8, hangUp bool) {
		synctest.Test(t, func(t *testing.T) {
			var servers sync.WaitGroup
			d := &dialer{username: "app", password: secretOf(planted), timeout: testTimeout, clock: NewClock(testTimeout), dial: func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				servers.Go(func() { scripted(server, answer, pieces, pause, hangUp) })
				return client, nil
			}}
			began := time.Now()
			nc, err := d.open("tcp", "node:1", d.limit())
			if took := time.Since(began); took > testTimeout {
				t.Errorf("took %v", took)
			}
			if err == nil {
				if !bytes.HasPrefix(answer, []byte("STORED\r\n")) {
					t.Errorf("logged in by %q", answer)
				}
				nc.Close()
			} else if strings.Contains(err.Error(), planted) {
				t.Errorf("the error shows the password: %v", err)
			}
			servers.Wait()
		})
	})
}

// scripted is a server that answers whatever comes with the same bytes, in pieces and with pauses
// of so many milliseconds, and hangs up afterwards or not.
func scripted(nc net.Conn, answer []byte, pieces, pause uint8, hangUp bool) {
	defer nc.Close()
	buf := make([]byte, 4096)
	for {
		if _, err := nc.Read(buf); err != nil {
			return
		}
		size := max(1, len(answer)/(int(pieces%8)+1))
		for piece := range slices.Chunk(answer, size) {
			time.Sleep(time.Duration(pause) * time.Millisecond)
			if _, err := nc.Write(piece); err != nil {
				return
			}
		}
		if hangUp {
			return
		}
	}
}
