package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/journal"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/testenv"
)

// These tests tell what somebody hostile can write into the app's log, line by line: of each kind
// and node one line a second, and a count of the others.

// atStart are lines that are written once, when a Cluster begins: nobody but the app causes them.
var atStart = []string{
	"cluster: started",
	"cluster: each session has one copy only and is lost with its node",
	"cluster: node lists no keys: after a restart, only sessions that this process knows get their second copy without a request",
	"cluster: records without a seal are believed, and whoever can write to a node can forge one: remove AllowUnsealed (MEMCACHED_ALLOW_UNSEALED) when the longest session from before the seal keys has ended",
}

// chatter is a way to cause log lines without end.
type chatter struct {
	name  string
	lines []string // the kinds that it causes, without "cluster: "
	// policy makes what a hostile node, one of two, says.
	policy func() policy
	pace   time.Duration // between users; 0: 20 ms
	// behind is where its users do not wait for each other, and patient where they come only
	// while the node is up, so that it is up soon after it was down.
	behind, patient bool
}

// inTurn says each in its turn, over and over.
func inTurn(lies ...lie) func() lie {
	i := -1
	return func() lie {
		i++
		return lies[i%len(lies)]
	}
}

// chatters are those of hostile nodes and clients.
var chatters = []chatter{
	{name: "a node that shows garbage", lines: []string{"copy is unusable and counts as missing"}, policy: func() policy {
		return policy{reads: always(lieCalled("garbage"))}
	}},
	{name: "a node that contradicts itself", lines: []string{"node is passed over for a session"}, policy: func() policy {
		return policy{writes: always(lie{raw: "EXISTS\r\n"})}
	}},
	{name: "a node that refuses three of four reads", lines: []string{"node refuses commands"}, policy: func() policy {
		no := lie{raw: "SERVER_ERROR x\r\n"}
		return policy{reads: inTurn(no, no, no, truth)}
	}},
	{name: "a node that is down and up by turns", patient: true, lines: []string{"node is down", "node is up again"}, policy: func() policy {
		return policy{writes: always(lie{then: hangsUp}), versions: inTurn(lieCalled("half an answer, then closes"), truth, truth)}
	}},
	{name: "a node that is something else each time", patient: true, lines: []string{"node cannot be used", "node is down", "node is up again"}, policy: func() policy {
		return policy{writes: always(lie{then: hangsUp}), versions: inTurn(lie{then: hangsUp}, lie{raw: "\x81"}, truth, truth)}
	}},
	{name: "more clients than a slow node serves", lines: []string{"requests are turned away for want of room"}, pace: time.Millisecond, behind: true, policy: func() policy {
		return policy{pace: DefaultTimeout * 9 / 10}
	}},
}

func lieCalled(name string) lie {
	all := append(readLies(), endings...)
	return all[slices.IndexFunc(all, func(l lie) bool { return l.name == name })]
}

// linesOf counts the lines of a kind, and those that they stand for.
func linesOf(t *testing.T, logs fmt.Stringer, kind string) (written, omitted int) {
	t.Helper()
	for _, l := range linesIn(logs, "cluster: "+kind) {
		written++
		if _, after, has := strings.Cut(l, "omitted="); has {
			var n int
			if _, err := fmt.Sscan(after, &n); err != nil {
				t.Fatal(err)
			}
			omitted += n
		}
	}
	return written, omitted
}

// mustBeFew fails if the log has more than a line a second of a kind, or if there were so few
// causes that it would not have without a bound. It was about one node.
func mustBeFew(t *testing.T, logs fmt.Stringer, took time.Duration, kinds ...string) {
	t.Helper()
	most := int(took/journal.Every) + 2 // one at once, one at the end
	for _, kind := range kinds {
		written, omitted := linesOf(t, logs, kind)
		if written > most || written == 0 {
			t.Errorf("%q: %d lines in %v, want at most %d", kind, written, took, most)
		}
		if written+omitted < 2*most {
			t.Errorf("%q: %d causes in %v: they would be few without a bound", kind, written+omitted, took)
		}
	}
}

