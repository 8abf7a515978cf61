package main

import "fmt"

// This file decides which figures the project holds itself to, and says of each
// whether this run reached it.

// goal is one figure: what a row must show at least, or at most.
type goal struct {
	what    string
	atLeast float64 // 0: atMost counts
	atMost  float64
	value   figure
}

// figure reads a number off the results. It reports false when that number, or the one
// that it is measured against, was not measured.
type figure func(res *results) (spread, bool)

// rateOf is a contender's rate as a ratio to that of the floor, which is named here so
// that no other contender is taken for it.
func rateOf(cell, contender, floor string) figure {
	return func(res *results) (spread, bool) {
		return measuredAgainst(res.find(cell, contender), floor, func(r *row) *spread { return r.Ratio })
	}
}

// p50Of is the same of the median time of one operation.
func p50Of(cell, contender, floor string) figure {
	return func(res *results) (spread, bool) {
		return measuredAgainst(res.find(cell, contender), floor, func(r *row) *spread { return r.P50Ratio })
	}
}

func measuredAgainst(r *row, floor string, pick func(*row) *spread) (spread, bool) {
	if r == nil || r.NotMeasured != "" || r.Floor != floor || pick(r) == nil {
		return spread{}, false
	}
	return *pick(r), true
}

// beyond is how many allocations an operation makes in addition to those of the plain
// client for two exchanges.
func beyond(cell, contender, floor string) figure {
	return ofTwo(cell, contender, floor, func(r, f *row) (float64, bool) { return r.Allocs - 2*f.Allocs, true })
}

// numberOf is a plain number of one row as a ratio to that of another.
func numberOf(cell, contender, floor string, number func(*row) float64) figure {
	return ofTwo(cell, contender, floor, func(r, f *row) (float64, bool) { return number(r) / number(f), number(f) > 0 })
}

func ofTwo(cell, contender, floor string, number func(r, f *row) (float64, bool)) figure {
	return func(res *results) (spread, bool) {
		r, f := res.find(cell, contender), res.find(cell, floor)
		if r == nil || f == nil || r.NotMeasured != "" || f.NotMeasured != "" {
			return spread{}, false
		}
		n, measured := number(r, f)
		return spread{n, n, n}, measured
	}
}

func faultOf(pick func(*faultResults) spread) figure {
	return func(res *results) (spread, bool) {
		if res.Faults == nil {
			return spread{}, false
		}
		return pick(res.Faults), true
	}
}

func allocsOf(r *row) float64   { return r.Allocs }
func rateNumber(r *row) float64 { return r.Rate.Median }
func p50Number(r *row) float64  { return r.P50.Median }
func sizeOf(r *row) float64     { return float64(r.Size) }

