package cluster

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// This file has the servers that are no memcached, or none that can be used.

// program runs a server until the test ends, and returns its address once it accepts.
func program(t *testing.T, name string, args func(port string) []string) string {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skip("not installed: ", name)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	l.Close()
	cmd := exec.Command(name, args(port)...)
	cmd.Dir = t.TempDir()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 500 {
		if nc, err := net.Dial("tcp", addr); err == nil {
			nc.Close()
			return addr
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal(name, " does not accept connections")
	return ""
}

func memcachedWith(t *testing.T, more ...string) string {
	return program(t, "memcached", func(port string) []string {
		args := append([]string{"-l", "127.0.0.1", "-p", port, "-U", "0"}, more...)
		if os.Getuid() == 0 {
			args = append(args, "-u", "root")
		}
		return args
	})
}

// speaking runs a server of which each connection is the script's.
func speaking(t *testing.T, script func(nc net.Conn, r *bufio.Reader)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				script(nc, bufio.NewReader(nc))
			}()
		}
	}()
	return l.Addr().String()
}

// greeting is a server that speaks first, and then hangs.
func greeting(t *testing.T, text string) string {
	return speaking(t, func(nc net.Conn, r *bufio.Reader) {
		_, _ = io.WriteString(nc, text)
		_, _ = io.Copy(io.Discard, r)
	})
}

// skipValue reads the value that follows the words of a write.
func skipValue(r *bufio.Reader, words []string) {
	if len(words) > 4 {
		size, _ := strconv.Atoi(words[4])
		_, _ = r.Discard(size + len("\r\n"))
	}
}

// answering is a server with memcached's protocol, but for some verbs, to which it has
// another answer.
func answering(t *testing.T, answer string, verbs ...string) string {
	return speaking(t, func(nc net.Conn, r *bufio.Reader) {
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			words := strings.Fields(line)
			if len(words) == 0 {
				return
			}
			say := map[string]string{"version": "VERSION 1\r\n", "gets": "END\r\n", "delete": "NOT_FOUND\r\n"}[words[0]]
			if say == "" { // a write: its value follows
				say = "STORED\r\n"
				skipValue(r, words)
			}
			for _, v := range verbs {
				if v == words[0] || v == "all" {
					say = answer
				}
			}
			if _, err := io.WriteString(nc, say); err != nil {
				return
			}
		}
	})
}

// inTLSOnly closes the connection unless a handshake begins on it, which it reads whole and
// answers with an alert.
func inTLSOnly(nc net.Conn, r *bufio.Reader) error {
	head, err := r.Peek(5)
	if err != nil || head[0] != 0x16 {
		return err
	}
	_, _ = r.Discard(5 + int(binary.BigEndian.Uint16(head[3:])))
	_, err = io.WriteString(nc, "\x15\x03\x03\x00\x02\x02\x28")
	return err
}
