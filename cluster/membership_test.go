package cluster

import (
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

func TestHealthTransitions(t *testing.T) {
	up, suspect := health{state: StateUp}, health{state: StateSuspect}
	down, refusing := health{state: StateDown}, health{state: StateDown, failsFast: true}
	almost := health{state: StateDown, good: 1, failsFast: true}
	for _, c := range []struct {
		why   string
		from  health
		probe bool
		v     memcached.Verdict
		want  health
	}{
		{"an answer keeps a node up", up, false, memcached.Answered, up},
		{"one timeout is a suspicion", up, false, memcached.TimedOut, suspect},
		{"a refused connection is certain", up, false, memcached.NoConnection, refusing},
		{"a connection that breaks again is a suspicion too", up, false, memcached.Broken, suspect},
		{"a suspect whose connection breaks says so at once", suspect, false, memcached.Broken, refusing},
		{"a suspect that answers a request is up", suspect, false, memcached.Answered, up},
		{"the second timeout in a row", suspect, false, memcached.TimedOut, down},
		{"a suspect that refuses", suspect, false, memcached.NoConnection, refusing},
		{"one answer does not bring a node back", down, false, memcached.Answered, almost},
		{"two do, also to requests", almost, false, memcached.Answered, up},
		{"a request that was under way when the node went down", down, false, memcached.TimedOut, down},
		{"and one that was refused", down, false, memcached.NoConnection, refusing},
		{"a timeout between answers starts anew", almost, false, memcached.TimedOut, down},
		{"a node that refused and answers once may still be tried", refusing, false, memcached.Answered, almost},
		{"a node that refused and then hangs is not tried again", refusing, true, memcached.TimedOut, down},

		{"a suspect is up after one good probe", suspect, true, memcached.Answered, up},
		{"a suspect is down after one bad probe", suspect, true, memcached.TimedOut, down},
		{"a suspect whose probe is refused", suspect, true, memcached.NoConnection, refusing},
		{"the first good probe is not enough", down, true, memcached.Answered, almost},
		{"the second is", almost, true, memcached.Answered, up},
		{"a bad probe between starts anew", almost, true, memcached.TimedOut, down},
		{"and so does a refused one", almost, true, memcached.NoConnection, refusing},
		{"still down", down, true, memcached.NoConnection, refusing},
		{"a probe of a node that came up meanwhile", up, true, memcached.Answered, up},
		{"a probe finds what requests have not", up, true, memcached.TimedOut, down},
	} {
		next := c.from.afterRequest
		if c.probe {
			next = c.from.afterProbe
		}
		if got := next(c.v); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.why, got, c.want)
		}
	}
}

func TestProbesBackOff(t *testing.T) {
	for bad, most := range map[int]time.Duration{
		0: 100 * time.Millisecond, 1: 200 * time.Millisecond, 2: 400 * time.Millisecond,
		3: 800 * time.Millisecond, 4: time.Second, 10: time.Second, 1 << 40: time.Second,
	} {
		if got := probeWait(bad, 1); got != most {
			t.Errorf("%d bad probes: at most %v, want %v", bad, got, most)
		}
		if got := probeWait(bad, 0); got != most/2 {
			t.Errorf("%d bad probes: at least %v, want %v", bad, got, most/2)
		}
	}
}

func TestStatesAreWords(t *testing.T) {
	for s, want := range map[State]string{StateUp: "up", StateSuspect: "suspect", StateDown: "down"} {
		text, err := s.MarshalText()
		var back State
		if s.String() != want || string(text) != want || err != nil || back.UnmarshalText(text) != nil || back != s {
			t.Errorf("%d is %q, %q", s, s, text)
		}
	}
}

// A node that answered at the beginning of a read, and is down since, is not taken for up by what another one answers to
// the wide part of that read.
func TestAWideReadTellsOfTheNodesThatItAsksOnly(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		op := c.newOperation("s", intent{})
		v, err := op.read(w.Context())
		if err != nil {
			w.Fatal(err)
		}
		list := w.preference("s")
		home, other := c.nodes()[w.indexOf(list[0])], c.nodes()[w.indexOf(list[2])]
		list[0].Pause()
		for home.isUp() {
			_, _ = c.Load(w.Context(), "s")
		}
		op.markUp(v, readStep{ask: []*node{other}})
		if home.isUp() {
			w.Error("a node that hangs is up")
		}
	})
}
