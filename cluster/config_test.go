package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// twoNodes are at ports where nobody listens: what runs at memcached's own port is no business of tests.
func twoNodes() []Node {
	return []Node{{ID: "n1", Addr: "127.0.0.1:1"}, {ID: "n2", Addr: "127.0.0.1:2"}}
}

func TestWrongConfigurationsSayWhatAndHow(t *testing.T) {
	for _, c := range []struct {
		why   string
		cfg   Config
		wants []string
	}{
		{"no nodes", Config{}, []string{"no nodes", "n1:host1:11211"}},
		{"only standby nodes", Config{Nodes: []Node{{ID: "n1", Addr: "127.0.0.1:1", Standby: true}}}, []string{"standby", "regular"}},
		{"neither id nor address", Config{Nodes: []Node{{}}}, []string{`""`, "letters"}},
		{"an id with a space", Config{Nodes: []Node{{ID: "n 1", Addr: "127.0.0.1:1"}}}, []string{`"n 1"`, "letters"}},
		{"an id with a line break", Config{Nodes: []Node{{ID: "n\n1", Addr: "127.0.0.1:1"}}}, []string{`"n\n1"`, "letters"}},
		{"an id of 251 bytes", Config{Nodes: []Node{{ID: strings.Repeat("n", 251), Addr: "127.0.0.1:1"}}}, []string{"250"}},
		{"a login in an address", Config{Nodes: []Node{{Addr: "me:" + planted + "@127.0.0.1:1"}}}, []string{"'@'", "Config.Password"}},
		{"a login in the address of a node with an id", Config{Nodes: []Node{{ID: "n1", Addr: "me:" + planted + "@127.0.0.1:1"}}}, []string{`"n1"`, "'@'", "Config.Password"}},
		{"an id twice", Config{Nodes: []Node{{ID: "n1", Addr: "127.0.0.1:1"}, {ID: "n1", Addr: "127.0.0.1:2"}}}, []string{`"n1"`, "twice", "own"}},
		{"an address twice", Config{Nodes: []Node{{ID: "n1", Addr: "127.0.0.1:1"}, {ID: "n2", Addr: "127.0.0.1:1"}}}, []string{`"n1"`, `"n2"`, "127.0.0.1:1", "same address"}},
		{"a zone with a space", Config{Nodes: []Node{{ID: "n1", Addr: "127.0.0.1:1", Zone: "a b"}}}, []string{`node id "n1" has a wrong zone`}},
		{"no port", Config{Nodes: []Node{{ID: "n1", Addr: "127.0.0.1"}}}, []string{`"n1"`, `"127.0.0.1"`, "host:port"}},
		{"no host", Config{Nodes: []Node{{ID: "n1", Addr: ":11211"}}}, []string{`"n1"`, `":11211"`, "host:port"}},
		{"port 0", Config{Nodes: []Node{{ID: "n1", Addr: "127.0.0.1:0"}}}, []string{`"n1"`, `"0"`, "1 to 65535"}},
		{"port 65536", Config{Nodes: []Node{{ID: "n1", Addr: "127.0.0.1:65536"}}}, []string{`"65536"`, "1 to 65535"}},
		{"a negative number of copies", Config{Nodes: twoNodes(), Replicas: -1}, []string{"Replicas is -1", "1 to 2"}},
		{"more copies than nodes", Config{Nodes: twoNodes(), Replicas: 3}, []string{"Replicas is 3", "2 nodes", "1 to 2"}},
		{"more wanted than there are copies", Config{Nodes: twoNodes(), MinCopies: 3}, []string{"MinCopies is 3", "1 to 2"}},
		{"more wanted than asked for", Config{Nodes: twoNodes(), Replicas: 1, MinCopies: 2}, []string{"MinCopies is 2", "1 to 1"}},
		{"MinCopies below 0", Config{Nodes: twoNodes(), MinCopies: -1}, []string{"MinCopies is -1"}},
		{"Timeout below 0", Config{Nodes: twoNodes(), Timeout: -time.Second}, []string{"Timeout is -1s", "150ms"}},
		{"Lifetime below 0", Config{Nodes: twoNodes(), Lifetime: -time.Second}, []string{"Lifetime is -1s", "24h"}},
		{"MaxConns below 0", Config{Nodes: twoNodes(), MaxConns: -1}, []string{"MaxConns is -1", "128"}},
		{"MaxRecordBytes below 0", Config{Nodes: twoNodes(), MaxRecordBytes: -1}, []string{"MaxRecordBytes is -1"}},
		{"a prefix with a space", Config{Nodes: twoNodes(), KeyPrefix: "a b"}, []string{`KeyPrefix "a b"`, "spaces"}},
		{"a prefix with a command", Config{Nodes: twoNodes(), KeyPrefix: "a\r\nflush_all"}, []string{"KeyPrefix", "control"}},
		{"a prefix of 101 bytes", Config{Nodes: twoNodes(), KeyPrefix: strings.Repeat("p", 101)}, []string{"100"}},
		{"a username alone", Config{Nodes: twoNodes(), Username: "me"}, []string{"Username", "Password", "both or none"}},
		{"a password alone", Config{Nodes: twoNodes(), Password: planted}, []string{"Username", "Password", "both or none"}},
		{"a password with a command", Config{Nodes: twoNodes(), Username: "me", Password: planted + "\r\nflush_all"}, []string{"Password", "line breaks"}},
		{"a username with a space", Config{Nodes: twoNodes(), Username: "me too", Password: planted}, []string{"Username", "spaces"}},
		{"a seal key of 5 bytes", Config{Nodes: twoNodes(), SealKeys: [][]byte{[]byte(planted[:5])}}, []string{"SealKeys", "key 1", "32"}},
		{"unsealed without keys", Config{Nodes: twoNodes(), AllowUnsealed: true}, []string{"AllowUnsealed", "SealKeys"}},
	} {
		cl, err := New(c.cfg)
		if err == nil {
			t.Errorf("%s: accepted", c.why)
			cl.Close()
			continue
		}
		for _, want := range c.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not name %q: %v", c.why, want, err)
			}
		}
		if strings.Contains(err.Error(), planted[:5]) {
			t.Errorf("%s: the error shows a secret: %v", c.why, err)
		}
		if !strings.HasPrefix(err.Error(), "cluster: ") || strings.Count(err.Error(), "cluster: ") != 1 {
			t.Errorf("%s: want one prefix: %v", c.why, err)
		}
	}
}

