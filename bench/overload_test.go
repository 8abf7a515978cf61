package main

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAnOverloadReportSaysWhatWasReached(t *testing.T) {
	plain := strained{Clients: 800, Contender: "gomemcache", Requests: 1000, Errors: 300, Downs: -1}
	good := strained{Clients: 800, Contender: "holdfast", Requests: 900}
	for _, c := range []struct {
		why  string
		all  []strained
		want [4]string // of each aim
	}{
		{"all well", []strained{plain, good}, [4]string{"reached", "reached", "reached", "reached"}},
		{"an error where the peer has many", []strained{plain, {Clients: 800, Contender: "holdfast", Requests: 900, Errors: 1}}, [4]string{"missed", "reached", "reached", "reached"}},
		{"as many errors as the peer", []strained{plain, {Clients: 800, Contender: "holdfast", Requests: 500, Errors: 150, Downs: 1, LoggedOut: 1}}, [4]string{"missed", "missed", "missed", "missed"}},
		{"more clients than the first aim counts", []strained{{Clients: 1600, Contender: "gomemcache", Requests: 9}, {Clients: 1600, Contender: "holdfast", Requests: 9}}, [4]string{notMeasured, "reached", "reached", "reached"}},
		{"the peer was not measured", []strained{{Clients: 800, Contender: "gomemcache", NotMeasured: "gone"}, good}, [4]string{notMeasured, notMeasured, notMeasured, notMeasured}},
	} {
		for i, a := range overloadAims {
			if got := a.judged(c.all); !strings.Contains(got, c.want[i]) {
				t.Errorf("%s: %s is %q, want %q", c.why, a.what, got, c.want[i])
			}
		}
	}
	report := overloadReport([]strained{plain, {Clients: 800, Contender: "redigo", NotMeasured: noRedis}, good}, "abc")
	lineOf(t, report, "| 800 | redigo | not measured: "+noRedis)
	lineOf(t, report, "| 800 | gomemcache | 1000 | 30.00 % | 0 | – |")
	lineOf(t, report, "commit abc")
}

// An answer that there is no session is what would log a user out: it is no error.
func TestStrainTellsErrorsFromLogouts(t *testing.T) {
	n := 0
	s := &store{name: "s", load: func(string) error {
		switch n++; n % 3 {
		case 1:
			return errLoggedOut
		case 2:
			return errors.New("busy")
		}
		return nil
	}, save: func(string) error { return nil }}
	got := strain(s, 1, time.Millisecond, func() { time.Sleep(100 * time.Microsecond) })
	if got.Errors+got.LoggedOut > got.Requests || got.LoggedOut == 0 || got.Downs != -1 {
		t.Errorf("%+v", got)
	}
}
