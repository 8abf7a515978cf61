package cluster

import (
	"testing"
	"time"
)

func TestHealthTransitions(t *testing.T) {
	up, suspect := health{state: Up}, health{state: Suspect}
	down, refusing := health{state: Down}, health{state: Down, prompt: true}
	almost := health{state: Down, good: 1, prompt: true}
	for _, c := range []struct {
		why   string
		from  health
		probe bool
		v     verdict
		want  health
	}{
		{"an answer keeps a node up", up, false, answered, up},
		{"one timeout is a suspicion", up, false, timedOut, suspect},
		{"a refused connection is certain", up, false, refused, refusing},
		{"a connection that breaks again is a suspicion too", up, false, broken, suspect},
		{"a suspect whose connection breaks says so at once", suspect, false, broken, refusing},
		{"a suspect that answers a request is up", suspect, false, answered, up},
		{"the second timeout in a row", suspect, false, timedOut, down},
		{"a suspect that refuses", suspect, false, refused, refusing},
		{"one answer does not bring a node back", down, false, answered, almost},
		{"two do, also to requests", almost, false, answered, up},
		{"a request that was under way when the node went down", down, false, timedOut, down},
		{"and one that was refused", down, false, refused, refusing},
		{"a timeout between answers starts anew", almost, false, timedOut, down},
		{"a node that refused and answers once may still be tried", refusing, false, answered, almost},
		{"a node that refused and then hangs is not tried again", refusing, true, timedOut, down},

		{"a suspect is up after one good probe", suspect, true, answered, up},
		{"a suspect is down after one bad probe", suspect, true, timedOut, down},
		{"a suspect whose probe is refused", suspect, true, refused, refusing},
		{"the first good probe is not enough", down, true, answered, almost},
		{"the second is", almost, true, answered, up},
		{"a bad probe between starts anew", almost, true, timedOut, down},
		{"and so does a refused one", almost, true, refused, refusing},
		{"still down", down, true, refused, refusing},
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
