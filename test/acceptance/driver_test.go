package acceptance

import (
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
	renew() error // gives the session a new id
	destroy() error
	isNew() bool
	id() string
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
}

var (
	scsDriver     = driver{name: "scs", apart: true, cookie: "session", build: buildSCS}
	scsGobDriver  = driver{name: "scs-gob", cookie: "session", build: buildSCSGob}
	gorillaDriver = driver{name: "gorilla", apart: true, cookie: "session", build: buildGorilla}

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