func TestNoHostileNodeFillsTheLog(t *testing.T) {
	if testing.Short() {
		t.Skip("not in a short run: minutes of virtual time under a crowd, for each kind of node")
	}
	for _, f := range chatters {
		t.Run(f.name, func(t *testing.T) {
			story(t, 2, func(w *world) {
				p := truthfully(f.policy())
				h := &hostileNode{policy: p}
				h.turned.Store(true)
				began := time.Now() // the polls cause lines, too
				c := w.cluster(Config{DialContext: w.takeOver(0, "s", h), UnknownPerSecond: -1})
				const users = 600
				pace := f.pace
				if pace == 0 {
					pace = 20 * time.Millisecond
				}
				for i := range users * 20 / int(pace/time.Millisecond) {
					visit := func() {
						id := fmt.Sprint("s", i%users)
						if r, err := c.Load(context.Background(), id); err == nil || isErr(err, ErrNotFound) {
							if r == nil {
								r = NewRecord(id)
							}
							r.Attrs["a"] = fmt.Append(nil, i)
							_ = c.Save(context.Background(), r)
						}
					}
					switch {
					case f.behind:
						go visit()
					case !f.patient || stateOf(c, w.preference("s")[0]) == StateUp:
						visit()
					}
					time.Sleep(pace)
				}
				time.Sleep(2 * journal.Every)
				mustBeFew(t, w.logs, time.Since(began), f.lines...)
				// Nothing else is said without a bound either.
				for _, kind := range linesLogged(w.logs) {
					if n := len(linesIn(w.logs, kind)); n > 2*(int(time.Since(began)/journal.Every)+2) { // of two nodes
						t.Errorf("%d lines of %s", n, kind)
					}
				}
			})
		})
	}
}

// linesLogged returns the kinds of lines that were logged.
func linesLogged(logs fmt.Stringer) (kinds []string) {
	for _, m := range regexp.MustCompile(`msg="(cluster: [^"]*)"`).FindAllStringSubmatch(logs.String(), -1) {
		kinds = append(kinds, m[1])
	}
	slices.Sort(kinds)
	return slices.Compact(kinds)
}

// Somebody who answers in the place of the name server has a node move all the time.
func TestNoNameServerFillsTheLog(t *testing.T) {
	ls, port := listening(t, "127.0.0.1", "127.0.0.2")
	for _, l := range ls {
		served(t, l)
	}
	names := &nameServer{zone: map[string][]string{"n1.test": {"127.0.0.1"}}}
	cfg := patient(names, "n1:n1.test:"+port)
	logs := &syncBuffer{}
	cfg.Logger = slog.New(slog.NewTextHandler(logs, nil))
	c, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	moves := 0
	for moves < 40 || moves < 5*int(time.Since(began)/journal.Every) {
		for _, where := range [][]string{{"127.0.0.1", "127.0.0.2"}, {"127.0.0.1"}} {
			names.set(func(s *nameServer) { s.zone["n1.test"] = where })
			if err := c.Ping(context.Background()); err != nil { // over a new connection: it looks the name up
				t.Fatal(err)
			}
		}
		moves++
	}
	c.Close()
	mustBeFew(t, logs, time.Since(began), linesOfNames...)
}

var linesOfNames = []string{"the node's name leads elsewhere", "the node's name leads to several servers"}

// He can also have two names lead to one server, and one name to two of them by turns.
func TestNoNameServerFillsTheLogWithMoves(t *testing.T) {
	story(t, 2, func(w *world) {
		c, town := w.watched(2)
		town.moves(c, "n1.test", w.env.Node(0))
		began := time.Now()
		for i := range 300 {
			town.moves(c, "n2.test", w.env.Node(i%2))
			time.Sleep(20 * time.Millisecond)
		}
		time.Sleep(2 * journal.Every)
		mustBeFew(t, w.logs, time.Since(began), linesOfMoves...)
	})
}

var linesOfMoves = []string{"two nodes have come to lead to one server", "the node's name leads to one address and to another by turns"}

