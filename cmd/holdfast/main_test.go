package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// asCommand makes this test binary the command itself.
const asCommand = "HOLDFAST_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		askTestNameServer()
		main()
		return
	}
	os.Exit(m.Run())
}

// stage is nodes with sessions on them, and the command that looks after them.
type stage struct {
	*testing.T
	nodes *testenv.Env
	env   map[string]string
	app   *cluster.Cluster

	mu  sync.Mutex // guards below
	all bytes.Buffer
}

// plantedID and plantedValue begin every id and value. No output may show them, or a key.
const (
	plantedID    = "PLANTEDID"
	plantedValue = "PLANTEDVALUE"
)

func begin(t *testing.T, n int, opts ...testenv.Option) *stage {
	s := &stage{T: t, nodes: testenv.Start(t, n, opts...), env: map[string]string{}}
	s.env["MEMCACHED_NODES"] = s.nodes.Nodes()
	s.env["MEMCACHED_KEY_PREFIX"] = "app."
	s.env["MEMCACHED_TIMEOUT"] = "400ms" // this machine may be busy
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.all.Len() == 0 {
			t.Error("nothing was printed at all")
		}
		planted := []string{plantedID, plantedValue}
		for _, node := range s.nodes.All() {
			if node.State() != testenv.Up {
				continue
			}
			for _, key := range node.Keys() {
				if key = strings.TrimPrefix(key, "app."); !strings.Contains(key, ".") {
					planted = append(planted, key)
				}
			}
		}
		for _, p := range planted {
			if strings.Contains(s.all.String(), p) {
				t.Errorf("the output shows %q:\n%s", p, s.all.String())
			}
		}
	})
	return s
}

func (s *stage) getenv(name string) string { return s.env[name] }

// sessions saves n sessions as the app does.
func (s *stage) sessions(n int) {
	s.Helper()
	cfg, err := cluster.ConfigFromEnv(s.getenv)
	if err != nil {
		s.Fatal(err)
	}
	if s.app, err = cluster.New(cfg); err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { s.app.Close() })
	for i := range n {
		r := cluster.NewRecord(fmt.Sprint(plantedID, i))
		r.Attrs["user"] = fmt.Append(nil, plantedValue, i)
		r.Deadline = time.Now().Add([]time.Duration{time.Hour / 2, 10 * time.Hour, 100 * time.Hour}[i%3])
		if err := s.app.Save(s.Context(), r); err != nil {
			s.Fatal(err)
		}
	}
}

// Write takes in all that is printed.
func (s *stage) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.Write(b)
}

// output is what one run has printed.
type output struct {
	out, err string
}

// run runs the command and fails unless it ends with that exit code.
func (s *stage) run(want int, args ...string) output {
	s.Helper()
	return s.runWith(want, "", args...)
}

func (s *stage) runWith(want int, stdin string, args ...string) output {
	s.Helper()
	var out, err bytes.Buffer
	code := run(s.Context(), args, s.getenv, strings.NewReader(stdin), io.MultiWriter(&out, s), io.MultiWriter(&err, s))
	if code != want {
		s.Errorf("holdfast %q: exit code %d, want %d\n%s%s", args, code, want, out.String(), err.String())
	}
	if strings.Contains(err.String(), "\x1b") {
		s.Errorf("holdfast %q: progress, where nobody looks: %q", args, err.String())
	}
	return output{out.String(), err.String()}
}

// has fails unless the text has all of these in it.
func (s *stage) has(text string, wants ...string) {
	s.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			s.Errorf("%q is not in:\n%s", want, text)
		}
	}
}

// fields reads JSON and fails unless it has exactly these fields.
func (s *stage) fields(text string, want ...string) map[string]any {
	s.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	var m map[string]any
	if err := d.Decode(&m); err != nil || d.More() {
		s.Fatalf("no JSON document: %v\n%s", err, text)
	}
	s.sameFields(m, want...)
	return m
}

