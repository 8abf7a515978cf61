package cluster

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// These stories tell of nodes that fail in turn while instances do not yet agree on who
// is up: one has seen a node fail, another one has used it since, and the first has not
// found out that it is back.

func TestNodeThatAnotherInstanceHasUsedSinceIsRead(t *testing.T) {
	for _, c := range []struct {
		name       string
		fall, rise func(*testenv.Node)
	}{
		{"killed and restarted empty", (*testenv.Node).Kill, (*testenv.Node).Restart},
		{"hung and resumed", (*testenv.Node).Pause, (*testenv.Node).Resume},
	} {
		t.Run(c.name, func(t *testing.T) {
			story(t, 3, func(w *world) {
				a, b := w.cluster(Config{}), w.cluster(Config{})
				list := w.preference("s")
				w.create(a, "s", "v=1")
				w.sees(b, "s", "v=1")
				c.fall(list[0])
				w.sees(a, "s", "v=1")
				w.until(a, list[0], StateDown)
				c.rise(list[0])
				list[1].Kill()
				w.change(b, "s", "v", "2") // b uses the primary, and the fallback
				list[1].Restart()
				list[2].Restart()
				w.sees(a, "s", "v=2") // only the primary holds it
				w.holds(list[0], "s", "v=2")
			})
		})
	}
}

// The same, of a fallback: it was down when another session needed it.
func TestFallbackThatAnotherInstanceHasUsedSinceIsRead(t *testing.T) {
	story(t, 4, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		list := w.preference("s")
		w.create(a, "s", "v=1")
		w.sees(b, "s", "v=1")
		list[2].Kill()
		for i := 0; ; i++ {
			if id := fmt.Sprint("other", i); w.preference(id)[0] == list[2] {
				w.missing(a, id, ErrNotFound)
				break
			}
		}
		w.until(a, list[2], StateDown)
		list[2].Restart()
		w.sees(b, "s", "v=1")
		list[0].Kill()
		w.change(b, "s", "v", "2") // on the backup, and on the fallback
		list[0].Restart()
		w.sees(b, "s", "v=2")
		list[1].Restart()
		w.sees(a, "s", "v=2") // only the fallback holds it
	})
}

// The fallback holds what was saved while a home node hung. Another instance has saved on
// the home nodes since, and then the other one of them fails.
func TestFallbackIsNotBelievedWhereAHomeDidNotAnswer(t *testing.T) {
	story(t, 3, func(w *world) {
		a, b := w.cluster(Config{}), w.cluster(Config{})
		list := w.preference("s")
		w.create(a, "s", "v=1")
		list[0].Pause()
		w.sees(b, "s", "v=1")
		w.until(b, list[0], StateDown)
		w.holds(list[2], "s", "v=1")
		list[0].Resume()
		w.change(a, "s", "v", "2") // a never knew
		list[1].Kill()
		w.sees(b, "s", "v=2") // only the primary holds it
	})
}

// One node is out at a time, and each time there is a request, on any instance, before the
// next thing happens.
func TestNodesThatFailInTurnLoseNothing(t *testing.T) {
	seeds := uint64(20)
	if *long {
		seeds = 200
	}
	for seed := range seeds {
		story(t, 3+int(seed%2), func(w *world) {
			dice := rand.New(rand.NewPCG(seed, 1))
			apps := []*Cluster{w.cluster(Config{}), w.cluster(Config{}), w.cluster(Config{})}[:1+seed%3]
			w.create(apps[0], "s", "v=0")
			value := 0
			var told []string
			var rise func()
			for step := range 30 {
				if rise != nil {
					rise()
					rise = nil
					told = append(told, "it is back")
				} else {
					n := w.env.Node(dice.IntN(len(w.env.All())))
					switch dice.IntN(3) {
					case 0:
						n.Kill()
						rise = n.Restart
						told = append(told, n.ID()+" is killed")
					case 1:
						n.Pause()
						rise = n.Resume
						told = append(told, n.ID()+" hangs")
					default:
						n.Restart()
						told = append(told, n.ID()+" restarts empty")
					}
				}
				if dice.IntN(3) == 0 { // at times until the prober asks but once a second
					time.Sleep(time.Duration(dice.IntN(400)*(1+dice.IntN(2)*9)) * time.Millisecond)
				}
				i := dice.IntN(len(apps))
				told = append(told, fmt.Sprint("a request on ", i))
				r, err := apps[i].Load(context.Background(), "s")
				if err != nil || string(r.Attrs["v"]) != fmt.Sprint(value) {
					got := ""
					if err == nil {
						got = string(r.Attrs["v"])
					}
					w.Fatalf("seed %d: %q, want %d: %v, after\n%s", seed, got, value, err, strings.Join(told, "\n"))
				}
				if dice.IntN(2) == 0 {
					value = step + 1
					r.Attrs["v"] = fmt.Append(nil, value)
					if err := apps[i].Save(context.Background(), r); err != nil {
						w.Fatalf("seed %d: save: %v, after\n%s", seed, err, strings.Join(told, "\n"))
					}
					told = append(told, fmt.Sprint("which saves ", value))
				}
			}
		})
	}
}