// A node that breaks connections makes the app look at its TLS files, ten times a second at most.
// Somebody who can write to them could change them as often.
func TestNoTLSFileFillsTheLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b syncBuffer
		j := logs{journal.New(slog.New(slog.NewTextHandler(&b, nil)))}
		path, _, _ := certificate(t)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		conf, files := &tls.Config{}, &memcached.TLSFiles{}
		if err := files.ReadRoots(conf, path); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for i := range 100 {
			time.Sleep(time.Second / 10)
			text := fmt.Append([]byte{}, i, "\n")
			if i%2 == 1 {
				text = append(text, good...)
			}
			if err := os.WriteFile(path, text, 0o600); err != nil {
				t.Fatal(err)
			}
			files.Renew(conf.Clone(), nodeLog{j, nil})
		}
		j.Close()
		mustBeFew(t, &b, time.Since(began), linesOfFiles...)
	})
}

var linesOfFiles = []string{"TLS files cannot be used, the last good ones stay in use", "TLS files were read again"}

// Somebody who can reach a node empties it again and again, and a node's crawler comes and goes.
func TestNobodyWhoEmptiesANodeFillsTheLog(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{Timeout: 10 * time.Millisecond})
		n := w.env.Node(0)
		const rounds = 200
		var took time.Duration
		for i := range rounds {
			began := time.Now()
			n.SetCrawler(testenv.Crawler{})
			if i%2 == 1 {
				n.SetCrawler(testenv.Crawler{Refusal: testenv.RefusedByOption})
			}
			n.Flush()
			if i%2 == 0 {
				w.whole(c)
			} else {
				c.kick()
				time.Sleep(c.settle())
			}
			took += time.Since(began)
		}
		time.Sleep(2 * journal.Every)
		mustBeFew(t, w.logs, took+2*journal.Every, linesOfHealing...)
	})
}

var linesOfHealing = []string{"node is not whole", "node is whole", "node is healed", "node could not be healed"}

// Every line that the package can write is one of those which the tests above cause, or one of
// those that New writes.
func TestEveryKindOfLogLineIsBounded(t *testing.T) {
	known := slices.Concat(linesOfLists, linesOfNames, linesOfMoves, linesOfFiles, linesOfHealing, linesOfTraces, linesOfLocal)
	for _, f := range chatters {
		known = append(known, f.lines...)
	}
	said := regexp.MustCompile(`\.(?:warn|info)\([\w.]+, "cluster: ([^"]*)"`)
	saidBelow := regexp.MustCompile(`\blog\.(?:Warn|Info)\("cluster: ([^"]*)"`) // to a nodeLog
	around := regexp.MustCompile(`(?m)^[^/\n]*(?:\.Log(?:Attrs)?\(|\.(?:Debug|Info|Warn|Error)(?:Context)?\([^)]|\b(?:log|fmt)\.(?:Print|Fatal|Panic))`)
	once := `logger.Warn("scsstore: sessions are committed whole` // by each Store
	lines := 0
	for _, dir := range []string{".", "internal/memcached", "../scsstore", "../gorillastore", "../serializer"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			said := said
			if dir == "internal/memcached" {
				said = saidBelow
			}
			for _, m := range said.FindAllStringSubmatch(string(b), -1) {
				lines++
				if !slices.ContainsFunc(known, func(k string) bool { return strings.HasPrefix(m[1], k) }) && !slices.Contains(atStart, "cluster: "+m[1]) {
					t.Errorf("%s: no test floods the log with %q", file, m[1])
				}
			}
			rest := strings.NewReplacer(once, "", "http.Error(", "", "o.Error(", "").Replace(said.ReplaceAllString(string(b), "")) // answers are no lines
			if found := around.FindAllString(rest, -1); len(found) > 0 {
				t.Errorf("%s writes past the journal: %q", file, found)
			}
		}
	}
	opposites, err := os.ReadFile("node.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`"cluster: (node is [^"]*)"`).FindAllStringSubmatch(string(opposites), -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("node.go has an opposite of %q, which is never written", m[1])
		}
	}
	if want := len(atStart) + 25; lines != want {
		t.Errorf("%d calls write to the log, want %d", lines, want)
	}
}
