package main

import (
	"slices"
	"time"
)

// This file decides which cells there are. The quick ones are among the full ones,
// so that a quick run can be compared with a recorded one.

var (
	payloads    = []int{200, 1 << 10, 8 << 10, 64 << 10, 500 << 10}
	concurrency = []int{1, 16, 64, 256}
)

const roundTrip = 500 * time.Microsecond

func cells(o options) []cell {
	var all []cell
	for _, g := range []struct {
		group string
		enter func(*rig, cell) ([]*contender, error)
	}{{"load", loadOnly}, {"save", saveOnly}, {"load+save", loadAndSave}, {"90 % reads", mostlyReads}} {
		for _, p := range payloads {
			for _, n := range concurrency {
				quick := p == 1<<10 && (n == 1 || n == 64)
				all = append(all, cell{group: g.group, payload: p, concurrency: n, quick: quick, enter: g.enter})
			}
		}
		all = append(all, cell{group: g.group, payload: 1 << 10, concurrency: 1, rtt: roundTrip, quick: g.group == "load", enter: g.enter})
	}
	all = append(all, cell{group: bareGroup.name, payload: 1 << 10, concurrency: 1, enter: bareGroup.enter})
	for _, g := range sealGroups {
		for _, p := range []int{1 << 10, 8 << 10} {
			for _, n := range []int{1, 64} {
				all = append(all, cell{group: g.name, payload: p, concurrency: n, enter: g.enter})
			}
		}
	}
	for _, g := range ownedGroups {
		for _, n := range []int{1, 64} {
			all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: n, enter: g.enter})
		}
	}
	for _, g := range extraGroups {
		for _, n := range []int{1, 64} {
			all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: n, enter: g.enter})
		}
	}
	for _, g := range updateGroups {
		for _, n := range contending {
			all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: n, enter: g.enter})
		}
		all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: 1, rtt: roundTrip, enter: g.enter})
	}
	for _, g := range scsGroups {
		for _, n := range concurrency {
			all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: n, quick: n == 64, enter: g.enter})
		}
		all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: 1, rtt: roundTrip, enter: g.enter})
	}
	for _, g := range stickyGroups {
		for _, n := range []int{1, 64} {
			all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: n, enter: g.enter})
		}
		if slices.Contains(stickyAfar, g.name) {
			all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: 1, rtt: roundTrip, enter: g.enter})
		}
	}
	for _, g := range gorillaGroups {
		for _, n := range concurrency {
			all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: n, quick: n == 64, enter: g.enter})
		}
		all = append(all, cell{group: g.name, payload: 1 << 10, concurrency: 1, rtt: roundTrip, enter: g.enter})
	}
	return append(all,
		cell{group: "encode", concurrency: 1, quick: true, enter: encodeOnly},
		cell{group: "decode", concurrency: 1, quick: true, enter: decodeOnly},
	)
}