func TestUnknownHostIsRefusedAtTheStart(t *testing.T) {
	nodes := []Node{{ID: "n1", Addr: "127.0.0.1:1"}, {ID: "n2", Addr: "no-such-host.invalid:11211"}}
	_, err := net.DefaultResolver.LookupHost(context.Background(), "no-such-host.invalid")
	var dns *net.DNSError
	certain := errors.As(err, &dns) && dns.IsNotFound

	c, err := New(Config{Nodes: nodes})
	switch {
	case certain && err == nil:
		c.Close()
		t.Error("a misspelt host is accepted")
	case certain:
		for _, want := range []string{`"n2"`, `"no-such-host.invalid"`, "AllowUnresolved", "MEMCACHED_ALLOW_UNRESOLVED"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("the error does not name %s: %v", want, err)
			}
		}
	case err != nil:
		t.Errorf("a name server that does not answer proves nothing: %v", err)
	default:
		c.Close()
	}
	for why, cfg := range map[string]Config{
		"it may come to life later":   {Nodes: nodes, AllowUnresolved: true},
		"who dials knows the names":   {Nodes: nodes, DialContext: (&net.Dialer{}).DialContext},
		"addresses need no resolver":  {Nodes: []Node{{ID: "n1", Addr: "192.0.2.1:1"}, {ID: "n2", Addr: "[2001:db8::1]:1"}, {ID: "n3", Addr: "/run/x.sock"}}},
		"nodes need not be alive yet": {Nodes: twoNodes()},
	} {
		c, err := New(cfg)
		if err != nil {
			t.Errorf("%s: %v", why, err)
			continue
		}
		c.Close()
	}
}

func TestDefaults(t *testing.T) {
	cfg, err := Config{Nodes: twoNodes()}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(cfg.Replicas, cfg.MinCopies, cfg.Timeout, cfg.MaxConns, cfg.MaxRecordBytes, cfg.Lifetime, cfg.UnknownPerSecond)
	if want := "2 1 150ms 128 1047552 24h0m0s 2000"; got != want {
		t.Errorf("defaults are %s, want %s", got, want)
	}
	if cfg.Logger == nil || cfg.Now == nil || cfg.Rand == nil {
		t.Error("a default is nil")
	}
	cfg, err = Config{Nodes: twoNodes()[:1]}.withDefaults()
	if err != nil || cfg.Replicas != 1 {
		t.Errorf("with one node: %d copies, %v", cfg.Replicas, err)
	}
	cfg, err = Config{Nodes: twoNodes(), Replicas: 2, MinCopies: 2, Timeout: time.Second, MaxConns: 3, MaxRecordBytes: 4, Lifetime: time.Minute}.withDefaults()
	if err != nil || cfg.MinCopies != 2 || cfg.Timeout != time.Second || cfg.MaxConns != 3 || cfg.MaxRecordBytes != 4 || cfg.Lifetime != time.Minute {
		t.Errorf("what is set does not stay: %d %v %d %d %v", cfg.MinCopies, cfg.Timeout, cfg.MaxConns, cfg.MaxRecordBytes, cfg.Lifetime)
	}
}

func TestOneCopyIsWarnedAbout(t *testing.T) {
	story(t, 1, func(w *world) {
		w.cluster(Config{})
		if !strings.Contains(w.logs.String(), "one copy only") {
			w.Errorf("nothing is said of it: %q", w.logs)
		}
	})
}

func TestAnAddressIsTheIDOfANodeWithoutOne(t *testing.T) {
	nodes := []Node{{Addr: "127.0.0.1:1"}, {ID: "n2", Addr: "127.0.0.1:2"}}
	c, err := New(Config{Nodes: nodes})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if id := c.Nodes()[0].ID; id != "127.0.0.1:1" || nodes[0].ID != "" {
		t.Errorf("the id is %q, and the caller's became %q", id, nodes[0].ID)
	}
}

// A Cluster that New did not make says so, and nothing else happens.
func TestAClusterThatNewDidNotMake(t *testing.T) {
	ctx := context.Background()
	for _, c := range []*Cluster{nil, {}} {
		_, err := c.Load(ctx, "s")
		_, err2 := c.Where(ctx, "s")
		for _, err := range []error{err, err2, c.Save(ctx, NewRecord("s")), c.Delete(ctx, "s"), c.Ping(ctx)} {
			if !errors.Is(err, errNotMade) {
				t.Errorf("%v", err)
			}
		}
		if c.Nodes() != nil && len(c.Nodes()) > 0 || c.Stats() != (Stats{}) || c.Close() != nil {
			t.Error("it has nodes, has counted something, or does not close")
		}
	}
}
