package marker

import (
	"testing"
	"time"
)

// A drain that was forgotten ends by the clock of whoever has read of it; another drain begins anew.
func TestADrainLastsForABoundedTime(t *testing.T) {
	var d Drain
	began := time.Now()
	for _, c := range []struct {
		serial   uint64
		after    time.Duration
		on, over bool
	}{
		{0, 0, false, false},
		{7, 0, true, false},
		{7, DrainFor - 1, true, false},
		{7, DrainFor, false, true},
		{8, DrainFor, true, false}, // another one
		{0, DrainFor + 1, false, false},
	} {
		now := began.Add(c.after)
		d.Note(c.serial, now)
		serial, over := d.IsOver(now)
		if on := d.IsOn(now); on != c.on || over != c.over || serial != c.serial {
			t.Errorf("drain %d after %v: on: %t, over: %t", c.serial, c.after, on, over)
		}
	}
}
