package cluster

import (
	"slices"
	"strconv"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// whom is a wide read's round as a text: the places of the nodes that are waited for, a stroke, and
// the places of those that are asked briefly.
func whom(r readStep, list []candidate) string {
	places := func(ns []*node) (text string) {
		for i, c := range list {
			if slices.Contains(ns, c.node) {
				text += strconv.Itoa(i)
			}
		}
		return text
	}
	return places(r.ask) + "|" + places(r.brief)
}

func TestWhomAWideReadAsks(t *testing.T) {
	const replicas = 2
	rec := record.Change(nil, attrsOf("a=1"), 1<<40, record.Timestamp{Clock: 1, Writer: 1})
	other := record.Change(nil, attrsOf("a=2"), 1<<40, record.Timestamp{Clock: 2, Writer: 1})
	up, back := standing{state: StateUp}, standing{state: StateUp, mayLack: true}
	suspect := standing{state: StateSuspect}
	refuses, hangs := standing{state: StateDown, failsFast: true}, standing{state: StateDown}
	for _, c := range []struct {
		name   string
		nodes  []standing
		holds  []*record.Record // what the targets, the first that are up, answered; nil: a miss
		passed []int
		want   string
	}{
		{"the next two", []standing{up, up, up, up, up}, []*record.Record{rec, rec}, nil, "23|"},
		{"a suspect node is one", []standing{up, up, suspect, up, up}, []*record.Record{rec, nil}, nil, "23|"},
		{"which is not waited for where no copy is missing", []standing{up, up, suspect, up, up}, []*record.Record{rec, rec}, nil, "34|"},
		{"one that is not whole does not count", []standing{up, up, back, up, up, up}, []*record.Record{rec, rec}, nil, "234|"},
		{"one that has failed is not asked again", []standing{up, up, up, up, up, up}, []*record.Record{rec, rec}, []int{2}, "34|"},
		{"a home that refuses is asked: it costs no wait", []standing{refuses, up, up, up, up}, []*record.Record{rec, rec}, nil, "034|"},
		{"a home that refused in this operation is not", []standing{refuses, up, up, up, up}, []*record.Record{rec, rec}, []int{0}, "34|"},
		{"a home that hangs is left alone where no copy is missing", []standing{hangs, up, up, up, up}, []*record.Record{rec, rec}, nil, "34|"},
		{"it is asked for a copy that is missing", []standing{hangs, up, up, up, up}, []*record.Record{rec, nil}, nil, "34|0"},
		{"and where copies differ", []standing{hangs, up, up, up, up}, []*record.Record{rec, other}, nil, "34|0"},
		{"but not if it has failed in this operation", []standing{hangs, up, up, up, up}, []*record.Record{rec, nil}, []int{0}, "34|"},
		{"the first fallbacks are asked like homes", []standing{up, up, refuses, hangs, up, up}, []*record.Record{rec, nil}, nil, "245|3"},
		{"those behind them are not", []standing{up, up, up, up, refuses, hangs}, []*record.Record{rec, nil}, nil, "23|"},
		{"where all but one hang, its copy is all there can be", []standing{hangs, hangs, up}, []*record.Record{rec}, nil, "|"},
		{"unless it has none", []standing{hangs, hangs, up}, []*record.Record{nil}, nil, "|01"},
	} {
		var list []candidate
		v := &view{}
		for i, s := range c.nodes {
			n := &node{}
			list = append(list, candidate{node: n, standing: s, passedOver: slices.Contains(c.passed, i)})
			if s.state == StateUp && len(v.targets) < len(c.holds) {
				a := answer{node: n, rec: c.holds[len(v.targets)]}
				if a.rec != nil {
					a.item = &memcached.Copy{}
				}
				v.targets, v.answers = append(v.targets, n), append(v.answers, a)
			}
		}
		r := v.wideStep(list, replicas)
		if got := whom(r, list); got != c.want || !r.wide || len(r.ask)+len(r.brief) != len(c.want)-1 {
			t.Errorf("%s: it asks %s (%d and %d), want %s", c.name, got, len(r.ask), len(r.brief), c.want)
		}
	}
}
