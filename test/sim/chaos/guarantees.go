package main

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"time"
)

// This file decides what the page of guarantees says.

const method = `# What is promised, and what was measured

This page is written by ` + "`cd test/sim && go run ./chaos -write`" + `. Its tables are those of one run on real memcached processes, whatever they
turned out to be; what the simulation, the interleavings and the mutants have shown are runs of their own, told in
"[What the others have shown](#what-the-others-have-shown)".

## How it is tested

Four kinds of test try to break the promises, each good at something that the others are not.

1. **Simulation.** Several instances and many users live through hours of faults in virtual time, within seconds: nodes
   killed, hung, cut off, restarted empty, added and removed, evictions, clocks minutes apart. The code is the real one, on
   in-memory nodes; a seed decides everything and repeats it to the nanosecond, but for about one run in a hundred.
2. **Every interleaving.** Writers and a deleter of one session over two nodes and a fallback: each exchange with a
   node arrives, is lost, or arrives late, in every order within the scope. Nothing is left to chance; which scopes were
   explored to the end is told below.
3. **Mutants.** The rules of the code are taken out one at a time. For each the tests must fail: a rule whose absence
   nobody notices is not tested.
4. **Real nodes under fire**, all tables of this page. Users with browsers' cookies visit two instances of an app over HTTP, each a
   process of its own, on memcached processes, while faults are made. Both drivers run, and beside them, on the same nodes and at the same
   moments, two stores without this protocol.

The simulation and the real nodes are judged by the same checker. It knows every request, its begin and end, and what it
read or changed; each value is written once, so a read tells which write it saw. A save that failed counts as "may have happened, now or later",
never as if it had not been tried. What it looks for:

- **lost**: an acknowledged change, neither overwritten nor removed since, that is gone when all is healed
- **stale**: a read that began after a newer change was acknowledged, or had been read by anybody, and does not show it
- **revived**: a session read after its logout was acknowledged
- **false "no session"**: a user asked to log in who is logged in
- **idle sessions**: sessions that nobody requests from the moment when they are saved, or changed or logged out once during a fault, until the end; see
  "[Idle sessions](#idle-sessions)"
- **foreign**: bytes that nobody wrote to that session; **diverged**: copies that still differ after the fault

Beyond that, each attribute of a session is looked at by itself: the loads and saves of the session must have an order that explains what every
answer said of that attribute (linearizability, checked with porcupine). This is asked of sessions that nothing is known against yet, that saw no
fault beyond the promise, and that have up to 200 loads and saves; [the run](#the-run) says how many were too long. A
search that runs out of time counts as a broken promise.

With ` + "`-updates`" + ` eight goroutines more of each driver and baseline, on both instances, raise the same numbers in three sessions, most by
` + "`Update`" + `, some by a load and a save with the lock, while nodes and instances fail. What it looks for besides: a number that is not what was acknowledged, plus at most
what is of unknown outcome; two requests that are told the same number; two that have the lock at once while neither's lease is over. The
baselines do the same by plain saves.

With ` + "`-sticky`" + ` the instances have local copies ([sticky mode](sticky.md)), and users a balancer that sticks, flaps now and then, or does not stick. All nodes hang or
die for longer than a copy is fresh, an instance reaches no node, and instances die with what they have not written. What it looks for: a user that is shown less than it
has seen, and nobody counted it (` + "`Stats.Behind`" + `); an acknowledged change that is gone, on any instance, when all is written; a logout that does not hold.
What sticky.md calls the price is counted on a line of its own. Figures of such a run: [sticky mode](sticky.md#measured).

## What the others have shown

`

// page returns the page of guarantees. simulation is what is to be told of the other
// three kinds of test, in Markdown.
func (r *results) page(simulation string) []byte {
	b := &bytes.Buffer{}
	b.WriteString(method)
	if simulation == "" {
		simulation = "`make sim` runs the simulation and the interleavings, `make mutants` the mutants; they print their numbers."
	}
	fmt.Fprintf(b, "%s\n\n", strings.TrimSpace(simulation))
	r.tellGuarantees(b)
	r.tellRun(b)
	r.tellCounts(b)
	r.tellIdle(b)
	r.tellTimes(b)
	r.tellBaselines(b)
	r.tellLimits(b)
	return b.Bytes()
}

