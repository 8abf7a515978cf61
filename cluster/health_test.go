package cluster

import (
	"testing"
	"time"
)

func TestHealthTransitions(t *testing.T) {
	up, suspect, down, almost := health{Up, 0}, health{Suspect, 0}, health{Down, 0}, health{Down, 1}
	for _, c := range []struct {
		why   string
		from  health
		probe bool
		v     verdict
		want  health
	}{
		{"an answer keeps a node up", up, false, answered, up},
		{"one timeout is a suspicion", up, false, timedOut, suspect},
		{"a refused connection is certain", up, false, refused, down},
		{"a suspect that answers a request is up", suspect, false, answered, up},
		{"the second timeout in a row", suspect, false, timedOut, down},
		{"a suspect that refuses", suspect, false, refused, down},
		{"no request brings a node back", down, false, answered, down},
		{"a request that was under way when the node went down", down, false, timedOut, down},
		{"and one that was refused", down, false, refused, down},
		{"a late answer does not count as a probe", almost, false, answered, almost},
		{"nor does a late timeout", almost, false, timedOut, almost},

		{"a suspect is up after one good probe", suspect, true, answered, up},
		{"a suspect is down after one bad probe", suspect, true, timedOut, down},
		{"a suspect whose probe is refused", suspect, true, refused, down},
		{"the first good probe is not enough", down, true, answered, almost},
		{"the second is", almost, true, answered, up},
		{"a bad probe between starts anew", almost, true, timedOut, down},
		{"and so does a refused one", almost, true, refused, down},
		{"still down", down, true, refused, down},
		{"a probe of a node that came up meanwhile", up, true, answered, up},
		{"a probe finds what requests have not", up, true, timedOut, down},
	} {
		next := c.from.request
		if c.probe {
			next = c.from.probe
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
	for s, want := range map[State]string{Up: "up", Suspect: "suspect", Down: "down"} {
		if s.String() != want {
			t.Errorf("%d is %q", s, s)
		}
	}
}
