package holdfastprom

import (
	"reflect"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what a scrape shows of a Cluster's own counts.

// nodeMetric is one value of each node.
type nodeMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	value func(cluster.NodeStatus) float64
}

func ofNode(name, help string, kind prometheus.ValueType, value func(cluster.NodeStatus) float64) nodeMetric {
	return nodeMetric{prometheus.NewDesc("holdfast_node_"+name, help, []string{"node"}, nil), kind, value}
}

var stateDesc = prometheus.NewDesc("holdfast_node_state", "1 for the state that this process takes the node to be in, 0 for the others.", []string{"node", "state"}, nil)

const (
	gauge   = prometheus.GaugeValue
	counter = prometheus.CounterValue
)

var nodeMetrics = []nodeMetric{
	ofNode("whole", "1 while the node holds a current copy of every session that belongs on it.", gauge, func(n cluster.NodeStatus) float64 { return number(n.Whole) }),
	ofNode("draining", "1 while the node is being emptied of its duties.", gauge, func(n cluster.NodeStatus) float64 { return number(n.Draining) }),
	ofNode("leaving", "1 for a node that is on a former list only.", gauge, func(n cluster.NodeStatus) float64 { return number(n.Leaving) }),
	ofNode("standby", "1 for a standby node.", gauge, func(n cluster.NodeStatus) float64 { return number(n.Standby) }),
	ofNode("state_since_timestamp_seconds", "When the node got into its state.", gauge, func(n cluster.NodeStatus) float64 { return float64(n.Since.UnixMilli()) / 1000 }),
	ofNode("heal_restored_sessions", "Sessions that the pass under way for the node has restored.", gauge, func(n cluster.NodeStatus) float64 { return float64(n.Restored) }),
	ofNode("heal_sessions", "Sessions that the pass under way for the node is to restore.", gauge, func(n cluster.NodeStatus) float64 { return float64(n.ToRestore) }),
	ofNode("commands_total", "Exchanges begun with the node; probes are not among them.", counter, func(n cluster.NodeStatus) float64 { return float64(n.Commands) }),
	ofNode("errors_total", "Exchanges with the node that have failed.", counter, func(n cluster.NodeStatus) float64 { return float64(n.Errors) }),
	ofNode("timeouts_total", "Exchanges with the node that have failed for want of an answer in time.", counter, func(n cluster.NodeStatus) float64 { return float64(n.Timeouts) }),
	ofNode("reconnects_total", "Connections to the node that were found broken.", counter, func(n cluster.NodeStatus) float64 { return float64(n.Reconnects) }),
	ofNode("busy_total", "Requests to the node that were turned away for want of room.", counter, func(n cluster.NodeStatus) float64 { return float64(n.Busy) }),
}

func number(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

func collectNodes(ch chan<- prometheus.Metric, nodes []cluster.NodeStatus) {
	for _, n := range nodes {
		for _, m := range nodeMetrics {
			ch <- prometheus.MustNewConstMetric(m.desc, m.kind, m.value(n), n.ID)
		}
		for _, s := range []cluster.State{cluster.StateUp, cluster.StateSuspect, cluster.StateDown} {
			ch <- prometheus.MustNewConstMetric(stateDesc, gauge, number(n.State == s), n.ID, s.String())
		}
	}
}

// statMetric is one count of cluster.Stats.
type statMetric struct {
	desc  *prometheus.Desc
	kind  prometheus.ValueType
	field int
}

// statMetrics are made of the fields, so that a count which is new in package cluster is shown.
var statMetrics = func() (all []statMetric) {
	stats := reflect.TypeFor[cluster.Stats]()
	for i := range stats.NumField() {
		field := stats.Field(i)
		name := snake(field.Name)
		help := "Stats." + field.Name + " of package cluster."
		if known, ok := statHelp[name]; ok {
			help = known
		}
		kind := gauge
		switch {
		case field.Type.Kind() == reflect.Uint64: // a count since New; others go up and down
			kind, name = counter, name+"_total"
		case field.Type == reflect.TypeFor[time.Duration]():
			name += "_seconds"
		}
		all = append(all, statMetric{prometheus.NewDesc("holdfast_"+name, help, nil, nil), kind, i})
	}
	return all
}()

var words = regexp.MustCompile(`[A-Z][a-z0-9]*`)

// snake turns WideReads into wide_reads.
func snake(name string) string {
	return strings.ToLower(strings.Join(words.FindAllString(name, -1), "_"))
}

// statHelp is what the counts are, by the names of their metrics.
var statHelp = map[string]string{
	"loads":           "Calls of Load.",
	"saves":           "Calls of Save.",
	"deletes":         "Calls of Delete.",
	"hits":            "Loads that returned a session.",
	"not_found":       "Loads that found no session, which is known not to exist.",
	"unavailable":     "Calls that failed because too few nodes could be reached.",
	"throttled":       "Loads that failed because of UnknownPerSecond.",
	"wide_reads":      "Reads that had to go beyond the targets.",
	"repairs":         "Copies written by loads.",
	"healed":          "Copies written without a request.",
	"repair_failures": "Loads that could not bring all targets up to date.",
	"fast_saves":      "Saves done in one round trip.",
	"idle_saves":      "Saves that needed no write, because of RefreshSlack.",
	"merges":          "Saves that joined with what others had written.",
	"conflicts":       "Saves that lost to other saves too often.",
	"destroyed":       "Saves of sessions that had been deleted or had ended.",
	"too_large":       "Saves of sessions larger than the limit.",
	"damaged":         "Copies that were damaged, forged, or belonged to another key.",
	"unreadable":      "Copies of a newer version, or that no seal key opens.",
	"unsealed":        "Copies without a seal that AllowUnsealed let in.",
	"local_hits":      "Hits that asked no node, or found none: shown on a local copy.",
	"behind":          "Loads whose client had seen more of its session than was found.",
	"busy":            "Requests to nodes turned away for want of room.",
}

func collectStats(ch chan<- prometheus.Metric, s cluster.Stats) {
	values := reflect.ValueOf(s)
	for _, m := range statMetrics {
		ch <- prometheus.MustNewConstMetric(m.desc, m.kind, valueOf(values.Field(m.field)))
	}
}

func valueOf(v reflect.Value) float64 {
	switch v := v.Interface().(type) {
	case uint64:
		return float64(v)
	case int:
		return float64(v)
	case int64:
		return float64(v)
	case bool:
		return number(v)
	case time.Duration:
		return v.Seconds()
	}
	return 0
}
