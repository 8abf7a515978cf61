package setup

import (
	"bytes"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
	"github.com/holdfast-go/holdfast/internal/discovery"
)

// planted is a secret that no error may show.
const planted = "SECRETBYTES"

func TestParseNodes(t *testing.T) {
	for _, c := range []struct {
		in   string
		want []discovery.Node
	}{
		{"n1:host:11211", []discovery.Node{{ID: "n1", Addr: "host:11211"}}},
		{"host:11211", []discovery.Node{{ID: "host:11211", Addr: "host:11211"}}},
		{"n1:10.0.0.1:11211,n2:10.0.0.2:11212", []discovery.Node{{ID: "n1", Addr: "10.0.0.1:11211"}, {ID: "n2", Addr: "10.0.0.2:11212"}}},
		{"n1:a:1 n2:b:2", []discovery.Node{{ID: "n1", Addr: "a:1"}, {ID: "n2", Addr: "b:2"}}},
		{" n1:a:1,\n\tn2:b:2, ", []discovery.Node{{ID: "n1", Addr: "a:1"}, {ID: "n2", Addr: "b:2"}}},
		{"[::1]:11211", []discovery.Node{{ID: "[::1]:11211", Addr: "[::1]:11211"}}},
		{"n1:[2001:db8::1]:11211", []discovery.Node{{ID: "n1", Addr: "[2001:db8::1]:11211"}}},
		{"n1:[fe80::1%eth0]:11211", []discovery.Node{{ID: "n1", Addr: "[fe80::1%eth0]:11211"}}},
		{"/run/memcached.sock", []discovery.Node{{ID: "/run/memcached.sock", Addr: "/run/memcached.sock"}}},
		{"n1:/run/user@1/memcached.sock", []discovery.Node{{ID: "n1", Addr: "/run/user@1/memcached.sock"}}},
		{"n1:/run/memcached.sock,n2:b:2", []discovery.Node{{ID: "n1", Addr: "/run/memcached.sock"}, {ID: "n2", Addr: "b:2"}}},
	} {
		got, err := ParseNodes(c.in)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%q: %v, %v, want %v", c.in, got, err, c.want)
		}
	}
}

func TestWrongNodeLists(t *testing.T) {
	for _, c := range []struct {
		in    string
		wants []string
	}{
		{"", []string{"empty", "n1:10.0.0.1:11211"}},
		{" , ,", []string{"empty", "n1:10.0.0.1:11211"}},
		{"localhost", []string{`"localhost"`, "no port", "host:port"}},
		{"n1:a:1,localhost", []string{`"localhost"`, "no port"}},
		{"n1:localhost", []string{`"n1:localhost"`, `"localhost"`, "1 to 65535"}},
		{"n1:a:port", []string{`"port"`, "1 to 65535"}},
		{"n1:a:0", []string{`"0"`, "1 to 65535"}},
		{"n1:a:65536", []string{`"65536"`, "1 to 65535"}},
		{"n1:a:-1", []string{`"-1"`, "1 to 65535"}},
		{"n1:a:", []string{`"n1:a:"`, "1 to 65535"}},
		{"n1::11211", []string{`"n1::11211"`, "host:port"}},
		{":11211", []string{`":11211"`, "host:port"}},
		{":a:11211", []string{`":a:11211"`, "empty id"}},
		{":[::1]:11211", []string{"empty id"}},
		{"::1:11211", []string{`"::1:11211"`, "brackets", "[::1]:11211"}},
		{"n1:[::1]", []string{`"n1:[::1]"`, "port"}},
		{"n1:a:1,n1:b:2", []string{`"n1"`, "twice"}},
		{"n1:a:1,n2:a:1", []string{`"n1"`, `"n2"`, "same address"}},
		{"tcp://a:11211", []string{`"tcp://a:11211"`, "URL", "host:port"}},
		{"memcached://a", []string{"URL"}},
		{"a:11211/0", []string{`"a:11211/0"`, "path"}},
		{"n!:a:1", []string{`"n!"`, "letters"}},
		{"n1[::1]:11211", []string{`"n1[::1]:11211"`, "no colon"}},
		{"n1::/tmp/x", []string{`"n1::/tmp/x"`, "two colons"}},
		{"n1:a:+1", []string{`"+1"`, "1 to 65535"}},
		{"memcached://me:" + planted + "@a:1", []string{"'@'", "MEMCACHED_PASSWORD"}},
		{"me:" + planted + "@a:1", []string{"'@'", "MEMCACHED_PASSWORD"}},
		{"n1:a:1,me:" + planted + "@a:1", []string{"'@'", "MEMCACHED_PASSWORD"}},
		{"me:" + planted + "/x@a:1", []string{"'@'", "MEMCACHED_PASSWORD"}},
		{"me:" + planted + ",x@a:1", []string{"'@'", "MEMCACHED_PASSWORD"}},
	} {
		got, err := ParseNodes(c.in)
		if err == nil {
			t.Errorf("%q is read as %v", c.in, got)
			continue
		}
		if strings.Contains(err.Error(), planted) {
			t.Errorf("%q: the error shows the password: %v", c.in, err)
		}
		for _, want := range c.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: the error does not name %s: %v", c.in, want, err)
			}
		}
	}
}

