package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/sourcetest"
	"github.com/holdfast-go/holdfast/testenv"
)

// nameServerVariable makes this test binary, as the command, ask that name server alone.
const nameServerVariable = "HOLDFAST_TEST_NAME_SERVER"

func askTestNameServer() {
	if addr := os.Getenv(nameServerVariable); addr != "" {
		net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, addr)
		}}
	}
}

// program runs the command as a process, with nothing but these variables.
func (s *stage) program(want int, env []string, args ...string) (text string) {
	s.Helper()
	cmd := exec.CommandContext(s.Context(), os.Args[0], args...)
	cmd.Env = append([]string{asCommand + "=1", "MEMCACHED_KEY_PREFIX=app.", "MEMCACHED_TIMEOUT=400ms"}, env...)
	out, err := cmd.CombinedOutput()
	_, _ = s.Write(out)
	if code := cmd.ProcessState.ExitCode(); code != want {
		s.Errorf("holdfast %q with %q: exit code %d, want %d: %v\n%s", args, env, code, want, err, out)
	}
	return string(out)
}

// The list of nodes comes from each of the sources that the app can have.
func TestTheListComesFromASource(t *testing.T) {
	s := begin(t, 3, testenv.Embedded())
	s.sessions(10)
	s.run(exitDone, "wait")
	dns, endpoint := sourcetest.NewDNS(t), sourcetest.NewEndpoint(t)
	var records []net.SRV
	var hosts, lines []string
	for _, n := range s.nodes.All() {
		host, port := n.ID()+".mc.test", netip.MustParseAddrPort(n.Addr()).Port()
		dns.Leads(host, netip.MustParseAddr("127.0.0.1"))
		records = append(records, net.SRV{Target: host + ".", Port: port})
		hosts = append(hosts, fmt.Sprintf("%s.cache.amazonaws.com|127.0.0.1|%d", n.ID(), port))
		dns.Leads(n.ID()+".cache.amazonaws.com", netip.MustParseAddr("127.0.0.1"))
		lines = append(lines, n.ID()+":"+n.Addr())
	}
	dns.Says(sourcetest.Answer{Records: records})
	endpoint.Says(sourcetest.Config(1, strings.Join(hosts, " ")))
	path := filepath.Join(t.TempDir(), "nodes")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(strings.Join(lines, "\n") + "\n")
	server := nameServerVariable + "=" + dns.Addr
	from := func(source string) []string { return []string{"MEMCACHED_DISCOVERY=" + source, server} }
	file, srv, aws := from("file:"+path), from("srv:_memcached._tcp.mc.test."), from("elasticache:"+endpoint.Addr)
	for _, env := range [][]string{file, srv, aws} {
		s.has(s.program(exitDone, env, "status"), "n1", "n2", "n3", "whole")
		s.has(s.program(exitDone, env, "sessions", "--count"), "10\n")
		s.has(s.program(exitDone, env, "where", plantedID+"1"), "live")
		s.has(s.program(exitDone, env, "wait"), "n1, n2 and n3 are whole")
		s.has(s.program(exitError, env, "drain", "n9"), `no node "n9"`, "The nodes of the list are n1, n2, n3")
	}

	// What is wrong with a source is said, and what to do.
	wayOut := []string{"MEMCACHED_DISCOVERY", "go on with the list that they have", "MEMCACHED_NODES"}
	says := func(env []string, words ...string) {
		t.Helper()
		s.has(s.program(exitError, env, "status"), append(words, wayOut...)...)
	}
	write("n1:127.0.0.1:1")
	says(file, path, "half written")
	write("n1:127.0.0.1:1\nn2:127.0.0.1:1\n")
	says(file, path, "same address")
	says(from("file:/nowhere/nodes"), "/nowhere/nodes", "no such file")
	dns.Says(sourcetest.Answer{Code: sourcetest.NoSuchName})
	says(srv, "_memcached._tcp.mc.test.", "does not exist or has no SRV record")
	dns.Says(sourcetest.Answer{Code: sourcetest.ServerFailure})
	says(srv, "_memcached._tcp.mc.test.", "server misbehaving")
	endpoint.Says("ERROR\r\n")
	says(aws, endpoint.Addr, `".cfg." in its name`)
	says(from("elasticache:127.0.0.1:1"), "127.0.0.1:1", "refused")
	if o := s.program(exitError, append(file, "MEMCACHED_TRANSITION_FOR=10s"), "status"); strings.Contains(o, "go on with") || !strings.Contains(o, "MEMCACHED_TRANSITION_FOR is 10s") {
		t.Errorf("a mistake in the settings is laid to the source: %s", o)
	}
	s.has(s.program(exitError, from("dns:mc"), "status"), `MEMCACHED_DISCOVERY="dns:mc"`, "srv:", "elasticache:", "file:")
	s.has(s.program(exitError, nil, "status"), "MEMCACHED_NODES is not set", "MEMCACHED_DISCOVERY")
}

