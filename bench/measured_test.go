package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"
	redigo "github.com/gomodule/redigo/redis"

	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell what is reported when the other side of a ratio was not measured.

const noRedis = "redis-server is not installed"

// inWork is a run with all goals' contenders measured, each at twice its floor's rate,
// except those that without names.
func inWork(t *testing.T, without ...string) *results {
	t.Helper()
	res := &results{Failed: map[string]string{}}
	for _, g := range []struct {
		cell  string
		names []string // the floor first
	}{
		{"load/1024B/64", []string{"gomemcache Get", "cluster.Load"}},
		{"scs IdleTimeout/1024B/64", []string{"goredisstore", "memstore", "scsstore, gob", "scsstore, serializer.Codec", "scsstore, RefreshSlack 1m"}},
		{"gorilla Get + Save/1024B/64", []string{"boj/redistore", "plain memcached", "gorillastore"}},
		{"encode/1", []string{"encoding/gob", "serializer"}},
	} {
		res.cells = append(res.cells, g.cell)
		var base []sample
		for i, name := range g.names {
			k := &contender{name: name}
			own := []sample{{ops: 10, rate: float64(min(i, 1)+1) * 100, p50: 1, allocs: 4}, {ops: 10, rate: float64(min(i, 1)+1) * 100, p50: 1, allocs: 4}}
			for _, w := range without {
				if w == name {
					k.missing, own = noRedis, nil
				}
			}
			if i == 0 {
				base = own
			}
			res.Rows = append(res.Rows, cell{group: g.cell}.sum(k, g.names[0], own, base))
			res.Rows[len(res.Rows)-1].Cell = g.cell
		}
	}
	return res
}

// lineOf is the line of the report that has all of these words.
func lineOf(t *testing.T, report string, words ...string) string {
	t.Helper()
next:
	for line := range strings.Lines(report) {
		for _, w := range words {
			if !strings.Contains(line, w) {
				continue next
			}
		}
		return line
	}
	t.Fatalf("no line with %q in\n%s", words, report)
	return ""
}

func TestAGoalWhosePeerIsMissingIsNotMeasured(t *testing.T) {
	whole, part := inWork(t).report(), inWork(t, "goredisstore", "boj/redistore").report()
	for _, goal := range []string{"of goredisstore", "the same with RefreshSlack", "of boj/redistore"} {
		if line := lineOf(t, whole, goal); !strings.Contains(line, "2.00") || !strings.Contains(line, "reached") {
			t.Errorf("with the peer: %s", line)
		}
		if line := lineOf(t, part, goal); !strings.Contains(line, notMeasured) || strings.Contains(line, "missed") || strings.Contains(line, "reached") {
			t.Errorf("without it: %s", line)
		}
	}
	if line := lineOf(t, part, "Load, 1 KiB, 64 at once"); !strings.Contains(line, "reached") {
		t.Errorf("a goal with another peer: %s", line)
	}
}

func TestNobodyTakesThePlaceOfAMissingPeer(t *testing.T) {
	res := inWork(t, "goredisstore")
	for _, name := range []string{"memstore", "scsstore, gob"} {
		r := res.find("scs IdleTimeout/1024B/64", name)
		if r.Floor != "goredisstore" || r.Ratio != nil || r.P50Ratio != nil || r.Rate.Median != 200 {
			t.Errorf("%s: %+v", name, r)
		}
	}
	b, err := json.Marshal(res.Rows)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(b), `"ratio":null`) || !strings.Contains(string(b), `"not_measured":"`+noRedis+`"`) {
		t.Errorf("results.json does not say so: %s", b)
	}
	report := res.report()
	if line := lineOf(t, report, "| goredisstore |"); !strings.Contains(line, notMeasured+": "+noRedis) {
		t.Error(line)
	}
	if line := lineOf(t, report, "| memstore |"); strings.Count(line, notMeasured) != 2 {
		t.Error(line)
	}
	if s := brief(res.Rows[2:5]); !strings.HasPrefix(s, "goredisstore not measured ("+noRedis+")") || !strings.Contains(s, "memstore 200/s, ratio not measured") {
		t.Errorf("on the terminal: %s", s)
	}
}

func TestANumberWithoutItsOtherSideIsNotMeasured(t *testing.T) {
	for _, without := range []string{"encoding/gob", "serializer"} {
		line := lineOf(t, inWork(t, without).report(), "encode: allocations, of gob")
		if !strings.Contains(line, notMeasured) {
			t.Errorf("without %s: %s", without, line)
		}
	}
	// The size of what gob encodes is 0 here: nothing was compared.
	if line := lineOf(t, inWork(t).report(), "bytes of a typical session"); !strings.Contains(line, notMeasured) {
		t.Error(line)
	}
}

