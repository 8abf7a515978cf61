package setup

import (
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/internal/discovery"
)

// Each of these was meant by somebody to be a list of nodes. What is wrong is said, and how
// it is written.
func TestOtherNotationsOfNodeLists(t *testing.T) {
	for _, c := range []struct {
		why   string
		in    string
		wants []string
	}{
		{"a weight, as ketama has it", "10.0.0.1:11211:33", []string{"weights are not supported", "id:host:port"}},
		{"a weight behind a name", "cache1:11211:600,cache2:11211:300", []string{`"cache1:11211:600"`, "weights are not supported"}},
		{"a weight of 1", "a:11211:1", []string{"weights are not supported"}},
		{"a weight with an id", "n1:a:11211:33", []string{"weights are not supported"}},
		{"a weight behind an IPv6 address", "[::1]:11211:33", []string{"weights are not supported"}},
		{"a weight behind a space", "a:11211 33", []string{`"33"`, "weights are not supported"}},
		{"a port alone", "11211", []string{`"11211"`, "a host goes before a port"}},
		{"an id and a host", "n1:localhost", []string{`"n1:localhost"`, "has no port", `write "n1:localhost:11211"`}},
		{"an id and an IPv4 address", "n1:10.0.0.1", []string{"has no port", `write "n1:10.0.0.1:11211"`}},
		{"an id and an IPv6 address", "n1:[::1]", []string{`"n1:[::1]"`, "host:port"}},
		{"the name of a port", "n1:a:memcache", []string{`"memcache"`, "not a number from 1 to 65535"}},
		{"a port with a zero before it", "n1:a:011211", []string{`"011211"`, `write "11211"`}},
		{"a port with a sign", "n1:a:+11211", []string{`"+11211"`, "1 to 65535"}},
		{"a port with a sign, without an id", "a:+11211", []string{`"+11211"`, "1 to 65535"}},
		{"a port with garbage", "n1:a:11211x", []string{`"11211x"`, "1 to 65535"}},
		{"a hexadecimal port", "n1:a:0x2bcb", []string{`"0x2bcb"`, "1 to 65535"}},
		{"a port in wide digits", "n1:a:\uff11\uff12", []string{"'\uff11'", "ASCII"}},
		{"a wide colon", "n1:a\uff1a11211", []string{"'\uff1a'", "ASCII"}},
		{"a wide comma", "n1:a:1\uff0cn2:b:2", []string{"'\uff0c'", "ASCII"}},
		{"a byte order mark", "\ufeffn1:a:1", []string{`'\ufeff'`, "ASCII"}},
		{"a NUL", "n1:a\x00:1", []string{`'\x00'`, "ASCII"}},
		{"a NUL in a path", "n1:/run/\x00x", []string{`"/run/\x00x"`, "control character"}},
		{"a percent-escape in a host", "n1:a%2eb:1", []string{`'%'`, "nothing is unescaped"}},
		{"a percent-escape in an id", "n%31:a:1", []string{`"n%31"`, "letters"}},
		{"a host that a resolver takes for 0.0.43.203", "n1:11211:a", []string{`"11211"`, "is a number"}},
		{"the same, with a port", "x:2130706433:11211x", []string{"2130706433", "is a number"}},
		{"an IPv4 address of two numbers", "n1:127.1:11211", []string{`"127.1"`, "four decimal numbers"}},
		{"an IPv4 address in hexadecimal", "n1:0x7f000001:11211", []string{`"0x7f000001"`, "is a number"}},
		{"an IPv4 address with zeros", "n1:010.0.0.1:11211", []string{`"010.0.0.1"`, "is a number"}},
		{"an IPv4 address with five numbers", "n1:10.0.0.1.2:11211", []string{`"10.0.0.1.2"`, "is a number"}},
		{"an IPv6 address without brackets", "2001:db8::1:11211", []string{"brackets"}},
		{"an IPv6 address without brackets and port", "2001:db8::1", []string{"brackets"}},
		{"an IPv6 address without brackets, with an id", "n1:2001:db8::1:11211", []string{"brackets"}},
		{"a name in brackets that is no IPv6 address", "n1:[a:b]:1", []string{"not an IPv6 address"}},
		{"brackets around the list", "[n1:a:1,n2:b:2]", []string{"square brackets", "remove them"}},
		{"JSON", `["n1:a:1","n2:b:2"]`, []string{"JSON", "id:host:port"}},
		{"JSON objects", `{"n1":"a:1"}`, []string{"JSON"}},
		{"a URL of another client", "memcached://a:11211", []string{"URL"}},
		{"an option of another client", "a:11211?timeout=1s", []string{"'='"}},
		{"quotation marks", `"n1:a:1"`, []string{"quotation marks"}},
		{"a variable that is not set, before", ",n2:b:2", []string{"entry 1 is empty", "variable"}},
		{"a variable that is not set, between", "n1:a:1, ,n3:c:3", []string{"entry 2 is empty"}},
	} {
		nodes, err := ParseNodes(c.in)
		if err == nil {
			t.Errorf("%s: %q is read as %v", c.why, c.in, nodes)
			continue
		}
		for _, want := range append(c.wants, "cluster: ", "want ") {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %q: the error does not say %s: %v", c.why, c.in, want, err)
			}
		}
	}
}

