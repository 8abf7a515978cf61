package holdfastprom

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// These tests tell what a scrape shows.

// watched is a cluster whose Metrics are scraped.
type watched struct {
	*cluster.Cluster
	env      *testenv.Env
	metrics  *Metrics
	registry *prometheus.Registry
	server   *httptest.Server
}

// watch returns a cluster over nodes of its own. Its Timeout is out of the reach of a busy machine,
// unless the test changes it.
func watch(t *testing.T, nodes int, change func(*cluster.Config), opts ...testenv.Option) *watched {
	t.Helper()
	w := &watched{env: testenv.Start(t, nodes, opts...), metrics: New(), registry: prometheus.NewRegistry()}
	list, err := cluster.ParseNodes(w.env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	cfg := cluster.Config{
		Nodes: list, KeyPrefix: rand.Text() + ":", DialContext: w.env.DialContext, Timeout: 10 * time.Second,
		Trace: w.metrics.Trace(), Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	if w.Cluster, err = cluster.New(cfg); err != nil {
		t.Fatal(err)
	}
	w.metrics.Watch(w.Cluster)
	w.registry.MustRegister(w.metrics)
	w.server = httptest.NewServer(promhttp.HandlerFor(w.registry, promhttp.HandlerOpts{}))
	t.Cleanup(func() {
		w.server.Close()
		w.Close()
	})
	return w
}

// scrape is what Prometheus reads.
func (w *watched) scrape(t *testing.T) string {
	t.Helper()
	resp, err := http.Get(w.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.StatusCode, err, string(b))
	}
	return string(b)
}

// mustHold fails unless the scrape has each of these lines.
func mustHold(t *testing.T, scrape string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(scrape, "\n"+line+"\n") {
			t.Errorf("the scrape lacks %s:\n%s", line, scrape)
		}
	}
}

// eventually waits until that is so.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for limit := time.Now().Add(time.Minute); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func create(t *testing.T, c *cluster.Cluster, id string) *cluster.Record {
	t.Helper()
	r := cluster.NewRecord(id)
	r.Attrs["user"] = []byte("ann")
	if err := c.Save(context.Background(), r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAScrapeOfWorkAndADeadNode(t *testing.T) {
	w := watch(t, 3, func(c *cluster.Config) { c.Timeout = 2 * time.Second }, testenv.Embedded()) // nodes are whole after two
	for _, n := range w.Nodes() {
		eventually(t, n.ID+" is whole", func() bool {
			return strings.Contains(w.scrape(t), fmt.Sprintf("\nholdfast_node_whole{node=%q} 1\n", n.ID))
		})
	}
	create(t, w.Cluster, "s")
	if _, err := w.Load(context.Background(), "s"); err != nil {
		t.Fatal(err)
	}
	_, _ = w.Load(context.Background(), "another")
	w.env.Node(1).Kill()
	eventually(t, "n2 is down", func() bool {
		_ = w.Ping(context.Background())
		return w.Nodes()[1].State == cluster.StateDown
	})
	mustHold(t, w.scrape(t),
		`holdfast_operation_duration_seconds_count{operation="save",outcome="ok"} 1`,
		`holdfast_operation_duration_seconds_count{operation="load",outcome="ok"} 1`,
		`holdfast_operation_duration_seconds_count{operation="load",outcome="not_found"} 1`,
		`holdfast_node_state{node="n1",state="up"} 1`,
		`holdfast_node_state{node="n2",state="up"} 0`,
		`holdfast_node_state{node="n2",state="down"} 1`,
		`holdfast_node_whole{node="n1"} 1`,
		`holdfast_loads_total 2`, `holdfast_saves_total 1`, `holdfast_hits_total 1`, `holdfast_not_found_total 1`,
		`holdfast_heal_passes_total{node="n3",outcome="ok"} 1`,
	)
}

// A node gets another address and keeps its ID, as when a machine is replaced: while both are listed, a
// scrape shows the new one.
func TestANodeThatMovesIsShownOnce(t *testing.T) {
	w := watch(t, 3, nil, testenv.Embedded())
	list, err := cluster.ParseNodes(w.env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	list[2].Addr = w.env.Add().Addr()
	if err := w.SetNodes(list); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Nodes()); n != 4 {
		t.Fatalf("%d nodes are listed: the test has no point", n)
	}
	mustHold(t, w.scrape(t), `holdfast_node_leaving{node="n3"} 0`, `holdfast_node_leaving{node="n1"} 0`)
}

// Names, units, types and help follow the conventions of Prometheus, as its own linter knows them.
func TestMetricsFollowTheConventions(t *testing.T) {
	w := watch(t, 2, nil, testenv.Embedded())
	create(t, w.Cluster, "s")
	problems, err := testutil.GatherAndLint(w.registry)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
	if n := testutil.CollectAndCount(w.metrics); n < 30 {
		t.Errorf("%d metrics", n)
	}
}

// Every count that package cluster has is shown, also one that is new there.
func TestEveryCountOfStatsIsShown(t *testing.T) {
	w := watch(t, 2, nil, testenv.Embedded())
	scrape := w.scrape(t)
	stats := reflect.TypeFor[cluster.Stats]()
	for i := range stats.NumField() {
		name := "holdfast_" + snake(stats.Field(i).Name)
		switch stats.Field(i).Type {
		case reflect.TypeFor[uint64]():
			name += "_total"
		case reflect.TypeFor[time.Duration]():
			name += "_seconds"
		}
		if !strings.Contains(scrape, "\n"+name+" ") {
			t.Errorf("the scrape lacks %s:\n%s", name, scrape)
		}
	}
	if got := snake("WideReads"); got != "wide_reads" {
		t.Errorf("WideReads becomes %s", got)
	}
}

// A node that is on no list any more leaves nothing behind.
func TestNodesThatLeaveAreForgotten(t *testing.T) {
	m := New()
	tell := m.Trace()
	for _, id := range []string{"n1", "n2"} {
		tell.ExchangeDone(cluster.ExchangeDone{Node: id, Kind: "read", Requests: 1, Outcome: cluster.OutcomeOK})
		tell.HealDone(cluster.HealReport{Node: id}, nil)
	}
	m.forgetOthers([]cluster.NodeStatus{{ID: "n1"}, {ID: "n2"}})
	m.forgetOthers([]cluster.NodeStatus{{ID: "n2"}})
	for _, c := range []prometheus.Collector{m.exchanges, m.requests, m.passes} {
		if n := testutil.CollectAndCount(c); n != 1 {
			t.Errorf("%d metrics of two nodes, one of which has gone", n)
		}
	}
}

// Before there is a Cluster a scrape shows none, and fails neither.
func TestAScrapeBeforeTheCluster(t *testing.T) {
	registry := prometheus.NewRegistry()
	registry.MustRegister(New())
	if _, err := registry.Gather(); err != nil {
		t.Error(err)
	}
}
