package pace

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// Users come first, but healing goes on.
func TestHealingSlowsDownForUsersAndGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Healing{Full: 1000}
		for _, c := range []struct {
			worse bool
			want  float64
		}{{false, 1000}, {true, 50}, {false, 1000}} {
			for began := time.Now(); time.Since(began) < time.Minute; {
				p.Wait(context.Background(), c.worse)
				time.Sleep(time.Millisecond)
			}
			if p.rate != c.want {
				t.Errorf("users wait for longer: %t: %v a second, want %v", c.worse, p.rate, c.want)
			}
		}
	})
}