// The zone stands behind the id, whatever the address.
func TestZonesInNodeLists(t *testing.T) {
	for _, c := range []struct {
		in   string
		want discovery.Node
	}{
		{"n1@a:host:11211", discovery.Node{ID: "n1", Zone: "a", Addr: "host:11211"}},
		{"n1@eu-west_1.b:10.0.0.1:11211", discovery.Node{ID: "n1", Zone: "eu-west_1.b", Addr: "10.0.0.1:11211"}},
		{"n1@a:[::1]:11211", discovery.Node{ID: "n1", Zone: "a", Addr: "[::1]:11211"}},
		{"n1@a:/run/x.sock", discovery.Node{ID: "n1", Zone: "a", Addr: "/run/x.sock"}},
		{"n1@a:/run/x@y:z:1", discovery.Node{ID: "n1", Zone: "a", Addr: "/run/x@y:z:1"}},
		{"1@2:host:11211", discovery.Node{ID: "1", Zone: "2", Addr: "host:11211"}},
		{"n1:/run/x@y:z:1", discovery.Node{ID: "n1", Addr: "/run/x@y:z:1"}},
		{"/run/x@y:z:1", discovery.Node{ID: "/run/x@y:z:1", Addr: "/run/x@y:z:1"}},
	} {
		nodes, err := ParseNodes(c.in)
		if err != nil || !slices.Equal(nodes, []discovery.Node{c.want}) {
			t.Errorf("%q: %+v, %v", c.in, nodes, err)
		}
	}
	nodes, err := ParseNodes("n1@a:h1:11211,n2@b:h2:11211 n3@a:h3:11211,n4:h4:11211")
	var zones []string
	for _, n := range nodes {
		zones = append(zones, n.Zone)
	}
	if err != nil || !slices.Equal(zones, []string{"a", "b", "a", ""}) {
		t.Errorf("zones %q, %v", zones, err)
	}
}