// While it waits, the list of its source changes: it waits for the nodes that are on it in the end.
func TestWaitFollowsTheList(t *testing.T) {
	t.Parallel()
	s := begin(t, 3, testenv.Embedded())
	path := filepath.Join(t.TempDir(), "nodes")
	write := func(which ...int) {
		var lines strings.Builder
		for _, i := range which {
			fmt.Fprintf(&lines, "%s:%s\n", s.nodes.Node(i).ID(), s.nodes.Node(i).Addr())
		}
		next := path + ".next"
		if err := errors.Join(os.WriteFile(next, []byte(lines.String()), 0o600), os.Rename(next, path)); err != nil {
			t.Error(err)
		}
	}
	write(0, 1)
	s.nodes.Node(1).Kill()
	delete(s.env, "MEMCACHED_NODES")
	s.env["MEMCACHED_DISCOVERY"] = "file:" + path
	s.env["MEMCACHED_DISCOVER_EVERY"], s.env["MEMCACHED_TRANSITION_FOR"] = "200ms", "1s"
	changes := time.AfterFunc(time.Second, func() { write(0, 2) })
	defer changes.Stop()
	s.has(s.run(exitDone, "wait", "--timeout", "1m").out, "n1 and n3 are whole")
}

// While the list changes, the command shows which nodes come and go, and what is missing; it waits for
// those that stay. Where it must not believe what the markers say, it says so.
func TestStatusTellsOfAChangeOfTheList(t *testing.T) {
	for _, sealed := range []bool{true, false} {
		t.Run(fmt.Sprint("sealed ", sealed), func(t *testing.T) {
			t.Parallel()
			s := begin(t, 3, testenv.Embedded())
			if sealed {
				s.env["MEMCACHED_SEAL_KEYS"] = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
			}
			s.env["MEMCACHED_TRANSITION_FOR"] = "8s"
			s.sessions(30)
			s.run(exitDone, "wait")
			for range 3 {
				s.nodes.Add()
			}
			all := strings.Split(s.nodes.Nodes(), ",")
			s.env["MEMCACHED_NODES"] = strings.Join(all[3:], ",")
			next, err := cluster.ParseNodes(s.env["MEMCACHED_NODES"])
			if err == nil {
				err = s.app.SetNodes(next)
			}
			if err != nil {
				t.Fatal(err)
			}
			for len(s.app.Nodes()) != 6 || s.app.Nodes()[0].Incarnation == "" { // its marker tells of the change
				time.Sleep(10 * time.Millisecond)
			}
			o := s.run(exitNotYet, "status").out
			m := s.fields(s.run(exitNotYet, "status", "--json").out, "whole", "nodes", "change")
			if sealed {
				s.has(o, "n1 (leaves)", "n4 (joins)", "it leaves the list", "until every instance has the list",
					"The list of nodes is changing; n4, n5, n6 joining; n1, n2, n3 leaving", "Not whole yet: n4, n5, n6", "holdfast wait")
				s.sameFields(m["change"].(map[string]any), "lists", "joining", "leaving", "missing")
			} else {
				s.has(o, "records are not sealed", "Stop no server of the former list yet", "Not whole yet")
				s.sameFields(m["change"].(map[string]any), "lists", "missing", "former_unknown")
			}
			s.has(s.run(exitDone, "wait", "--timeout", "2m").out, "n4, n5 and n6 are whole")
			for len(s.app.Nodes()) != 3 {
				time.Sleep(10 * time.Millisecond)
			}
			if o := s.run(exitDone, "status").out; strings.Contains(o, "changing") || strings.Contains(o, "n1") {
				t.Error(o)
			}
			s.has(s.run(exitDone, "sessions", "--count").out, "30\n")
		})
	}
}
