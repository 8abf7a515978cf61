package testenv

import "testing"

func TestPauseReturnsWhenEveryThreadHasStopped(t *testing.T) {
	t.Setenv(NodesVariable, "")
	n := Start(t, 1, Real()).Node(0)
	for range 100 {
		n.Pause()
		if stopped, err := allThreadsStopped(n.PID()); !stopped || err != nil {
			t.Fatalf("after Pause: stopped %v, %v", stopped, err)
		}
		n.Resume()
	}
}
