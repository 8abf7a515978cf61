package cluster

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
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
			}, func(t *testing.T, n *node) {
				began := time.Now()
				_, err := n.getOne("k")
				if c.want == nil && err != nil || c.want != nil && !isErr(err, c.want) {
					t.Errorf("%v, want %v", err, c.want)
				}
				if took := time.Since(began); took > DefaultTimeout {
					t.Errorf("took %v", took)
				}
				if err != nil && (strings.Contains(err.Error(), password) || strings.Contains(n.status().LastError, password)) {
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