// env returns a getenv over pairs, with two good nodes, at which nobody listens, where none are given.
func env(pairs ...string) func(string) string {
	m := map[string]string{"MEMCACHED_NODES": "n1:127.0.0.1:1,n2:127.0.0.1:2"}
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return m[name] }
}

func TestWrongEnvironments(t *testing.T) {
	dir := t.TempDir()
	junk := filepath.Join(dir, "junk.pem")
	if err := os.WriteFile(junk, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why   string
		pairs []string
		wants []string
	}{
		{"no nodes", []string{"MEMCACHED_NODES", ""}, []string{"MEMCACHED_NODES is not set", "n1:10.0.0.1:11211"}},
		{"blank nodes", []string{"MEMCACHED_NODES", "  "}, []string{"MEMCACHED_NODES is not set"}},
		{"only commas", []string{"MEMCACHED_NODES", ",,"}, []string{`MEMCACHED_NODES=",,"`, "empty", "host:port"}},
		{"no port", []string{"MEMCACHED_NODES", "localhost"}, []string{`MEMCACHED_NODES="localhost"`, "no port", "host:port"}},
		{"bad port", []string{"MEMCACHED_NODES", "n1:a:b"}, []string{`MEMCACHED_NODES="n1:a:b"`, `"b"`, "1 to 65535"}},
		{"a login in an address", []string{"MEMCACHED_NODES", "n1:a:1,me:" + planted + "@a:1"}, []string{"MEMCACHED_NODES", "'@'", "MEMCACHED_PASSWORD"}},
		{"double id", []string{"MEMCACHED_NODES", "n1:a:1,n1:b:1"}, []string{`MEMCACHED_NODES="n1:a:1,n1:b:1"`, `"n1"`, "twice", "own"}},
		{"unknown standby id", []string{"MEMCACHED_FAILOVER_NODES", "n3"}, []string{`MEMCACHED_FAILOVER_NODES="n3"`, `"n3"`, "MEMCACHED_NODES", "n1, n2"}},
		{"every node a standby", []string{"MEMCACHED_STANDBY_NODES", "n1,n2"}, []string{`MEMCACHED_STANDBY_NODES="n1,n2"`, "regular"}},
		{"standby nodes twice", []string{"MEMCACHED_STANDBY_NODES", "n1", "MEMCACHED_FAILOVER_NODES", "n1"}, []string{"MEMCACHED_STANDBY_NODES", "MEMCACHED_FAILOVER_NODES", "remove"}},
		{"replicas in words", []string{"MEMCACHED_REPLICAS", "two"}, []string{`MEMCACHED_REPLICAS="two"`, "whole number"}},
		{"replicas 0", []string{"MEMCACHED_REPLICAS", "0"}, []string{`MEMCACHED_REPLICAS="0"`, "from 1"}},
		{"min copies in halves", []string{"MEMCACHED_MIN_COPIES", "1.5"}, []string{`MEMCACHED_MIN_COPIES="1.5"`, "whole number"}},
		{"timeout without a unit", []string{"MEMCACHED_TIMEOUT", "150"}, []string{`MEMCACHED_TIMEOUT="150"`, "150ms"}},
		{"discover every in words", []string{"MEMCACHED_DISCOVER_EVERY", "often"}, []string{`MEMCACHED_DISCOVER_EVERY="often"`, "30s"}},
		{"a transition without a unit", []string{"MEMCACHED_TRANSITION_FOR", "120"}, []string{`MEMCACHED_TRANSITION_FOR="120"`, "2m"}},
		{"a list without a source", []string{"MEMCACHED_NODES", ""}, []string{"MEMCACHED_DISCOVERY", "srv:", "file:/path"}},
		{"a source that is none", []string{"MEMCACHED_DISCOVERY", "dns:x"}, []string{`MEMCACHED_DISCOVERY="dns:x"`, "srv:", "elasticache:"}},
		{"standby nodes of a list that is found", []string{"MEMCACHED_NODES", "", "MEMCACHED_DISCOVERY", "file:/x", "MEMCACHED_STANDBY_NODES", "n1"}, []string{"MEMCACHED_STANDBY_NODES", "has no standby nodes"}},
		{"timeout 0", []string{"MEMCACHED_TIMEOUT", "0s"}, []string{`MEMCACHED_TIMEOUT="0s"`, "positive"}},
		{"prefix with a space", []string{"MEMCACHED_KEY_PREFIX", "a b"}, []string{`MEMCACHED_KEY_PREFIX="a b"`, "spaces"}},
		{"username alone", []string{"MEMCACHED_USERNAME", "me"}, []string{"MEMCACHED_USERNAME", "MEMCACHED_PASSWORD", "both or none"}},
		{"password alone", []string{"MEMCACHED_PASSWORD", planted}, []string{"MEMCACHED_USERNAME", "MEMCACHED_PASSWORD", "both or none"}},
		{"password with a space", []string{"MEMCACHED_USERNAME", "me", "MEMCACHED_PASSWORD", planted + " "}, []string{"MEMCACHED_PASSWORD", "spaces"}},
		{"TLS maybe", []string{"MEMCACHED_TLS", "maybe"}, []string{`MEMCACHED_TLS="maybe"`, "true or false"}},
		{"TLS settings without TLS", []string{"MEMCACHED_TLS_SERVER_NAME", "x"}, []string{`MEMCACHED_TLS_SERVER_NAME="x"`, `MEMCACHED_TLS=""`, "MEMCACHED_TLS=true"}},
		{"TLS settings with TLS=false", []string{"MEMCACHED_TLS", "false", "MEMCACHED_TLS_CA", junk}, []string{"MEMCACHED_TLS_CA=", "junk.pem", `MEMCACHED_TLS="false"`, "MEMCACHED_TLS=true"}},
		{"a key in the place of its path without TLS", []string{"MEMCACHED_TLS_KEY", "-----BEGIN " + planted}, []string{"MEMCACHED_TLS_KEY", "MEMCACHED_TLS=true"}},
		{"no such CA file", []string{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", dir + "/none.pem"}, []string{"MEMCACHED_TLS_CA=", "none.pem", "readable PEM"}},
		{"CA file without a certificate", []string{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CA", junk}, []string{"MEMCACHED_TLS_CA=", "junk.pem", "at least one certificate"}},
		{"certificate without a key", []string{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CERT", junk}, []string{"MEMCACHED_TLS_CERT=", "junk.pem", `MEMCACHED_TLS_KEY=""`, "both or none"}},
		{"certificate that is none", []string{"MEMCACHED_TLS", "true", "MEMCACHED_TLS_CERT", junk, "MEMCACHED_TLS_KEY", junk}, []string{"MEMCACHED_TLS_CERT=", "junk.pem", "belong together"}},
		{"unresolved perhaps", []string{"MEMCACHED_ALLOW_UNRESOLVED", "perhaps"}, []string{`MEMCACHED_ALLOW_UNRESOLVED="perhaps"`, "true or false"}},
		{"a seal key that is no base64", []string{"MEMCACHED_SEAL_KEYS", planted + "!"}, []string{"MEMCACHED_SEAL_KEYS", "key 1", "openssl rand -base64 32"}},
		{"a short seal key", []string{"MEMCACHED_SEAL_KEYS", goodKey(1) + "," + base64.StdEncoding.EncodeToString([]byte(planted))}, []string{"MEMCACHED_SEAL_KEYS", "key 2", "32 bytes"}},
		{"unsealed perhaps", []string{"MEMCACHED_SEAL_KEYS", goodKey(1), "MEMCACHED_ALLOW_UNSEALED", "perhaps"}, []string{`MEMCACHED_ALLOW_UNSEALED="perhaps"`, "true or false"}},
	} {
		cfg, err := FromEnv(env(c.pairs...))
		if err == nil {
			t.Errorf("%s: accepted as %v", c.why, cfg)
			continue
		}
		for _, want := range c.wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the error does not name %s: %v", c.why, want, err)
			}
		}
		if strings.Contains(err.Error(), planted) || strings.Contains(err.Error(), base64.StdEncoding.EncodeToString([]byte(planted))) {
			t.Errorf("%s: the error shows a secret: %v", c.why, err)
		}
		if strings.Count(err.Error(), "cluster: ") != 1 {
			t.Errorf("%s: want one prefix: %v", c.why, err)
		}
	}
}

func sealKeyOf(b byte) []byte { return bytes.Repeat([]byte{b}, record.SealKeySize) }

func goodKey(b byte) string { return base64.StdEncoding.EncodeToString(sealKeyOf(b)) }

func TestAllMistakesAreToldAtOnce(t *testing.T) {
	_, err := FromEnv(env("MEMCACHED_NODES", "", "MEMCACHED_TIMEOUT", "soon", "MEMCACHED_REPLICAS", "many"))
	for _, want := range []string{"MEMCACHED_NODES", "MEMCACHED_TIMEOUT", "MEMCACHED_REPLICAS"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not in %v", want, err)
		}
	}
}

func FuzzParseNodes(f *testing.F) {
	for _, s := range []string{"n1:a:1,n2:b:2", "[::1]:11211", "n1:/run/x.sock", "::", ":/", "[", "a:b:c:d", "n1:[::1%25x]:1", "n1@a:h:1", "n1@a:/x@y"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		nodes, err := ParseNodes(s)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "cluster: ") {
				t.Fatal(err)
			}
			return
		}
		if err := CheckNodes(nodes); err != nil {
			t.Fatalf("%q is read as %v, and then refused: %v", s, nodes, err)
		}
	})
}