func (s *stage) sameFields(m map[string]any, want ...string) {
	s.Helper()
	var got []string
	for name := range m {
		got = append(got, name)
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("fields %q, want %q: scripts go by them", got, want)
	}
}

// first is the first object of a list in m.
func first(m map[string]any, list string) map[string]any {
	return m[list].([]any)[0].(map[string]any)
}

// A day with three nodes, as an operator has it. It goes the same way with every kind of node.
func TestADayWithThreeNodes(t *testing.T) {
	for name, kind := range map[string]testenv.Option{"memcached": testenv.Real(), "embedded": testenv.Embedded()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			day(begin(t, 3, kind))
		})
	}
}

func day(s *stage) {
	n2 := s.nodes.ByID("n2")
	s.run(exitNotYet, "status") // nobody has filled them yet
	s.has(s.run(exitDone, "sessions").out, "SESSIONS", "MEMCACHED_KEY_PREFIX")
	s.sessions(30)
	s.has(s.run(exitDone, "wait").out, "n1, n2 and n3 are whole")
	s.has(s.run(exitDone, "status").out, "NODE", "n1", "n2", "n3", " up ", " whole", s.nodes.ByID("n3").Addr(), "64.0 MiB")
	m := s.fields(s.run(exitDone, "status", "--json").out, "whole", "nodes")
	if m["whole"] != true || len(m["nodes"].([]any)) != 3 {
		s.Errorf("status: %v", m)
	}
	s.sameFields(first(m, "nodes"), "id", "addr", "standby", "state", "whole", "incarnation", "items", "bytes", "max_bytes", "evictions", "uptime_seconds")

	// Its sessions, and one of them.
	s.has(s.run(exitDone, "sessions", "--count").out, "30\n")
	s.has(s.run(exitDone, "sessions").out, "SESSIONS", "30", "10")
	m = s.fields(s.run(exitDone, "sessions", "--json").out, "count", "bytes", "end_within_hour", "end_within_day", "end_later")
	if m["count"] != 30.0 || m["end_within_hour"] != 10.0 || m["end_within_day"] != 10.0 || m["end_later"] != 10.0 {
		s.Errorf("sessions: %v", m)
	}
	if err := s.app.Delete(s.Context(), plantedID+"1"); err != nil {
		s.Fatal(err)
	}
	s.has(s.run(exitDone, "sessions", "--count").out, "29\n")
	s.has(s.run(exitDone, "where", plantedID+"0").out, "primary", "backup", "fallback", "live", "none")
	m = s.fields(s.runWith(exitDone, plantedID+"0\n", "where", "--json", "-").out, "found", "places")
	if m["found"] != true || len(m["places"].([]any)) != 3 {
		s.Errorf("where: %v", m)
	}
	s.sameFields(first(m, "places"), "node", "addr", "role", "state", "copy", "version", "bytes")
	s.has(s.run(exitNotYet, "where", plantedID+"1").out, "destroyed", "was deleted")
	s.has(s.run(exitNotYet, "where", plantedID+"nobody").out, "none", "Is the id right")

	// A node dies: it is named, with the way out, and its sessions are on another one.
	n2.Kill()
	s.has(s.run(exitNotYet, "status").out, "down", "refused")
	late := s.run(exitNotYet, "wait", "--timeout", "50ms")
	s.has(late.err, "not done within 50ms", "n2", "refused", "--except")
	m = s.fields(s.run(exitNotYet, "wait", "--timeout", "50ms", "--json").out, "whole", "seconds", "nodes", "reason")
	if m["whole"] != false {
		s.Errorf("wait: %v", m)
	}
	s.run(exitDone, "wait", "--except", "n2")
	s.run(exitDone, "wait", "--node", "n1,n3")
	s.has(s.run(exitDone, "sessions", "--count").out, "29\n")
	s.has(s.run(exitNotYet, "drain", "n1", "--timeout", "50ms").err, "n1 does not drain", "n2", "holdfast status")
	s.has(s.run(exitNotYet, "heal", "n2").out, "not done", "refused")
	s.run(exitNotYet, "status")

	// It comes back empty and is filled.
	n2.Restart()
	s.run(exitDone, "wait", "--timeout", "2m")
	s.run(exitDone, "status")
	s.has(s.run(exitDone, "heal").out, "n1", "n2", "n3", "done")
	m = s.fields(s.run(exitDone, "heal", "n2", "--json").out, "healed", "nodes")
	s.sameFields(first(m, "nodes"), "node", "sessions", "written", "failed", "seconds")
	s.run(exitDone, "wait")

	// A planned restart.
	if testing.Short() {
		return
	}
	s.env["HOLDFAST_NODE"] = "n3"
	s.has(s.run(exitDone, "drain", "--timeout", "2m").out, "n3 may be stopped")
	s.has(s.run(exitNotYet, "status").out, "draining")
	s.has(s.run(exitNotYet, "wait", "--timeout", "2s").err, "n3", "draining")
	s.has(s.run(exitNotYet, "drain", "n1", "--timeout", "2s").err, "n1 does not drain", "n3", "draining")
	m = s.fields(s.run(exitDone, "drain", "--json").out, "node", "drained", "seconds")
	if m["drained"] != true || m["node"] != "n3" {
		s.Errorf("drain: %v", m)
	}
	s.has(s.run(exitDone, "undrain").out, "n3 is used again")
	s.fields(s.run(exitDone, "undrain", "n3", "--json").out, "node", "drained")
	s.run(exitDone, "wait", "--timeout", "2m")
	s.has(s.run(exitDone, "sessions", "--count").out, "29\n")
}