func TestRoundsInWhichThePeerFailedProveNothing(t *testing.T) {
	good, bad := sample{ops: 10, rate: 100, p50: 10}, sample{ops: 1000, errs: 999, rate: 1, p50: 1, err: errors.New("gone")}
	own := []sample{good, good, good, good, good}
	floor, ours := &contender{name: "peer"}, &contender{name: "ours"}
	for _, c := range []struct {
		why   string
		base  []sample
		ratio string
		floor bool // is measured
	}{
		{"two rounds of five", []sample{good, bad, good, bad, good}, "1.00 [1.00 to 1.00]", true},
		{"three of five", []sample{good, bad, bad, bad, good}, notMeasured, false},
		{"it ended and stayed away", []sample{good, bad, bad, bad, bad}, notMeasured, false},
		{"it did nothing at all", []sample{{}, {}, {}, {}, {}}, notMeasured, true},
	} {
		if r := (cell{}).sum(ours, "peer", own, c.base); shown(r.Ratio) != c.ratio {
			t.Errorf("%s: ratio %s, want %s", c.why, shown(r.Ratio), c.ratio)
		}
		if r := (cell{}).sum(floor, "peer", c.base, c.base); (r.NotMeasured == "") != c.floor {
			t.Errorf("%s: the peer itself: %q", c.why, r.NotMeasured)
		}
	}
	// Its own failures are a contender's own figure.
	if r := (cell{}).sum(ours, "peer", []sample{good, bad, good, good, bad}, own); r.Errors != 1998 || r.Ratio == nil || r.Ratio.Q1 != 0.01 {
		t.Errorf("a contender that fails now and then: %+v, %s", r, shown(r.Ratio))
	}
}

func TestARunOfSomeCellsSaysSo(t *testing.T) {
	res := &results{Only: "^encode", Failed: map[string]string{"decode/1": "no server"}, Rows: inWork(t).Rows[8:]}
	report := res.report()
	lineOf(t, report, "Not the whole of it", "`^encode`")
	lineOf(t, report, "**decode/1** was not measured: no server")
	if line := lineOf(t, report, "encode a typical session: rate"); strings.Contains(line, notMeasured) {
		t.Error(line)
	}
	for _, goal := range []string{"Load, 1 KiB, 64 at once", "of goredisstore", "a node dead and marked down, 64", "beyond two plain Sets"} {
		if line := lineOf(t, report, goal); !strings.Contains(line, notMeasured) {
			t.Error(line)
		}
	}
}

// Without its floor on the command line, a contender has no ratio.
func TestContendersWithoutTheirFloorHaveNoRatio(t *testing.T) {
	r := &rig{}
	op := func(int, int) error { time.Sleep(time.Microsecond); return nil }
	c := cell{group: "g", concurrency: 1, enter: func(*rig, cell) ([]*contender, error) {
		return []*contender{{name: "floor", op: op}, {name: "ours", op: op}, {name: "ours too", op: op}}, nil
	}}
	rows, err := c.contenders(r, options{who: regexp.MustCompile("ours"), rounds: 2, slice: time.Millisecond})
	if err != nil || len(rows) != 2 || rows[0].Floor != "floor" || rows[0].Ratio != nil || rows[1].Ratio != nil {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestAContenderThatAlwaysFailsCostsTheOthersNothing(t *testing.T) {
	fails := func(int, int) error { return errors.New("gone") }
	works := func(int, int) error { return nil }
	c := cell{group: "g", concurrency: 1, enter: func(*rig, cell) ([]*contender, error) {
		return []*contender{{name: "peer", op: fails}, {name: "ours", op: works}}, nil
	}}
	rows, err := c.contenders(&rig{}, options{who: regexp.MustCompile(""), rounds: 2, slice: time.Millisecond})
	if err == nil || len(rows) != 2 || rows[0].NotMeasured == "" || rows[1].NotMeasured != "" || rows[1].Rate.Median == 0 || rows[1].Ratio != nil {
		t.Errorf("%+v, %v", rows, err)
	}
}

func TestComparisonNamesWhatOneRunLacks(t *testing.T) {
	for _, c := range []struct {
		why       string
		then, now *results
		says      string
		compared  bool
	}{
		{"a peer is missing now", inWork(t), inWork(t, "goredisstore"), "goredisstore was not measured now", true},
		{"it was missing then", inWork(t, "goredisstore"), inWork(t), "goredisstore was not measured when recorded", true},
		{"a contender is missing now", inWork(t), inWork(t, "gorillastore"), "not measured now: " + noRedis, true},
		{"a contender was missing then", inWork(t, "gorillastore"), inWork(t), "not measured when recorded: " + noRedis, true},
		{"a cell is missing then", &results{Rows: inWork(t).Rows[:2]}, inWork(t), "not recorded", true},
		{"a cell has failed now", inWork(t), &results{Rows: inWork(t).Rows[:2], cells: inWork(t).cells}, "not measured now", true},
		{"nothing in common", &results{Rows: inWork(t).Rows[:2]}, &results{Rows: inWork(t).Rows[2:], cells: inWork(t).cells[1:]}, "not recorded", false},
	} {
		dir := t.TempDir()
		b, err := json.Marshal(c.then)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, jsonFile), b, 0o600); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = c.now.compare(dir, &out)
		if (err == nil) != c.compared || !strings.Contains(out.String(), c.says) || c.compared && !strings.Contains(out.String(), "could not be compared") {
			t.Errorf("%s: %v\n%s", c.why, err, &out)
		}
	}
}

