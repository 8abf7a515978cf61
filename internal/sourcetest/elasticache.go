package sourcetest

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
)

// This file is the configuration endpoint of an ElastiCache cluster.

// Endpoint answers each question with a text.
type Endpoint struct {
	Addr string

	mu    sync.Mutex // guards below
	texts []string   // the last one stays
	asked int
}

// NewEndpoint starts an endpoint that ends with the test.
func NewEndpoint(t testing.TB) *Endpoint {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	e := &Endpoint{Addr: l.Addr().String()}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go e.serve(c)
		}
	}()
	return e
}

func (e *Endpoint) serve(c net.Conn) {
	defer c.Close()
	if question, _ := bufio.NewReader(c).ReadString('\n'); question == "config get cluster\r\n" {
		_, _ = io.WriteString(c, e.next())
	}
}

// Says has the endpoint give these answers, each once, and the last one from then on.
func (e *Endpoint) Says(texts ...string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.texts = texts
}

// Asked is how many questions there were.
func (e *Endpoint) Asked() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.asked
}

func (e *Endpoint) next() (text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked++
	if len(e.texts) == 0 {
		return ""
	}
	text = e.texts[0]
	if len(e.texts) > 1 {
		e.texts = e.texts[1:]
	}
	return text
}

// Config is a whole answer: a version of the list, and its nodes as host|ip|port.
func Config(version int, nodes string) string {
	list := fmt.Sprintf("%d\n%s\n", version, nodes)
	return fmt.Sprintf("CONFIG cluster 0 %d\r\n%s\r\nEND\r\n", len(list), list)
}
