package acceptance

import (
	"fmt"
	"net/http"
	"strings"
	"sync"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what the web app of the stories does.

// app is one instance of the web app.
type app struct {
	url     string
	handler http.Handler
	cluster *cluster.Cluster // nil in another process

	mu    sync.Mutex // guards below
	gates map[string]*gate
	over  chan struct{} // closed when the test ends: no request waits any longer
}

// String tells what the app thinks of its nodes: why a story went wrong.
func (a *app) String() string {
	if a.cluster == nil {
		return "app of another process"
	}
	var nodes []string
	for _, n := range a.cluster.Nodes() {
		nodes = append(nodes, fmt.Sprintf("%s %v (%d errors, %d timeouts, last %q)", n.ID, n.State, n.Errors, n.Timeouts, n.LastError))
	}
	return "app's view of its nodes: " + strings.Join(nodes, ", ")
}

// gate holds requests up that name it, between the load of their session and
// what they do with it.
type gate struct {
	arrived  chan struct{} // a request waits at the gate
	release  chan struct{} // the test closes it, to let them go on
	finished chan struct{} // a request is over, and what it saved is saved
}

// newGate returns the gate of that name.
func (a *app) newGate(name string) *gate {
	g := &gate{arrived: make(chan struct{}, 1000), release: make(chan struct{}), finished: make(chan struct{}, 1000)}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.gates[name] = g
	return g
}

func (a *app) gate(r *http.Request) *gate {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.gates[r.FormValue("gate")]
}

// newApp returns the app of the stories, or with nil one without pages.
func newApp(wrap func(page) http.Handler) *app {
	a := &app{gates: map[string]*gate{}, over: make(chan struct{})}
	if wrap == nil {
		return a
	}
	mux := http.NewServeMux()
	for path, p := range pages {
		mux.Handle(path, wrap(func(s session, r *http.Request) (string, error) {
			if g := a.gate(r); g != nil {
				g.wait(r, a.over)
			}
			return p(s, r)
		}))
	}
	a.handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g := a.gate(r)
		if g != nil {
			defer func() { g.finished <- struct{}{} }()
		}
		mux.ServeHTTP(w, r)
	})
	return a
}

// wait holds the request up. With until=gone it waits for its client to leave, too.
func (g *gate) wait(r *http.Request, over chan struct{}) {
	g.arrived <- struct{}{}
	select {
	case <-g.release:
	case <-over:
	}
	if r.FormValue("until") == "gone" {
		select {
		case <-r.Context().Done():
		case <-over:
		}
	}
}

// pages are the app, by path. A page that shows something shows "" or a word of its
// own where there is nothing, so that a lost session never looks like a failure.
var pages = map[string]page{
	// login takes the user in, under a new id.
	"/login": func(s session, r *http.Request) (string, error) {
		if err := s.renew(); err != nil {
			return "", err
		}
		s.put("user", r.FormValue("user"))
		return "welcome", nil
	},
	"/whoami": func(s session, _ *http.Request) (string, error) {
		if user, ok := s.get("user").(string); ok {
			return user, nil
		}
		return "nobody", nil
	},
	"/status": func(s session, _ *http.Request) (string, error) {
		if s.isNew() {
			return "new", nil
		}
		return "known", nil
	},
	"/id": func(s session, _ *http.Request) (string, error) { return s.id(), nil },
	"/set": func(s session, r *http.Request) (string, error) {
		s.put(r.FormValue("key"), r.FormValue("value"))
		return "set", nil
	},
	"/get": func(s session, r *http.Request) (string, error) {
		value, _ := s.get(r.FormValue("key")).(string)
		return value, nil
	},
	"/remove": func(s session, r *http.Request) (string, error) {
		s.remove(r.FormValue("key"))
		return "removed", nil
	},
	"/flash": func(s session, r *http.Request) (string, error) {
		s.addFlash(r.FormValue("message"))
		return "noted", nil
	},
	"/flashes": func(s session, _ *http.Request) (string, error) {
		return strings.Join(s.flashes(), ","), nil
	},
	"/increment": func(s session, r *http.Request) (string, error) {
		n, _ := s.get(r.FormValue("key")).(int)
		s.put(r.FormValue("key"), n+1)
		return fmt.Sprint(n + 1), nil
	},
	"/raise": func(s session, r *http.Request) (string, error) {
		return "raised", s.update(func(s session) error {
			n, _ := s.get(r.FormValue("key")).(int)
			s.put(r.FormValue("key"), n+1)
			return nil
		})
	},
	"/update/flash": func(s session, r *http.Request) (string, error) {
		return "noted", s.update(func(s session) error {
			s.addFlash(r.FormValue("message"))
			return nil
		})
	},
	"/update/flashes": func(s session, _ *http.Request) (string, error) {
		var shown []string
		err := s.update(func(s session) error {
			shown = s.flashes()
			return nil
		})
		return strings.Join(shown, ","), err
	},
	"/count": func(s session, r *http.Request) (string, error) {
		n, _ := s.get(r.FormValue("key")).(int)
		return fmt.Sprint(n), nil
	},
	"/logout": func(s session, _ *http.Request) (string, error) {
		return "goodbye", s.destroy()
	},
	// devices shows where the user is logged in, with a star where he is now.
	"/devices": func(s session, r *http.Request) (string, error) {
		user, _ := s.get("user").(string)
		all, err := s.owners().Sessions(r.Context(), user)
		var labels []string
		for _, info := range all {
			if info.Is(s.id()) {
				info.Label += "*"
			}
			labels = append(labels, info.Label)
		}
		return strings.Join(labels, ","), err
	},
	// end ends the user's session on that device.
	"/end": func(s session, r *http.Request) (string, error) {
		user, _ := s.get("user").(string)
		all, err := s.owners().Sessions(r.Context(), user)
		for _, info := range all {
			if info.Label == r.FormValue("which") {
				return "ended", s.owners().Destroy(r.Context(), user, info.Ref)
			}
		}
		return "no such device", err
	},
	// others ends all sessions of the user but this one, and everywhere this one, too.
	"/others": func(s session, r *http.Request) (string, error) {
		user, _ := s.get("user").(string)
		n, err := s.owners().DestroyAll(r.Context(), user, s.id())
		return fmt.Sprint(n), err
	},
	"/everywhere": func(s session, r *http.Request) (string, error) {
		user, _ := s.get("user").(string)
		n, err := s.owners().DestroyAll(r.Context(), user)
		return fmt.Sprint(n), err
	},
	"/types/put":    putTypes,
	"/types/check":  checkTypes,
	"/large":        putLarge,
	"/unregistered": putUnregistered,
	"/restless/put": putRestless,
}