func TestWhereKeysAreNotListedTheWayOutIsTold(t *testing.T) {
	s := begin(t, 2, testenv.Embedded())
	for _, n := range s.nodes.All() {
		n.SetCrawler(testenv.Crawler{Refusal: testenv.RefusedByOption})
	}
	s.sessions(3)
	s.has(s.run(exitError, "sessions").err, "-X")
	s.has(s.run(exitError, "wait", "--timeout", "1m").err, "without -X", "managed service")
	s.has(s.run(exitError, "heal").out, "without -X")
	s.run(exitNotYet, "status")
}

// A command that is about a node which is down says what to do.
func TestTheWayOutOfADeadNodeIsTold(t *testing.T) {
	s := begin(t, 3, testenv.Embedded())
	s.sessions(3)
	s.run(exitDone, "wait", "--timeout", "2m")
	s.nodes.Node(1).Kill()
	for _, m := range []struct {
		args []string
		says []string
	}{
		{[]string{"drain", "n2"}, []string{"holdfast drain: node n2", "refused", "start it", "off the list"}},
		{[]string{"undrain", "n2"}, []string{"holdfast undrain: node n2", "refused", "start it", "needs no undrain"}},
	} {
		s.has(s.run(exitError, m.args...).err, m.says...)
	}
	s.has(s.run(exitNotYet, "heal", "n2").out, "refused", "start it")
	for _, n := range s.nodes.All() {
		n.Kill()
	}
	s.has(s.run(exitNotYet, "where", plantedID+"0").out, "No node could be asked", "holdfast status")
}

// With two nodes for two copies there is nothing to drain to.
func TestDrainOfOneOfTwoNodesIsRefused(t *testing.T) {
	s := begin(t, 2, testenv.Embedded())
	s.sessions(3)
	s.run(exitDone, "wait")
	s.has(s.run(exitError, "drain", "n1").err, "add a node first")
	s.run(exitDone, "status")
}

