package discovery

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// answering returns a Dial to an endpoint that answers each question with say.
func answering(say func(question string, c net.Conn)) Dial {
	return func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			question, err := bufio.NewReader(server).ReadString('\n')
			if err == nil {
				say(question, server)
			}
		}()
		return client, nil
	}
}

// saying returns a Dial to an endpoint that says one text, and then nothing.
func saying(text *string) Dial {
	return answering(func(_ string, c net.Conn) { _, _ = io.WriteString(c, *text) })
}

// config is a whole answer.
func config(version int, nodes string) string {
	list := fmt.Sprintf("%d\n%s\n", version, nodes)
	return fmt.Sprintf("CONFIG cluster 0 %d\r\n%s\r\nEND\r\n", len(list), list)
}

const aws = "s.abc.cfg.use1.cache.amazonaws.com:11211"

func TestElastiCacheNamesNodesByTheirHosts(t *testing.T) {
	for _, c := range []struct {
		why, nodes string
		want       []Node
	}{
		{
			"the id is the host without the domain that all nodes have",
			"s.abc.0002.use1.cache.amazonaws.com|10.0.0.2|11211 s.abc.0001.use1.cache.amazonaws.com|10.0.0.1|11211",
			[]Node{{ID: "s.abc.0001.use1", Addr: "s.abc.0001.use1.cache.amazonaws.com:11211"}, {ID: "s.abc.0002.use1", Addr: "s.abc.0002.use1.cache.amazonaws.com:11211"}},
		},
		{
			"another order, without an ip, is the same list",
			"s.abc.0001.use1.cache.amazonaws.com||11211 s.abc.0002.use1.cache.amazonaws.com||11211",
			[]Node{{ID: "s.abc.0001.use1", Addr: "s.abc.0001.use1.cache.amazonaws.com:11211"}, {ID: "s.abc.0002.use1", Addr: "s.abc.0002.use1.cache.amazonaws.com:11211"}},
		},
		{
			"a new ip for a known name is the same node, which is dialled by its name",
			"s.abc.0001.use1.cache.amazonaws.com|10.9.9.9|11211",
			[]Node{{ID: "s.abc.0001.use1", Addr: "s.abc.0001.use1.cache.amazonaws.com:11211"}},
		},
		{"one server twice is one node", "a|10.0.0.1|1 a|10.0.0.1|1", []Node{{ID: "a", Addr: "a:1"}}},
		{"a host may be an address", "10.0.0.1|10.0.0.1|1 fd00::1||2", []Node{{ID: "10.0.0.1", Addr: "10.0.0.1:1"}, {ID: "fd00::1", Addr: "[fd00::1]:2"}}},
	} {
		text := config(1, c.nodes)
		nodes, err := ElastiCache(aws, nil, saying(&text))(t.Context())
		if err != nil || !slices.Equal(nodes, c.want) {
			t.Errorf("%s: %v, %v", c.why, nodes, err)
		}
	}
}

func TestElastiCacheAnswersThatAreErrors(t *testing.T) {
	whole := config(7, "a|10.0.0.1|1 b|10.0.0.2|1")
	for _, c := range []struct{ why, text, want string }{
		{"a plain memcached", "ERROR\r\n", `".cfg." in its name`},
		{"no list", "END\r\n", "no node"},
		{"a list of none", config(1, ""), "no node"},
		{"nothing", "", "cut off"},
		{"a half list", whole[:len(whole)-20], "cut off"},
		{"a list without its end", strings.TrimSuffix(whole, "END\r\n"), "cut off"},
		{"a list with something else behind it", strings.TrimSuffix(whole, "END\r\n") + "VALUE\r\n", `"VALUE"`},
		{"a failed server", "SERVER_ERROR out of memory\r\n", "SERVER_ERROR"},
		{"another protocol", "HTTP/1.1 400 Bad Request\r\n", "is no list of nodes"},
		{"another protocol's line ends", "-ERR unknown command\n", "carriage return"},
		{"a line without an end", strings.Repeat("x", 2*maxLine), "too long"},
		{"a list that is too long", "CONFIG cluster 0 9999999\r\n", "want 0 to"},
		{"a list of negative length", "CONFIG cluster 0 -1\r\n", "want 0 to"},
		{"a version that is none", "CONFIG cluster 0 8\r\nx\na||1\n\n\r\nEND\r\n", "version"},
		{"no host", config(1, "|10.0.0.1|1"), "host name"},
		{"a host that is none", config(1, "a/b||1"), "host name"},
		{"a wrong ip", config(1, "a|10.0.0|1"), "wrong ip"},
		{"no port", config(1, "a|10.0.0.1"), "is not host|ip|port"},
		{"the port 0", config(1, "a||0"), "wrong port"},
		{"two lines of nodes", config(1, "a||1\nb||1"), "one line"},
		{"one server under two names", config(1, "a|10.0.0.1|1 b|10.0.0.1|1"), "one server"},
		{"the same, written in two ways", config(1, "a|10.0.0.1|1 b|::ffff:10.0.0.1|1"), "one server"},
		{"one name for several servers", config(1, "a|10.0.0.1|1 a|10.0.0.1|2"), "one name"},
	} {
		nodes, err := ElastiCache(aws, nil, saying(&c.text))(t.Context())
		if err == nil || nodes != nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), aws) {
			t.Errorf("%s: %v, %v", c.why, nodes, err)
		}
	}
}