var goals = []goal{
	{what: "Load, 1 KiB, 64 at once: rate, of one plain Get", atLeast: 1.0, value: rateOf("load/1024B/64", "cluster.Load", "gomemcache Get")},
	{what: "Load, 1 KiB, one at a time: p50, of one plain Get", atMost: 2.0, value: p50Of("load/1024B/1", "cluster.Load", "gomemcache Get")},
	{what: "the same with 0.5 ms of network round trip", atMost: 1.2, value: p50Of("load/1024B/1/rtt 500µs", "cluster.Load", "gomemcache Get")},
	{what: "Save, 1 KiB, 64 at once: rate, of one plain Set", atLeast: 0.5, value: rateOf("save/1024B/64", "cluster.Save", "gomemcache Set")},
	{what: "the same, what we aim at", atLeast: 0.9, value: rateOf("save/1024B/64", "cluster.Save", "gomemcache Set")},
	{what: "scs request with IdleTimeout, 64 at once: rate, of goredisstore", atLeast: 1.2, value: rateOf("scs IdleTimeout/1024B/64", "scsstore, serializer.Codec", "goredisstore")},
	{what: "the same with RefreshSlack", atLeast: 1.8, value: rateOf("scs IdleTimeout/1024B/64", "scsstore, RefreshSlack 1m", "goredisstore")},
	{what: "gorilla Get + Save, 64 at once: rate, of boj/redistore", atLeast: 1.2, value: rateOf("gorilla Get + Save/1024B/64", "gorillastore", "boj/redistore")},
	{what: "sticky scs request with IdleTimeout, one at a time: rate, of memstore", atLeast: 1.5, value: rateOf("sticky scs IdleTimeout/1024B/1", "scsstore, Local", "memstore")},
	{what: "the same, 64 at once", atLeast: 1.5, value: rateOf("sticky scs IdleTimeout/1024B/64", "scsstore, Local", "memstore")},
	{what: "the same with 0.5 ms of network round trip, one at a time: p50, of goredisstore", atMost: 0.1, value: numberOf("sticky scs IdleTimeout/1024B/1/rtt 500µs", "scsstore, Local", "goredisstore", p50Number)},
	{what: "sticky scs request that reads, one at a time: rate, of rueidis with its cache", atLeast: 1, value: numberOf("sticky scs no IdleTimeout/1024B/1", "scsstore, Local", cachedGob, rateNumber)},
	{what: "the same, 64 at once", atLeast: 1, value: numberOf("sticky scs no IdleTimeout/1024B/64", "scsstore, Local", cachedGob, rateNumber)},
	{what: "the same, rueidis with serializer.Codec", atLeast: 1, value: numberOf("sticky scs no IdleTimeout/1024B/64", "scsstore, Local", cachedSerializer, rateNumber)},
	{what: "scs request with an owner, 64 at once: rate, of one without OwnerKey", atLeast: 0.97, value: rateOf("scs request, with an owner/1024B/64", "scsstore, OwnerKey", "scsstore")},
	{what: "encode a typical session: rate, of gob", atLeast: 3, value: rateOf("encode/1", "serializer", "encoding/gob")},
	{what: "decode a typical session: rate, of gob", atLeast: 3, value: rateOf("decode/1", "serializer", "encoding/gob")},
	{what: "encode: allocations, of gob", atMost: 1.0 / 3, value: numberOf("encode/1", "serializer", "encoding/gob", allocsOf)},
	{what: "decode: allocations, of gob", atMost: 1.0 / 3, value: numberOf("decode/1", "serializer", "encoding/gob", allocsOf)},
	{what: "bytes of a typical session, of gob", atMost: 0.6, value: numberOf("encode/1", "serializer", "encoding/gob", sizeOf)},
	{what: "Load, 1 KiB: allocations beyond two plain Gets", atMost: 12, value: beyond("load/1024B/1", "cluster.Load", "gomemcache Get")},
	{what: "Save, 1 KiB: allocations beyond two plain Sets", atMost: 16, value: beyond("save/1024B/1", "cluster.Save", "gomemcache Set")},
	{what: "loads with a node dead and marked down, 64 at once: rate, of healthy", atLeast: 0.9, value: faultOf(func(f *faultResults) spread { return f.DeadLoad })},
	{what: "load + save with a node dead and marked down: rate, of healthy", atLeast: 0.9, value: faultOf(func(f *faultResults) spread { return f.DeadSave })},
}

// goals prints the table of figures.
func (res *results) goals(p func(string, ...any)) {
	p("## What it is held to\n")
	p("| figure | wanted | measured | |\n|---|--:|--:|---|")
	for _, g := range goals {
		s, measured := g.value(res)
		want, reached := fmt.Sprintf("at least %.2g", g.atLeast), s.Median >= g.atLeast
		if g.atMost != 0 {
			want, reached = fmt.Sprintf("at most %.2g", g.atMost), s.Median <= g.atMost
		}
		switch {
		case !measured:
			p("| %s | %s | %s | |", g.what, want, notMeasured)
		case reached:
			p("| %s | %s | %v | reached |", g.what, want, s)
		default:
			p("| %s | %s | %v | **missed** |", g.what, want, s)
		}
	}
	p("")
}
