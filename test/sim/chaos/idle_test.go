package main

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
	"github.com/holdfast-go/holdfast/testenv"
)

// idleStory is a session that was saved and, where did is not a load, changed or logged out once.
func idleStory(did, outcome any, last check.Op) *check.History {
	h := &check.History{}
	op := func(o check.Op, at time.Duration) {
		o.Client, o.Key, o.Begun, o.Call, o.Return = "idle", "s", at, at, at+1
		h.Add(o)
	}
	op(check.Op{Kind: check.Save, Write: map[string]string{"user": "s/user/1"}}, 0)
	switch did {
	case check.Save:
		op(check.Op{Kind: check.Save, Outcome: outcome.(check.Outcome), Write: map[string]string{"user": "s/user/2"}}, 10)
	case check.Delete:
		op(check.Op{Kind: check.Delete, Outcome: outcome.(check.Outcome)}, 10)
	}
	op(last, 20)
	return h
}

func TestWhatBecameOfAnIdleSessionIsCounted(t *testing.T) {
	reads := func(value string) check.Op { return check.Op{Read: map[string]string{"user": value}} }
	gone := check.Op{Outcome: check.NotFound}
	for _, c := range []struct {
		name                 string
		did                  check.Kind
		outcome              check.Outcome
		last                 check.Op
		lost, stale, revived int
		foreign              int
	}{
		{"it is there", check.Load, check.OK, reads("s/user/1"), 0, 0, 0, 0},
		{"it is gone", check.Load, check.OK, gone, 1, 0, 0, 0},
		{"its change is there", check.Save, check.OK, reads("s/user/2"), 0, 0, 0, 0},
		{"its change is gone", check.Save, check.OK, reads("s/user/1"), 0, 1, 0, 0},
		{"its change failed, and is not there", check.Save, check.Unknown, reads("s/user/1"), 0, 0, 0, 0},
		{"its change failed, and is there", check.Save, check.Unknown, reads("s/user/2"), 0, 0, 0, 0},
		{"it was changed, and is gone", check.Save, check.OK, gone, 1, 0, 0, 0},
		{"its logout holds", check.Delete, check.OK, gone, 0, 0, 0, 0},
		{"its logout does not hold", check.Delete, check.OK, reads("s/user/1"), 0, 0, 1, 0},
		{"its logout failed, and it is there", check.Delete, check.Unknown, reads("s/user/1"), 0, 0, 0, 0},
		{"its logout failed, and it is gone", check.Delete, check.Unknown, gone, 0, 0, 0, 0},
		{"it has values of somebody else", check.Load, check.OK, reads("other/user/1"), 0, 0, 0, 1},
	} {
		tl := newTally()
		tl.judgeIdle(onSCS, idleStory(c.did, c.outcome, c.last), "kill, hang")
		got := tl.idleTotal(onSCS)
		if got.lost != c.lost || got.stale != c.stale || got.revived != c.revived || got.foreign != c.foreign {
			t.Errorf("%s: %d lost, %d stale, %d revived, %d foreign", c.name, got.lost, got.stale, got.revived, got.foreign)
		}
		if bad := got.broken() > 0; bad != (len(tl.broken) == 1) || bad && !strings.Contains(tl.broken[0], "kill, hang") {
			t.Errorf("%s: told %q", c.name, tl.broken)
		}
	}
}

// Idle sessions outlive a node that is restarted empty. Then all nodes are emptied at once, which no
// fault of the run does: the verdict must say so.
func TestAPlantedLossOfIdleSessionsFailsARun(t *testing.T) {
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	if _, err := exec.LookPath("memcached"); err != nil {
		t.Skip("memcached is not installed: `make memcached` does it")
	}
	t.Setenv(testenv.NodesVariable, "") // so that it is put back
	_ = os.Unsetenv(testenv.NodesVariable)
	for _, planted := range []bool{false, true} {
		kill, _ := byName("kill")
		s := settings{seed: 1, users: 2, timeout: 500 * time.Millisecond, hold: 200 * time.Millisecond, faults: []*fault{kill}}
		tl := newTally()
		a, err := newArena(t, "planted", tl, s)
		if err != nil {
			t.Fatal(err)
		}
		a.begin(kill)
		if planted {
			struck := *kill
			struck.strike = func(a *arena) {
				a.wait(a.hold)
				a.all((*testenv.Node).Flush)
			}
			a.strike(&struck, nil)
		} else {
			a.strike(kill, nil)
		}
		a.close()
		if err := a.failed(); err != nil {
			t.Fatal(err)
		}
		err = newResults(tl, s).verdict()
		if told := err != nil && strings.Contains(err.Error(), "idle sessions, "+string(onSCS)+": 29"); told != planted {
			t.Errorf("planted %v: %v", planted, err)
		}
		if c := tl.idleTotal(onSCS); c.sessions != idleSessions || c.changed != idleTouched || c.ended != idleTouched {
			t.Errorf("%d idle sessions were looked at, %d changed and %d logged out", c.sessions, c.changed, c.ended)
		}
	}
}