func TestElastiCacheVersionThatGoesBackIsAnError(t *testing.T) {
	var text string
	ask := ElastiCache(aws, nil, saying(&text))
	for _, c := range []struct {
		text string
		good bool
	}{
		{config(5, "a||1 b||1"), true},
		{config(5, "a||1 b||1"), true},
		{config(4, "a||1"), false},
		{config(9, "|wrong|"), false},
		{config(6, "a||1 b||1 c||1"), true}, // the wrong answer's version was not believed
		{config(5, "a||1 b||1"), false},
	} {
		text = c.text
		if nodes, err := ask(t.Context()); (err == nil) != c.good {
			t.Errorf("%q: %v, %v", c.text, nodes, err)
		}
	}
}

// An endpoint that says nothing, or a byte now and then, is given up with the context, and
// after a bounded time without one.
func TestElastiCacheQuestionEnds(t *testing.T) {
	whole := config(1, "a||1")
	for why, say := range map[string]func(string, net.Conn){
		"says nothing": func(_ string, c net.Conn) { _, _ = c.Read(make([]byte, 1)) },
		"a byte a second": func(_ string, c net.Conn) {
			for i := range whole {
				if _, err := c.Write([]byte(whole[i : i+1])); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			nodes, err := ElastiCache(aws, nil, answering(say))(t.Context())
			if nodes != nil || !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != askTime {
				t.Errorf("%s: %v, %v after %v", why, nodes, err, time.Since(began))
			}
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(3*time.Second, cancel)
			began = time.Now()
			nodes, err = ElastiCache(aws, nil, answering(say))(ctx)
			if nodes != nil || !errors.Is(err, context.Canceled) || time.Since(began) != 3*time.Second {
				t.Errorf("%s: %v, %v after %v of virtual time", why, nodes, err, time.Since(began))
			}
			time.Sleep(time.Minute) // the endpoint ends
		})
	}
}

func TestElastiCacheEndpoints(t *testing.T) {
	for endpoint, want := range map[string]string{
		"a.cfg.b": "a.cfg.b:11211", "a.cfg.b:1": "a.cfg.b:1", "fd00::1": "[fd00::1]:11211", "": "", ":11211": "",
	} {
		dialled := ""
		_, err := ElastiCache(endpoint, nil, func(_ context.Context, _, addr string) (net.Conn, error) {
			dialled = addr
			return nil, errors.New("refused")
		})(t.Context())
		if err == nil || dialled != want {
			t.Errorf("%q: dialled %q: %v", endpoint, dialled, err)
		}
	}
}

func TestElastiCacheOverTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate, of example.com
	defer web.Close()
	dial := func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			c := tls.Server(server, web.TLS)
			if question, _ := bufio.NewReader(c).ReadString('\n'); question == "config get cluster\r\n" {
				_, _ = io.WriteString(c, config(1, "a||1"))
			}
		}()
		return client, nil
	}
	roots := web.Client().Transport.(*http.Transport).TLSClientConfig
	if nodes, err := ElastiCache("example.com", roots, dial)(t.Context()); err != nil || len(nodes) != 1 {
		t.Errorf("the right name: %v, %v", nodes, err)
	}
	if nodes, err := ElastiCache("example.org", roots, dial)(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("the wrong name: %v, %v", nodes, err)
	}
	if roots.ServerName != "" {
		t.Error("the app's configuration was changed")
	}
}

func FuzzConfigReply(f *testing.F) {
	f.Add(config(1, "a||1"))
	f.Add(config(7, "a|10.0.0.1|1 b|::1|65535"))
	f.Add("ERROR\r\n")
	f.Add("CONFIG cluster 0 4\r\n1\n\n\n\r\nEND\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := readReply(bufio.NewReaderSize(strings.NewReader(text), maxLine))
		if err != nil {
			return
		}
		ids := map[string]bool{}
		for _, n := range r.nodes {
			host, port, err := net.SplitHostPort(n.Addr)
			if err != nil || host == "" || port == "" || n.ID == "" || len(n.ID) > maxHost || ids[n.ID] {
				t.Fatalf("%q: %v", text, r.nodes)
			}
			ids[n.ID] = true
		}
		if len(ids) == 0 {
			t.Fatalf("%q: no node and no error", text)
		}
	})
}