func TestMistakesTeach(t *testing.T) {
	s := begin(t, 2, testenv.Embedded())
	for _, m := range []struct {
		args []string
		says []string
	}{
		{nil, []string{"Usage: holdfast COMMAND", "MEMCACHED_NODES", "Exit codes"}},
		{[]string{"stauts"}, []string{`there is no command "stauts"`, `"status"?`, "undrain"}},
		{[]string{plantedID + "-a-session-where-a-command-belongs"}, []string{"there is no such command", "status"}},
		{[]string{"status", "n1"}, []string{"takes no argument", "Usage: holdfast status", "holdfast help status"}},
		{[]string{"status", "--jsn"}, []string{`there is no flag "--jsn"`, `"--json"?`}},
		{[]string{"--json", "status"}, []string{`no flag "--json"`, "behind the command", "holdfast status --json"}},
		{[]string{"wait", "--excpt", "n1"}, []string{`"--except"?`, "--timeout"}},
		{[]string{"wait", "--timeout", "soon"}, []string{"soon", "timeout", "such as 90s", "Usage"}},
		{[]string{"wait", "--timeout", "5"}, []string{`"5"`, "with its unit"}},
		{[]string{"wait", "--timeout", "-5s"}, []string{"above zero"}},
		{[]string{"drain", "n1", "--timeout", "0s"}, []string{"above zero"}},
		{[]string{"wait", "--except", "n9"}, []string{`no node "n9" (--except)`, "n1, n2"}},
		{[]string{"wait", "--node", "n9"}, []string{`no node "n9" (--node)`, "n1, n2"}},
		{[]string{"wait", "--except", "n1,n2"}, []string{"nothing to wait for"}},
		{[]string{"wait", "n1"}, []string{"--node"}},
		{[]string{"wait", "--serve", ":0"}, []string{"HOLDFAST_NODE"}},
		{[]string{"wait", "--serve", ":0", "--node", "n9"}, []string{`no node "n9" (--node)`}},
		{[]string{"wait", "--serve", ":0", "--node", "n1", "--timeout", "1s"}, []string{"leave --timeout"}},
		{[]string{"wait", "--serve", "nowhere", "--node", "n1"}, []string{"cannot listen on nowhere", "Choose another"}},
		{[]string{"where"}, []string{"one id", "standard input"}},
		{[]string{"where", plantedID, plantedID}, []string{"one id"}},
		{[]string{"where", "-" + plantedID}, []string{"begins with a hyphen", "where -"}},
		{[]string{"where", "--json=" + plantedID, plantedID}, []string{"no flag"}},
		{[]string{"where", "-"}, []string{"no id on standard input"}},
		{[]string{"drain"}, []string{"which node?", "HOLDFAST_NODE", "n1, n2"}},
		{[]string{"drain", "n9"}, []string{`no node "n9" (the argument)`, "n1, n2"}},
		{[]string{"drain", "n1", "n2"}, []string{"one node", "whole again"}},
		{[]string{"undrain"}, []string{"which node?"}},
		{[]string{"heal", "n11"}, []string{`no node "n11"`}},
		{[]string{"heal", "n1", "n2"}, []string{"one node"}},
		{[]string{"sessions", "all"}, []string{"no argument"}},
	} {
		o := s.run(exitError, m.args...)
		s.has(o.err, m.says...)
		if o.out != "" {
			s.Errorf("%q: an error on standard output: %s", m.args, o.out)
		}
	}
	s.env["MEMCACHED_TIMEOUT"] = "5"
	if o := s.run(exitError, "status"); strings.Contains(o.err, "export MEMCACHED_NODES") {
		s.Errorf("the nodes are set, and another variable is wrong: %s", o.err)
	}
	s.env["MEMCACHED_TIMEOUT"], s.env["MEMCACHED_NODES"] = "", ""
	for _, cmd := range commands() {
		if cmd.name != "where" && cmd.name != "logout" { // they want an argument first
			s.has(s.run(exitError, cmd.name).err, "MEMCACHED_NODES is not set", "export MEMCACHED_NODES=")
		}
	}
}

