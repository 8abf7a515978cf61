package holdfastprom

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what is measured while it happens: how long operations and exchanges take.

// buckets end at what a healthy node takes, at the default Timeout of 150 ms, at the 300 ms that a
// user may notice of a node that fails, and at a few Timeouts.
var buckets = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .15, .3, .5, 1, 2.5}

// Metrics is a prometheus.Collector for one Cluster. It is safe for concurrent use.
type Metrics struct {
	operations *prometheus.HistogramVec
	exchanges  *prometheus.HistogramVec
	requests   *prometheus.CounterVec
	passes     *prometheus.CounterVec

	cluster atomic.Pointer[cluster.Cluster] // nil until Watch

	mu    sync.Mutex          // guards below
	nodes map[string]struct{} // that the last scrape has shown
}

// New returns Metrics that have seen nothing yet.
func New() *Metrics {
	return &Metrics{
		operations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_operation_duration_seconds", Help: "Time that a load, save, delete or update of a session took.", Buckets: buckets,
		}, []string{"operation", "outcome"}),
		exchanges: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "holdfast_exchange_duration_seconds", Help: "Time that one exchange with a memcached node took: some commands in one packet, and their answers.", Buckets: buckets,
		}, []string{"node", "kind", "outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_exchange_requests_total", Help: "Requests that went to a node, several of which may share an exchange.",
		}, []string{"node", "kind"}),
		passes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "holdfast_heal_passes_total", Help: "Passes over all keys that this process has made to fill a node.",
		}, []string{"node", "outcome"}),
	}
}

// Trace returns what belongs into cluster.Config.Trace. Beside another Trace, use
// cluster.JoinTraces.
func (m *Metrics) Trace() *cluster.Trace {
	return &cluster.Trace{
		OperationDone: func(_ context.Context, d cluster.OperationDone) {
			m.operations.WithLabelValues(string(d.Operation), string(d.Outcome)).Observe(d.Took.Seconds())
		},
		ExchangeDone: func(d cluster.ExchangeDone) {
			m.exchanges.WithLabelValues(d.Node, d.Kind, string(d.Outcome)).Observe(d.Took.Seconds())
			m.requests.WithLabelValues(d.Node, d.Kind).Add(float64(d.Requests))
		},
		HealDone: func(r cluster.HealReport, err error) {
			outcome := "ok"
			if err != nil {
				outcome = "failed"
			}
			m.passes.WithLabelValues(r.Node, outcome).Inc()
		},
	}
}

// Watch has the Metrics show the Cluster's nodes and counts as well. Until then a scrape shows
// neither.
func (m *Metrics) Watch(c *cluster.Cluster) { m.cluster.Store(c) }

// Describe is a part of prometheus.Collector.
func (m *Metrics) Describe(ch chan<- *prometheus.Desc) {
	for _, c := range m.measured() {
		c.Describe(ch)
	}
	for _, d := range nodeMetrics {
		ch <- d.desc
	}
	ch <- stateDesc
	for _, s := range statMetrics {
		ch <- s.desc
	}
}

// Collect is a part of prometheus.Collector.
func (m *Metrics) Collect(ch chan<- prometheus.Metric) {
	if c := m.cluster.Load(); c != nil {
		nodes := oneOfEachID(c.Nodes())
		m.forgetOthers(nodes)
		collectNodes(ch, nodes)
		collectStats(ch, c.Stats())
	}
	for _, c := range m.measured() {
		c.Collect(ch)
	}
}

// oneOfEachID leaves out what else has the ID of a node: while a node moves to another address, both are
// listed, and a scrape with two of one label fails as a whole. The one of the present list comes first.
func oneOfEachID(nodes []cluster.NodeStatus) (distinct []cluster.NodeStatus) {
	for _, n := range nodes {
		if !slices.ContainsFunc(distinct, func(o cluster.NodeStatus) bool { return o.ID == n.ID }) {
			distinct = append(distinct, n)
		}
	}
	return distinct
}

func (m *Metrics) measured() []prometheus.Collector {
	return []prometheus.Collector{m.operations, m.exchanges, m.requests, m.passes}
}

// forgetOthers drops what was measured of nodes that are on no list any more: where nodes come and
// go with IDs of their own, they would pile up.
func (m *Metrics) forgetOthers(nodes []cluster.NodeStatus) {
	now := map[string]struct{}{}
	for _, n := range nodes {
		now[n.ID] = struct{}{}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id := range m.nodes {
		if _, listed := now[id]; !listed {
			gone := prometheus.Labels{"node": id}
			m.exchanges.DeletePartialMatch(gone)
			m.requests.DeletePartialMatch(gone)
			m.passes.DeletePartialMatch(gone)
		}
	}
	m.nodes = now
}
