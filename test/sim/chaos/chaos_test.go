package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/testenv"
)

func TestMain(m *testing.M) {
	serveIfTold()
	m.Run()
}

var round = flag.Bool("round", false, "make a quick round of all faults")

// A quick round of all faults: nothing that is promised breaks, and the stores
// without this protocol lose sessions.
func TestAQuickRoundOfAllFaults(t *testing.T) {
	if !*round {
		t.Skip("it takes six minutes: go test ./chaos -round, or make chaos")
	}
	if _, err := exec.LookPath("memcached"); err != nil {
		t.Skip("memcached is not installed: `make memcached` does it")
	}
	t.Setenv(testenv.NodesVariable, "") // so that it is put back
	_ = os.Unsetenv(testenv.NodesVariable)
	var progress bytes.Buffer
	// A busy machine must not be taken for nodes that hang: that would be one more fault.
	r, err := run(t, settings{short: true, seed: 1, users: 8, timeout: time.Second}, &progress)
	if err != nil {
		t.Fatal(err)
	}
	r.print(&progress)
	t.Log(progress.String())
	if err := r.verdict(); err != nil {
		t.Error(err)
	}
	for _, k := range []kind{oneCopy, blind} {
		if r.total(k, struck).broken() == 0 {
			t.Errorf("%s lost nothing", k)
		}
	}
	page := string(r.page(""))
	for _, f := range faults {
		if !f.long && !strings.Contains(page, "| `"+f.name+"`") {
			t.Errorf("the page of guarantees does not tell of %q", f.name)
		}
	}
}

// story is a session whose second value is acknowledged, and read as the first.
func story(at time.Duration) *check.History {
	h := &check.History{}
	save := func(value string, at time.Duration) {
		h.Add(check.Op{Client: "u", Key: "u.1", Kind: check.Save, Begun: at, Call: at, Return: at + 1, Write: map[string]string{"own": value}})
	}
	read := func(value string, at time.Duration) {
		h.Add(check.Op{Client: "u", Key: "u.1", Begun: at, Call: at, Return: at + 1, Read: map[string]string{"own": value}})
	}
	save("u.1/own/1", at)
	save("u.1/own/2", at+10)
	read("u.1/own/1", at+20)
	read("u.1/own/1", at+30)
	return h
}

func TestAChangeIsCountedOnceAndWhereItWasMissed(t *testing.T) {
	for _, c := range []struct {
		name        string
		reads       time.Duration // when the full check began
		lost, stale int
	}{
		{"missed while the fault lasts", 1000, 0, 1},
		{"missed when all is healed", 15, 1, 0},
	} {
		tl := newTally()
		kill, _ := byName("kill")
		tl.begin(kill)
		tl.phases[0].begin, tl.phases[0].reads = 0, c.reads
		tl.judge(onSCS, story(0))
		got := tl.total(onSCS, promised)
		if got.lost != c.lost || got.stale != c.stale {
			t.Errorf("%s: %d lost and %d stale, want %d and %d", c.name, got.lost, got.stale, c.lost, c.stale)
		}
	}
}

// Two values that are both read, one after the other and then the first again: no order
// explains that. Beyond the promise, and of sessions that are too long, nobody asks for one.
func TestTheOrderOfASessionIsAskedForWithinThePromise(t *testing.T) {
	for _, c := range []struct {
		fault                    string
		more                     int
		broken, ordered, tooLong int
	}{
		{"kill", 0, 1, 1, 0},
		{"kill", orderable, 0, 0, 1},
		{"pairs", 0, 0, 0, 0},
		{"pairs", orderable, 0, 0, 0},
	} {
		h := &check.History{}
		op := func(kind check.Kind, at, end time.Duration, value string) {
			values := map[string]string{"own": "u.1/own/" + value}
			o := check.Op{Client: "u", Key: "u.1", Kind: kind, Begun: at, Call: at, Return: end}
			if o.Read = values; kind == check.Save {
				o.Read, o.Write = nil, values
			}
			h.Add(o)
		}
		op(check.Save, 1, 99, "1")
		op(check.Save, 1, 99, "2")
		op(check.Load, 10, 11, "1")
		op(check.Load, 20, 21, "2")
		op(check.Load, 30, 31, "1")
		for i := range c.more {
			op(check.Load, time.Duration(40+i), time.Duration(41+i), "1")
		}
		tl := newTally()
		f, _ := byName(c.fault)
		tl.begin(f).begin = 0
		tl.judge(onSCS, h)
		if got := tl.total(onSCS, named([]string{c.fault})).broken(); got != c.broken || tl.ordered != c.ordered || tl.tooLong != c.tooLong {
			t.Errorf("%+v: %d broken, %d ordered, %d too long", c, got, tl.ordered, tl.tooLong)
		}
	}
}