func TestHelpNamesEveryCommandFlagAndExitCode(t *testing.T) {
	s := begin(t, 1, testenv.Embedded())
	s.env = nil // help needs no nodes
	for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}} {
		s.has(s.run(exitDone, args...).out, names()...)
	}
	for _, name := range names() {
		help := s.run(exitDone, "help", name).out
		s.has(help, "Usage: holdfast "+name, "Exit code: 0", "--json")
		if other := s.run(exitDone, name, "--help").out; other != help {
			s.Errorf("%s --help says something else", name)
		}
		for line := range strings.Lines(help) {
			if len(line) > 102 {
				s.Errorf("help %s: a line of %d columns", name, len(line))
			}
		}
	}
}

// Progress is drawn where somebody looks, and removed in the end.
func TestProgressOnATerminal(t *testing.T) {
	s := begin(t, 2, testenv.Embedded())
	s.sessions(3)
	s.run(exitDone, "wait")
	s.nodes.Node(0).Pause()
	var out, err bytes.Buffer
	c := &call{ctx: s.Context(), getenv: s.getenv, stdin: strings.NewReader(""), stdout: io.MultiWriter(&out, s), stderr: io.MultiWriter(&err, s), terminal: true}
	if code := c.run([]string{"wait", "--timeout", "1s"}); code != exitNotYet {
		t.Errorf("exit code %d", code)
	}
	line, rest, _ := strings.Cut(strings.TrimPrefix(err.String(), "\r\x1b[K"), "\r\x1b[K")
	if line == "" || strings.Contains(line, "\n") || len([]rune(line)) > lineWidth || !strings.Contains(rest, "\r\x1b[Kholdfast wait: ") {
		t.Errorf("%q", err.String())
	}
	if strings.Contains(out.String(), "\x1b") {
		t.Errorf("standard output: %q", out.String())
	}
	s.nodes.Node(0).Resume()
}

func TestProgressSaysHowFarItIs(t *testing.T) {
	nodes := []cluster.NodeStatus{
		{ID: "n1", Whole: true},
		{ID: "n2", Reason: "it is filling: 12000 of 120344 sessions", Restored: 12000, ToRestore: 120344},
		{ID: "n3", State: cluster.StateDown, LastError: "connection refused"},
	}
	for want, ids := range map[string][]string{
		"[##......................]   9 % n2: 12,000 of 120,344 sessions": {"n1", "n2", "n3"},
		"n3: connection refused": {"n1", "n3"},
		"looking once more":      {"n1"},
	} {
		if got := howFar(nodes, ids); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	var b bytes.Buffer
	statusTable(&b, nodes, make([]*cluster.Memory, 3))
	for _, want := range []string{"no: filling, 12,000 of 120,344 sessions", "no: connection refused"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is not in\n%s", want, b.String())
		}
	}
}

// The program itself: its exit code, and its two streams.
func TestTheProgram(t *testing.T) {
	s := begin(t, 2, testenv.Embedded())
	s.sessions(5)
	for _, p := range []struct {
		args []string
		code int
	}{{[]string{"wait"}, exitDone}, {[]string{"sessions", "--count"}, exitDone}, {[]string{"where", plantedID}, exitNotYet}, {[]string{"nothing"}, exitError}} {
		cmd := exec.CommandContext(t.Context(), os.Args[0], p.args...)
		cmd.Env = append(os.Environ(), asCommand+"=1", "MEMCACHED_NODES="+s.env["MEMCACHED_NODES"], "MEMCACHED_KEY_PREFIX=app.")
		text, err := cmd.CombinedOutput()
		_, _ = s.Write(text)
		if code := cmd.ProcessState.ExitCode(); code != p.code {
			t.Errorf("%q: exit code %d, %v\n%s", p.args, code, err, text)
		}
	}
}

func TestNumbersAreReadable(t *testing.T) {
	for got, want := range map[string]string{
		number(7): "7", number(999): "999", number(120344): "120,344", number(uint64(1234567)): "1,234,567",
		size(17): "17 B", size(2048): "2.00 KiB", size(64 << 20): "64.0 MiB", size(300 << 30): "300 GiB",
		span(300 * time.Millisecond): "0.3s", span(75 * time.Second): "1m15s", span(50 * time.Hour): "2d2h",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