// write rewrites the page at path.
func (r *results) write(path, simulation string) error {
	text := ""
	if simulation != "" {
		b, err := os.ReadFile(simulation)
		if err != nil {
			return fmt.Errorf("-simulation: %w", err)
		}
		text = string(b)
	}
	if err := os.WriteFile(path, r.page(text), 0o644); err != nil {
		return fmt.Errorf("-out: %w", err)
	}
	return nil
}

// ours sums both drivers up.
func (r *results) ours(pass func(f *fault) bool) *counts {
	sum := r.total(onSCS, pass)
	sum.add(r.total(onGorilla, pass))
	return sum
}

func named(names []string) func(f *fault) bool {
	return func(f *fault) bool {
		for _, name := range names {
			if f.name == name {
				return true
			}
		}
		return names == nil && f.promised
	}
}

func (r *results) tellRun(b *bytes.Buffer) {
	s := r.settings
	c := r.ours(promised)
	fmt.Fprintf(b, "\n## The run\n\nOn real nodes: %s, %s, seed %d, %v, %d users a driver and %d a baseline, `Timeout` %v.\n",
		r.date.UTC().Format(time.DateOnly), r.commit, s.seed, r.took.Round(time.Second), s.users, max(2, s.users/2), s.timeout)
	fmt.Fprintf(b, "Versions: %s; load average at the start %s, longest stall\nof a process %s. The seed repeats what users do and which nodes fail; processes and networks have their own\nmind about when.\n\n", r.versions, r.load, ms(r.stalled()))
	fmt.Fprintf(b, "**Within the promised faults: %d acknowledged saves in %d requests; %d lost, %d stale, %d revived, %d false \"no session\".**\n",
		c.acked, c.requests, c.lost, c.stale, c.revived, c.absent)
	fmt.Fprintf(b, "Error pages where none belong to the fault: %d.\n", r.ours(func(f *fault) bool { return f.promised && !f.errors }).shown)
	fmt.Fprintf(b, "Nodes taken for down though all answered at once (`still`, `starved`): %d.\n", r.ours(func(f *fault) bool { return f.sound }).doubted)
	fmt.Fprintf(b, "An order of each attribute's loads and saves was searched for %d sessions; %d more were too long for that.\n", r.ordered, r.tooLong)
	if c.broken() > 0 {
		b.WriteString("\nThis run did not keep what is promised.\n")
	}
}

func (r *results) tellCounts(b *bytes.Buffer) {
	b.WriteString("\n| fault | what happens | times |\n|---|---|---:|\n")
	for _, f := range faults {
		if c := r.ours(named([]string{f.name})); c.requests > 0 {
			fmt.Fprintf(b, "| `%s` | %s | %d |\n", f.name, f.what, c.rounds)
		}
	}
	b.WriteString(`
### What users lost

Errors are error pages; where a fault is marked with *, they are part of what is promised. "Cut" are requests whose instance died under
them. "Unknown" are saves that failed and may have happened.

| fault | driver | requests | saves | acknowledged | unknown | refused | lost | stale | revived | false "no session" | foreign | diverged | errors | cut | conflicts merged |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|
`)
	r.eachOurs(promised, func(f *fault, k kind, c *counts) {
		name := "`" + f.name + "`"
		if f.errors {
			name += " *"
		}
		fmt.Fprintf(b, "| %s | %s | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d | %d |\n", name, driver(k),
			c.requests, c.saves, c.acked, c.unknown, c.refused, c.lost, c.stale, c.revived, c.absent, c.foreign, c.diverged, c.shown, c.cut, c.merged)
	})
	for _, k := range []kind{onSCS, onGorilla} {
		if c := r.idleTotal(k); c.sessions > 0 {
			fmt.Fprintf(b, "| idle sessions * | %s | %d | %d | %d | %d | | %d | %d | %d | | %d | | %d | %d | |\n", driver(k),
				c.requests, c.saves, c.acked, c.unknown, c.lost, c.stale, c.revived, c.foreign, c.shown, c.cut)
		}
	}
}

