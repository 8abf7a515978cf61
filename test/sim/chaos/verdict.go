package main

import (
	"errors"
	"fmt"
	"slices"
)

// This file decides whether a run was good enough, and hard enough.

// struck leaves out the times without a fault: what parallel requests do to a
// store that writes sessions whole is not the doing of a fault.
func struck(f *fault) bool { return f.promised && f.name != "none" }

// verdict returns what must not be. A run is judged by the faults that were chosen for it.
func (r *results) verdict() error {
	var bad []error
	for _, f := range r.settings.chosen() {
		if !f.promised {
			continue
		}
		for _, k := range []kind{onSCS, onGorilla} {
			for _, text := range f.complaints(r.total(k, named([]string{f.name}))) {
				bad = append(bad, fmt.Errorf("%s, %s: %s; -seed %d -timeout %v", f.name, k, text, r.settings.seed, r.settings.timeout))
			}
		}
	}
	for _, text := range r.refusals {
		bad = append(bad, fmt.Errorf("%s; -seed %d -timeout %v", text, r.settings.seed, r.settings.timeout))
	}
	if !r.settings.sticky && slices.ContainsFunc(r.settings.chosen(), func(f *fault) bool { return f.idle != idleExcused }) {
		for _, k := range []kind{onSCS, onGorilla} {
			c := r.idleTotal(k)
			for _, text := range c.complaints() {
				bad = append(bad, fmt.Errorf("idle sessions, %s: %s; -seed %d -timeout %v", k, text, r.settings.seed, r.settings.timeout))
			}
		}
	}
	for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
		if n := r.logged[k]; n > 0 {
			bad = append(bad, fmt.Errorf("%s: instances logged %d errors, such as panics, which are shown where they happened; -seed %d -timeout %v", k, n, r.settings.seed, r.settings.timeout))
		}
	}
	if r.settings.sticky {
		for _, text := range r.tooLittleLocal() {
			bad = append(bad, fmt.Errorf("%s; -seed %d -timeout %v", text, r.settings.seed, r.settings.timeout))
		}
	}
	if r.settings.faults == nil && !r.settings.sticky { // a chosen few may well be gentle
		for _, k := range []kind{oneCopy, blind} {
			if c := r.total(k, struck); c.absent == 0 {
				bad = append(bad, fmt.Errorf("%s: no session was lost: the faults are too gentle", k))
			}
			if c := r.idleTotal(k); c.lost == 0 {
				bad = append(bad, fmt.Errorf("%s: no idle session was lost: the faults are too gentle", k))
			}
		}
	}
	if r.settings.updates {
		for _, text := range r.tooFewRaised() {
			bad = append(bad, fmt.Errorf("%s; -seed %d -timeout %v", text, r.settings.seed, r.settings.timeout))
		}
	}
	if r.settings.faults == nil && !r.settings.sticky && !r.settings.short && r.torn == 0 {
		bad = append(bad, fmt.Errorf("app: no session was found half written: the fault did not hit between two writes; -seed %d -timeout %v", r.settings.seed, r.settings.timeout))
	}
	if most := r.stalled(); len(bad) > 0 && most > r.settings.timeout {
		bad = append(bad, fmt.Errorf("a process did not run for %s, so all nodes looked hung to it: on a machine as busy as this, choose a longer -timeout", ms(most)))
	}
	return errors.Join(bad...)
}

// fewestRaised is how many Updates a run must have had acknowledged, or it has tested nothing.
const fewestRaised = 1000

// tooFewRaised says where a run with -updates has tested nothing.
func (r *results) tooFewRaised() (all []string) {
	if n := r.ours(promised).raised; n < fewestRaised {
		all = append(all, fmt.Sprintf("-updates: %d Updates were acknowledged, fewer than %d: let it run for longer", n, fewestRaised))
	}
	if c := r.total(oneCopy, promised); c.uncounted == 0 {
		all = append(all, "-updates: plain saves of the same numbers lost none: too few came at once")
	}
	return all
}

// tooLittleLocal says where a run with -sticky has tested nothing.
func (r *results) tooLittleLocal() (all []string) {
	c := r.ours(promised)
	if c.local == 0 {
		all = append(all, "-sticky: no session was shown on a local copy")
	}
	if r.settings.faults == nil && c.told == 0 {
		all = append(all, "-sticky: nothing was lost with an instance: the faults are too gentle")
	}
	return all
}

// complaints are what must not be said of a driver under a fault that is promised.
func (f *fault) complaints(c *counts) []string {
	var all []string
	if n := c.broken(); n > 0 {
		all = append(all, fmt.Sprintf("%d promises broken", n))
	}
	if c.shown > 0 && !f.errors {
		all = append(all, fmt.Sprintf("%d error pages, which are no part of this fault", c.shown))
	}
	if c.cut > 0 && !f.cuts {
		all = append(all, fmt.Sprintf("%d requests without an answer, which are no part of this fault", c.cut))
	}
	if c.doubted > 0 && f.sound {
		all = append(all, fmt.Sprintf("%d times a node was taken for down, though all answer at once", c.doubted))
	}
	if n := c.raising.broken(); n > 0 {
		all = append(all, fmt.Sprintf("of numbers that were raised by Update or with a lock, %d acknowledged changes missing or twice, %d too many, %d locks held by two, %d sessions gone", c.uncounted, c.surplus, c.overlaps, c.ended))
	}
	if c.unserved > 0 {
		all = append(all, fmt.Sprintf("%d error pages in an outage, for users who stayed on their instance", c.unserved))
	}
	if c.acked == 0 {
		all = append(all, "no save was acknowledged, so nothing was tested")
	}
	return all
}
