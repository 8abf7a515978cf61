package acceptance

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides what the apps of all drivers have in common: a session as a
// handler sees it, whichever library keeps it.

// session is the user's session in one request.
type session interface {
	get(key string) any
	put(key string, value any)
	remove(key string)
	addFlash(message string)
	flashes() []string
	// update has change made to the session as it is stored, and again where another request was
	// faster.
	update(change func(s session) error) error
	renew() error // gives the session a new id
	destroy() error
	isNew() bool
	id() string
	owners() owners
}

// owners is what the stores of both drivers do for the owners of sessions.
type owners interface {
	Sessions(ctx context.Context, owner string) ([]cluster.SessionInfo, error)
	Destroy(ctx context.Context, owner, ref string) error
	DestroyAll(ctx context.Context, owner string, except ...string) (int, error)
}

// page is a handler. The session is loaded before it and saved after it; its error,
// like theirs, is answered with a status of 500 or 503 and its text.
type page func(s session, r *http.Request) (body string, err error)

// options are what a story changes about an app.
type options struct {
	// idle ends a session that long after its last request; every request then
	// saves the session. In whole seconds.
	idle time.Duration
	// lifetime ends a session that long after its login. In whole seconds.
	lifetime time.Duration
	// owned: each session belongs to the user who has logged in, and has the device as its label.
	owned bool
	// sticky: clients carry versions, as apps with cluster.Config.Local want it.
	sticky bool
	// virtual: the app lives in a synctest bubble.
	virtual bool

	config  func(*cluster.Config)
	scs     func(*scs.SessionManager)
	gorilla func(*gorillastore.Store)
}

// driver is one session library on the cluster, with nothing but its store swapped.
type driver struct {
	name string
	// apart: each value is stored for itself, so that changes of two parallel
	// requests are both kept. Otherwise the later save stands whole.
	apart  bool
	cookie string // name of the session's cookie
	// build returns what turns a page into a handler of an app on the cluster.
	build func(c *cluster.Cluster, o options) (wrap func(page) http.Handler, err error)
	// locked returns the handler of one page that runs one at a time for a session.
	locked func(c *cluster.Cluster, lease time.Duration, p page) (http.Handler, error)
}

var (
	scsDriver     = driver{name: "scs", apart: true, cookie: "session", build: buildSCS, locked: lockedSCS}
	scsGobDriver  = driver{name: "scs-gob", cookie: "session", build: buildSCSGob, locked: lockedSCS}
	gorillaDriver = driver{name: "gorilla", apart: true, cookie: "session", build: buildGorilla, locked: lockedGorilla}

	all   = []driver{scsDriver, scsGobDriver, gorillaDriver}
	apart = []driver{scsDriver, gorillaDriver}
)

// each tells the story once for each driver, in parallel with all others.
func each(t *testing.T, drivers []driver, story func(t *testing.T, d driver)) {
	t.Parallel()
	for _, d := range drivers {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			story(t, d)
		})
	}
}

func fail(w http.ResponseWriter, err error) {
	status := http.StatusInternalServerError
	if errors.Is(err, cluster.ErrUnavailable) {
		status = http.StatusServiceUnavailable
	}
	http.Error(w, err.Error(), status)
}
