package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// Faults come one at a time, each when all nodes are whole again; one is that a node is emptied
// while another one hangs. Sessions are changed and ended
// meanwhile, and processes end, die and begin. Nothing that was acknowledged is lost.
func TestOneFaultAfterAnotherLosesNothing(t *testing.T) {
	seeds := 3
	if *long {
		seeds = 20
	}
	for seed := range uint64(seeds) {
		for _, nodes := range []int{2, 3, 4} {
			t.Run(fmt.Sprint(nodes, " nodes, seed ", seed), func(t *testing.T) {
				story(t, nodes, func(w *world) { newFaults(w, seed).run() })
			})
		}
	}
}

// faults are what happens to nodes and processes, by chance.
type faults struct {
	*world
	*rand.Rand
	processes []*process
	values    map[string]int // of each session, as acknowledged last; negative: it was ended
	serial    int
}

type process struct {
	*Cluster
	network *mortal
}

func newFaults(w *world, seed uint64) *faults {
	f := &faults{world: w, Rand: rand.New(rand.NewPCG(seed, 7)), values: map[string]int{}}
	for range 3 {
		f.processes = append(f.processes, f.process())
	}
	for i := range 40 {
		f.create(f.any().Cluster, fmt.Sprint("s", i), "a=0")
		f.values[fmt.Sprint("s", i)] = 0
	}
	return f
}

func (f *faults) process() *process {
	p := &process{network: &mortal{w: f.world}}
	p.Cluster = f.cluster(Config{DialContext: p.network.dial})
	return p
}

func (f *faults) any() *process { return f.processes[f.IntN(len(f.processes))] }

// visit changes, ends or creates a session. What is not acknowledged may be there or not: it is
// tried until it is.
func (f *faults) visit() {
	id := fmt.Sprint("s", f.IntN(40))
	f.serial++
	for range 100 {
		p := f.any()
		var err error
		switch {
		case f.values[id] < 0:
			return
		case f.IntN(12) == 0:
			if err = p.Delete(context.Background(), id); err == nil {
				f.values[id] = -1
				return
			}
		default:
			var r *Record
			if r, err = p.Load(context.Background(), id); err == nil {
				r.Attrs["a"] = fmt.Append(nil, f.serial)
				if err = p.Save(context.Background(), r); err == nil {
					f.values[id] = f.serial
					return
				}
			}
		}
		if !isErr(err, ErrUnavailable) && !isErr(err, ErrConflict) {
			f.Fatalf("%s: %v", id, err)
		}
		time.Sleep(time.Second)
	}
	f.Fatalf("%s cannot be changed", id)
}

// look loads a session: what was acknowledged last is found, or that cannot be known now.
func (f *faults) look() {
	f.Helper()
	id := fmt.Sprint("s", f.IntN(40))
	r, err := f.any().Load(context.Background(), id)
	want := f.values[id]
	switch {
	case isErr(err, ErrUnavailable), want < 0 && isErr(err, ErrNotFound):
	case err != nil || want < 0 || string(r.Attrs["a"]) != fmt.Sprint(want):
		f.Fatalf("%s: %v, %v, want %d", id, r, err, want)
	}
}

func (f *faults) run() {
	for round := range 12 {
		i := f.IntN(f.env.Len())
		n, hung := f.env.Node(i), f.env.Node((i+1)%f.env.Len())
		did := f.IntN(6)
		switch did {
		case 0:
			n.Restart()
		case 1:
			n.Kill()
		case 2, 3:
			n.Pause()
		case 4:
			n.Flush()
		case 5: // hung has all that n had, and what a fallback has left from before may be older
			time.Sleep((orphanTTL + 2) * time.Second)
			hung.Pause()
			n.Restart()
			for range 20 {
				f.look()
				time.Sleep(time.Duration(f.IntN(500)) * time.Millisecond)
			}
			hung.Resume()
		}
		pause := func() { time.Sleep(time.Duration(f.IntN(3)) * time.Duration(f.IntN(2000)) * time.Millisecond) }
		pause()
		for range f.IntN(8) {
			f.visit()
		}
		pause()
		if f.IntN(2) == 0 {
			i := f.IntN(len(f.processes))
			if f.IntN(2) == 0 {
				f.processes[i].network.dies()
			} else {
				f.processes[i].Close()
			}
			f.processes[i] = f.process()
		}
		switch did {
		case 1:
			n.Restart()
		case 2, 3:
			n.Resume()
		}
		for range f.IntN(6) {
			f.look()
		}
		for range f.IntN(3) {
			f.visit()
		}
		f.waitWhole(f.any().Cluster)
		if f.IntN(3) > 0 || round == 11 {
			f.check(fmt.Sprint("round ", round, ", ", n.ID(), ": ", did))
		}
	}
}

// check looks at what each home holds: any one of them may die now.
func (f *faults) check(when string) {
	f.Helper()
	for id, want := range f.values {
		for _, n := range f.preference(id)[:2] {
			s := f.on(n, id)
			switch {
			case s == nil:
				f.Errorf("%s: %s: %s lacks it", when, id, n.ID())
			case want < 0 != s.IsTombstone():
				f.Errorf("%s: %s: %s holds %s, want %d", when, id, n.ID(), show(s), want)
			case want >= 0 && string(s.Values()["a"]) != fmt.Sprint(want):
				f.Errorf("%s: %s: %s holds %s, want %d", when, id, n.ID(), show(s), want)
			}
		}
	}
	if f.Failed() {
		f.FailNow()
	}
}
