package cluster

import (
	"errors"
	"fmt"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides what is known of the change of an update where the first write of it, or one of the
// others, has failed: nothing is stored, all of it is, or nobody can say.

// refused is how an attempt ends that is known to have stored nothing.
func (u *update) refused(decider *node, err error) error {
	switch {
	case err != nil: // too large, or the clock was set back
		return err
	case !u.isPassedOver(decider):
		return errBeginAgain
	case memcached.IsTooLarge(u.passedOver[len(u.passedOver)-1].err):
		return fmt.Errorf("%w: node %s refuses it: raise its item size limit (-I), or lower MaxRecordBytes", ErrTooLarge, decider)
	}
	return u.failed()
}

// failed has the attempt made again after a node failed before anything was stored, a few times.
func (u *update) failed() error {
	if u.failures++; u.failures < mostFailures {
		return errBeginAgain
	}
	return fmt.Errorf("%w (nothing of the update is stored)", u.unavailable())
}

const mostFailures = 4

// confirm finds out whether the change is stored, and brings it to all targets.
func (u *update) confirm(decider *node, has hasChange) error {
	latest, err := u.converge(nil, saveRounds, func(v *view) decision {
		switch {
		case v.merged.IsTombstone():
			return decision{want: v.merged, err: ErrDestroyed}
		case !u.isUndisturbed(v, decider) && !u.hasPrimary(v, has):
			return decision{err: errUnknown}
		}
		return decision{want: v.merged}
	})
	switch {
	case err == nil:
		u.stood = latest.merged
		return nil
	case errors.Is(err, ErrDestroyed):
		return err
	case err == errUnknown:
		return fmt.Errorf("%w: a node failed, or others made the same value anew, while the session was updated: the change is stored or not: load the session to see", ErrUnavailable)
	}
	return fmt.Errorf("%w: the change is stored or not: %v", ErrUnavailable, err)
}

var errUnknown = errors.New("cluster: not known")