func TestZonesThatAreRefused(t *testing.T) {
	const login = "a username and a password are set apart"
	for _, c := range []struct{ why, in, want string }{
		{"an empty zone", "n0:z:1,n1@:a:11211", "node 2 of the list has an empty zone"},
		{"an empty id", "@z:a:11211", "has an empty id"},
		{"two zones", "n1@z@y:a:11211", login},
		{"a zone behind the address", "n1:a:11211@z", login},
		{"a zone behind an address alone", "a:11211@z", login},
		{"a zone without an id, or a user", "z@a:11211", login},
		{"a zone, and no port", "n1@z:a", "id@zone:host:port"},
		{"a zone alone", "n1@z", login},
		{"a zone and a login", "n1@z:me:" + planted + "@a:11211", login},
		{"a weight", "n1@z:a:11211:3", "weights are not supported"},
		{"a weight behind a user", "me@a:11211:3", "weights are not supported"},
		{"a zone that is an address", "n1@[::1]:11211", login},
		{"a slash", "n1@z/y:a:11211", login},
		{"a percent sign", "n1@z%y:a:11211", "wrong zone"},
		{"a URL", "memcached://n1@z:a:11211", login},
		{"a wrong port", "n1@z:a:0", "is not a number from 1 to 65535"},
		{"a zone that is too long", "n1@" + strings.Repeat("z", 251) + ":a:11211", "wrong zone"},
		{"one id in two zones", "n1@z:a:1,n1@y:b:1", "listed twice"},
		{"one address in two zones", "n1@z:a:1,n2@y:a:1", "same address"},
	} {
		nodes, err := ParseNodes(c.in)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), planted) {
			t.Errorf("%s: %q: %+v, %v: want %q", c.why, c.in, nodes, err, c.want)
		}
	}
	for _, zone := range []string{"a b", "a:b", "@", "ä", strings.Repeat("z", 251)} {
		if err := CheckNodes([]discovery.Node{{ID: "n1", Addr: "127.0.0.1:1", Zone: zone}}); err == nil || !strings.Contains(err.Error(), `node id "n1" has a wrong zone`) {
			t.Errorf("zone %q in a list that was made: %v", zone, err)
		}
	}
}

// What looks odd and is right stays right.
func TestNodeListsThatLookOdd(t *testing.T) {
	for _, c := range []struct {
		in   string
		want discovery.Node
	}{
		{"1:a:11211", discovery.Node{ID: "1", Addr: "a:11211"}},
		{"33:10.0.0.1:11211", discovery.Node{ID: "33", Addr: "10.0.0.1:11211"}},
		{"n1:memcached-1:11211", discovery.Node{ID: "n1", Addr: "memcached-1:11211"}},
		{"n1:a_b.c-d.:11211", discovery.Node{ID: "n1", Addr: "a_b.c-d.:11211"}},
		{"n1:1a:11211", discovery.Node{ID: "n1", Addr: "1a:11211"}},
		{"n1:0xa.example:11211", discovery.Node{ID: "n1", Addr: "0xa.example:11211"}},
		{"n1:/run/memcached/instance/socketfile1", discovery.Node{ID: "n1", Addr: "/run/memcached/instance/socketfile1"}},
		{"n1:[::ffff:10.0.0.1]:11211", discovery.Node{ID: "n1", Addr: "[::ffff:10.0.0.1]:11211"}},
		{"n1:/run/ä", discovery.Node{ID: "n1", Addr: "/run/ä"}},
	} {
		nodes, err := ParseNodes(c.in)
		if err != nil || !slices.Equal(nodes, []discovery.Node{c.want}) {
			t.Errorf("%q: %v, %v", c.in, nodes, err)
		}
	}
}

func TestStandbyListsThatNameNothing(t *testing.T) {
	for _, c := range []struct{ ids, want string }{
		{" ", "names no node"}, {",", "names no node"}, {",n2", "entry 1 is empty"}, {"n1,,n2", "entry 2 is empty"},
	} {
		if _, err := FromEnv(env("MEMCACHED_FAILOVER_NODES", c.ids)); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "n1, n2") {
			t.Errorf("%q: %v, want %q", c.ids, err, c.want)
		}
	}
	if cfg, err := FromEnv(env("MEMCACHED_STANDBY_NODES", "n2,\n")); err != nil || !cfg.Nodes[1].Standby {
		t.Errorf("a comma at the end: %v", err)
	}
}