// tellIdle says what became of idle sessions, and which faults excuse what.
func (r *results) tellIdle(b *bytes.Buffer) {
	most := idleSessions
	if r.settings.short {
		most = idleFew
	}
	fmt.Fprintf(b, `
### Idle sessions

%d sessions of each driver and baseline are saved and requested by nobody while one fault follows the other; before each fault every
node is whole, for which the run waits at most %v. During a fault %d of them are changed once and %d logged out once, and never touched
again. In the end each is looked at once: lost are sessions that are gone, stale are those without the acknowledged change, revived those that came
back after their logout.

- Under %s idle sessions may be lost, since two nodes fail before the first is whole again, or nodes evict: they are looked at before such a fault, and
  new ones are saved after it.
- Under %s none may be lost, but none is changed or logged out meanwhile: two instances that have different lists do not write to the
  same nodes, and while all nodes hang, no change is acknowledged.

| store | looked at | changed | logged out | lost | stale | revived | no answer |
|---|---:|---:|---:|---:|---:|---:|---:|
`, most, wholeWithin, idleTouched, idleTouched, faultsThat(idleExcused), faultsThat(idleStay))
	for _, k := range []kind{onSCS, onGorilla, oneCopy, blind} {
		c := r.idleTotal(k)
		fmt.Fprintf(b, "| %s | %d | %d | %d | %d | %d | %d | %d |\n", k, c.sessions, c.changed, c.ended, c.lost, c.stale, c.revived, c.mute)
	}
	for _, text := range r.refusals {
		fmt.Fprintf(b, "\nNot done within %v: %s\n", wholeWithin, text)
	}
}

// faultsThat names the faults with that rule for idle sessions.
func faultsThat(rule idleRule) string {
	var names []string
	for _, f := range faults {
		if f.idle == rule {
			names = append(names, "`"+f.name+"`")
		}
	}
	return strings.Join(names, ", ")
}

func (r *results) tellLimits(b *bytes.Buffer) {
	b.WriteString(`
## What is not promised, and what it costs

Faults that overlap, without a request to the session in between and before the first node is whole again, can take both copies. After an outage of several nodes at
once the instances find them again one by one, and may disagree for about a second: what one has just saved, another may not yet see. memcached
that is short of memory evicts sessions. All that is measured here, not demanded.

| fault | driver | acknowledged | lost | stale | revived | false "no session" | diverged | errors | max wait |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
`)
	r.eachOurs(unpromised, func(f *fault, k kind, c *counts) {
		fmt.Fprintf(b, "| `%s` | %s | %d | %d | %d | %d | %d | %d | %d | %s |\n", f.name, driver(k),
			c.acked, c.lost, c.stale, c.revived, c.absent, c.diverged, c.shown, ms(c.percentile(1)))
	})
	if r.thrown > 0 {
		fmt.Fprintf(b, "\nUnder `evict`, the nodes threw out %d items.\n", r.thrown)
	}
	b.WriteString(`
A session whose end was moved forward, by the app or by an instance whose clock is behind, can be found once more after that end,
as it was before, on a node that could not be reached when the end was moved, where all nodes that hold the earlier end have lost
it since.

A limit of the method: a machine that stalls for longer than ` + "`Timeout`" + ` makes
all nodes hang at once for the instances on it, which is an outage on top of the fault: on busy machines choose a ` + "`-timeout`" + ` above the stalls.

## Repeat it

` + "```sh" + `
cd test/sim
`)
	length := fmt.Sprint("-for ", r.settings.lasts)
	if r.settings.short {
		length = "-short"
	}
	fmt.Fprintf(b, "go run ./chaos %s -seed %d -users %d -timeout %v    # this run\n", length, r.settings.seed, r.settings.users, r.settings.timeout)
	b.WriteString("go run ./chaos -short                       # one quick round\ngo run ./chaos -faults kill,hang            # some faults only\n```\n")
}

// eachOurs calls do for each fault that passes and each driver that met it.
func (r *results) eachOurs(pass func(f *fault) bool, do func(f *fault, k kind, c *counts)) {
	for _, f := range faults {
		for _, k := range []kind{onSCS, onGorilla} {
			if c := r.total(k, named([]string{f.name})); pass(f) && c.requests > 0 {
				do(f, k, c)
			}
		}
	}
}

func driver(k kind) string { return strings.TrimPrefix(string(k), "holdfast, ") }
