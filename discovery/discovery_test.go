package discovery_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/discovery"
)

// The list of a file is what ParseNodes reads, with its errors.
func TestFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nodes")
	ask := discovery.File(path)
	for _, c := range []struct {
		why, text string
		want      []cluster.Node
		err       string
	}{
		{"one node a line, with comments", "# rack a\nn1@a:h1:1 # old\n# rack b\nn2@b:h2:1\n", []cluster.Node{{ID: "n1", Zone: "a", Addr: "h1:1"}, {ID: "n2", Zone: "b", Addr: "h2:1"}}, ""},
		{"the form of MEMCACHED_NODES", "n1:h1:1,n2:h2:1\n", []cluster.Node{{ID: "n1", Addr: "h1:1"}, {ID: "n2", Addr: "h2:1"}}, ""},
		{"one server under two names", "n1:h1:1\nn2:h1:1\n", nil, "same address"},
		{"an id twice", "n1:h1:1\nn1:h2:1\n", nil, "listed twice"},
		{"a wrong entry", "n1:h1:1\nn2:h2\n", nil, "no port"},
		{"half a file", "n1:h1:1\nn2:h2:1", nil, "half written"},
		{"an empty file", "", nil, "no node"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		nodes, err := ask(t.Context())
		if !slices.Equal(nodes, c.want) || (err == nil) != (c.err == "") || err != nil && (!strings.Contains(err.Error(), c.err) || !strings.Contains(err.Error(), path)) {
			t.Errorf("%s: %v, %v", c.why, nodes, err)
		}
	}
}

func TestElastiCache(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if question, _ := bufio.NewReader(c).ReadString('\n'); question == "config get cluster\r\n" {
				_, _ = io.WriteString(c, "CONFIG cluster 0 18\r\n3\nn1||11211 n2||1\n\r\nEND\r\n")
			}
			_ = c.Close()
		}
	}()
	want := []cluster.Node{{ID: "n1", Addr: "n1:11211"}, {ID: "n2", Addr: "n2:1"}}
	if nodes, err := discovery.ElastiCache(l.Addr().String())(t.Context()); err != nil || !slices.Equal(nodes, want) {
		t.Errorf("%v, %v", nodes, err)
	}
	// The endpoint speaks no TLS: both must notice, so both have tried.
	for _, conf := range []*tls.Config{nil, {}} {
		if nodes, err := discovery.ElastiCacheTLS(l.Addr().String(), conf)(t.Context()); err == nil || nodes != nil {
			t.Errorf("over TLS: %v, %v", nodes, err)
		}
	}
}

func TestSRVUsesTheDefaultResolver(t *testing.T) {
	former := net.DefaultResolver
	defer func() { net.DefaultResolver = former }()
	ctx, cancel := context.WithCancel(t.Context())
	ask := discovery.SRV("_memcached._tcp.example.com.")
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		cancel()
		return nil, io.ErrUnexpectedEOF
	}}
	if nodes, err := ask(ctx); err == nil || nodes != nil || ctx.Err() == nil {
		t.Errorf("%v, %v", nodes, err)
	}
}

func FuzzFile(f *testing.F) {
	f.Add("# a\nn1@a:h1:1 # b\n")
	f.Add("n1:h1:1,n2:/run/a#b\r\n")
	f.Add("n1:h1:1")
	path := filepath.Join(f.TempDir(), "nodes")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		nodes, err := discovery.File(path)(t.Context())
		switch {
		case err == nil && (len(nodes) == 0 || !strings.HasSuffix(text, "\n")):
			t.Fatalf("%q is read as %v", text, nodes)
		case err != nil && (nodes != nil || !strings.HasPrefix(err.Error(), "discovery: ")):
			t.Fatalf("%q: %v, %v", text, nodes, err)
		}
	})
}