// A record from before names the floor that was there: memstore, where Redis was not.
func TestRatiosToDifferentFloorsAreNotCompared(t *testing.T) {
	half := spread{0.64, 0.6, 0.7}
	then := &row{Contender: "scsstore", Floor: "memstore", Ratio: &half}
	now := &row{Contender: "scsstore", Floor: "goredisstore", Ratio: &spread{0.1, 0.1, 0.1}}
	if got := verdictOn(then, now); got != "recorded against memstore, measured against goredisstore" {
		t.Error(got)
	}
}

// The whole command, on a machine that has memcached and no redis-server.
func TestTheCommandRunsWithoutRedis(t *testing.T) {
	memcached, err := exec.LookPath("memcached")
	if err != nil {
		t.Skip("memcached is not installed")
	}
	path := t.TempDir()
	if err := os.Symlink(memcached, filepath.Join(path, "memcached")); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", path)
	o := options{
		quick: true, only: regexp.MustCompile("^scs IdleTimeout/|^gorilla Get/"), who: regexp.MustCompile(""),
		rounds: 2, slice: 2 * time.Millisecond, out: t.TempDir(),
	}
	if err := run(o); err != nil {
		t.Fatal(err)
	}
	res, err := readResults(o.out)
	if err != nil {
		t.Fatal(err)
	}
	for cell, peer := range map[string]string{"scs IdleTimeout/1024B/64": "goredisstore", "gorilla Get/1024B/64": "boj/redistore"} {
		if r := res.find(cell, peer); r == nil || r.NotMeasured != noRedis {
			t.Errorf("%s: %+v", peer, r)
		}
		for _, r := range res.Rows {
			if r.Cell == cell && (r.Ratio != nil || r.Floor != peer || r.Contender != peer && r.Rate.Median == 0) {
				t.Errorf("%s of %s: %+v", r.Contender, r.Floor, r)
			}
		}
	}
	report, err := os.ReadFile(filepath.Join(o.out, reportFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, goal := range []string{"of goredisstore", "the same with RefreshSlack", "of boj/redistore"} {
		if line := lineOf(t, string(report), goal); !strings.Contains(line, "| "+notMeasured+" |") {
			t.Error(line)
		}
	}
	if v := res.Versions["redis-server"]; v != "not installed" {
		t.Errorf("redis-server is %q", v)
	}
}

func TestARedisThatHasEndedIsStartedAgain(t *testing.T) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip(noRedis)
	}
	r := &rig{program: testenv.NewProgram("bench", os.Stderr), nodes: testenv.Start(t, 1)}
	r.startRedis()
	defer r.close()
	first := r.redis
	first.stop()
	r.revive()
	if r.redis == nil || r.redis == first || !r.redis.answers() {
		t.Errorf("%v, %q", r.redis, r.noRedis)
	}
	r.revive()
	if !r.redis.answers() {
		t.Error("it is started although it runs")
	}
}

// What the servers are asked about themselves does not count.
func TestCommandsAreCountedWhereTheyArrive(t *testing.T) {
	for _, program := range []string{"memcached", "redis-server"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(program + " is not installed")
		}
	}
	r := &rig{program: testenv.NewProgram("bench", os.Stderr), nodes: testenv.Start(t, 2, testenv.Real())}
	r.startRedis()
	defer r.close()
	count := func(do func()) uint64 {
		before, err := r.served()
		if err != nil {
			t.Fatal(err)
		}
		do()
		after, err := r.served()
		if err != nil {
			t.Fatal(err)
		}
		return after - before
	}
	mc := r.plain(&wire{})
	defer mc.Close()
	if n := count(func() {
		_ = mc.Set(&memcache.Item{Key: "a", Value: []byte("1")})
		_, _ = mc.GetMulti([]string{"a", "b", "c"})
		_ = mc.Delete("b")
	}); n != 5 {
		t.Errorf("a set, three keys read and a delete are %d commands", n)
	}
	if n := count(func() {
		c, err := redigo.Dial("tcp", r.redis.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = c.Do("SET", "a", "1")
		_, _ = c.Do("GET", "a")
	}); n != 2 {
		t.Errorf("a SET and a GET are %d commands", n)
	}
	if n := count(func() {}); n != 0 {
		t.Errorf("nothing is %d commands", n)
	}
}

func TestCommandsThatNobodyCountedAreNotShown(t *testing.T) {
	for _, counted := range []bool{true, false} {
		own := []sample{{ops: 10, rate: 1, commands: 2, counted: true}, {ops: 10, rate: 1, commands: 2, counted: counted}}
		r := (cell{}).sum(&contender{name: "ours"}, "ours", own, own)
		if shown := strings.Contains(r.line(), "| 2.00 |"); shown != counted || (r.Commands != nil) != counted {
			t.Errorf("counted %v: %s", counted, r.line())
		}
	}
}
