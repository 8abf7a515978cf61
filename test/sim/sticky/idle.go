package sticky

import (
	"errors"
	"fmt"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what is demanded for users who log in, and then do nothing while all nodes die and come back
// empty: the instance that has their session brings it back, and none that it had not confirmed for longer than
// Outage. One of them is logged out meanwhile, through another instance.

// idler is a user who has logged in, and does nothing.
type idler struct {
	key, version  string
	home, other   *instance
	app           *cluster.Cluster // the process that has the copy
	before, after time.Time        // of the login
	destroyed     bool
}

// noticed is how long it takes an instance that is in use to notice that nodes are back.
const noticed = 10 * time.Second

// logIn has a user on each instance log in.
func (r *run) logIn() (users []*idler) {
	if r.local.Outage == 0 {
		return nil
	}
	for i, in := range r.instances {
		r.idlers++
		u := &idler{key: fmt.Sprint("idle", r.idlers), home: in, other: r.instances[(i+1)%len(r.instances)], app: in.use(), before: time.Now()}
		rec := cluster.NewRecord(u.key)
		rec.Attrs["name"] = []byte(u.key)
		err := u.app.Save(background, rec)
		if u.version, u.after = rec.Version(), time.Now(); err == nil && u.version != "" {
			users = append(users, u)
		}
	}
	return users
}

// logOut has one of them be logged out, through another instance.
func (r *run) logOut(users []*idler) {
	if len(users) > 0 {
		u := users[r.rng.IntN(len(users))]
		_ = u.other.use().Delete(background, u.key)
		u.destroyed = true
	}
}

// comeBack looks at the sessions, when the nodes have come back at that time: of some users at once, of others when an
// instance had the time to bring them back.
func (r *run) comeBack(users []*idler, started time.Time) {
	for i, u := range users {
		inTime := r.roomy && !u.destroyed && started.Add(noticed).Sub(u.before) <= r.local.Outage
		tooLate := started.Sub(u.after) > r.local.Outage
		ask := func(app *cluster.Cluster, who, version string) {
			err := cluster.ErrUnavailable
			for try := 0; errors.Is(err, cluster.ErrUnavailable) && try < 2000; try++ {
				time.Sleep(time.Millisecond)
				_, err = app.LoadVersion(background, u.key, version)
			}
			switch {
			case inTime && gone(err):
				r.fail("%s: %s says that there is no session, %v after its login", u.key, who, time.Since(u.before))
			case tooLate && err == nil:
				r.fail("%s: %s shows it, which was confirmed %v before the nodes came back", u.key, who, started.Sub(u.after))
			case err == nil:
				r.note(func(res *Result) { res.Idle++ })
			}
		}
		r.working.Go(func() {
			if i%2 == 0 { // before its instance knows that the nodes are back
				ask(u.app, u.home.name, u.version)
			}
			time.Sleep(noticed)
			ask(u.other.use(), u.other.name, "")
		})
	}
	time.Sleep(noticed + 3*time.Second)
}
