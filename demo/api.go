package main

import (
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides who may press the buttons and what they get as an answer.

func (d *demo) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", d.servePage)
	mux.HandleFunc("GET /live", d.serveLive)
	mux.HandleFunc("GET /api/state", d.serveState)
	mux.Handle("GET /static/", http.FileServerFS(static))
	mux.Handle("/app/{driver}/{rest...}", d.proxy)
	mux.HandleFunc("POST /session/{driver}/{action}", d.serveSession)
	mux.HandleFunc("POST /nodes", d.button(func(r *http.Request) error {
		return d.addNode(r.FormValue("id"), r.FormValue("standby") != "")
	}))
	mux.HandleFunc("POST /nodes/{id}/{action}", d.button(func(r *http.Request) error {
		switch id, app := r.PathValue("id"), r.FormValue("app"); r.PathValue("action") {
		case "cut":
			return d.cutOff(id, app)
		case "heal":
			return d.reconnect(id, app)
		default:
			return d.toNode(r.PathValue("action"), id)
		}
	}))
	mux.HandleFunc("POST /apps/{name}/{action}", d.button(func(r *http.Request) error {
		switch action := r.PathValue("action"); action {
		case "kill":
			return d.killApp(r.PathValue("name"))
		case "start":
			return d.startApp(r.PathValue("name"))
		default:
			return unknown("button", action, []string{"kill", "start"})
		}
	}))
	mux.HandleFunc("POST /users", d.button(func(r *http.Request) error {
		n, err := strconv.Atoi(r.FormValue("n"))
		if err != nil || n < 0 || n > mostUsers {
			return refuse("The number of users goes from 0 to %d.", mostUsers)
		}
		d.crowd.resize(n)
		d.journal.add(note, "", "%d users in the background now.", n)
		return nil
	}))
	mux.HandleFunc("POST /faults", d.button(d.switchFaults))
	mux.HandleFunc("POST /sticky", d.serveSticky)
	mux.HandleFunc("POST /every/{action}", d.button(func(r *http.Request) error { return d.toEveryNode(r.PathValue("action")) }))
	mux.HandleFunc("POST /rolling/{action}", d.button(func(r *http.Request) error {
		switch action := r.PathValue("action"); action {
		case "start":
			return d.startRolling()
		case "cancel":
			return d.cancelRolling()
		default:
			return unknown("button", action, []string{"start", "cancel"})
		}
	}))
	return guard(mux)
}

func (d *demo) switchFaults(r *http.Request) error {
	if !d.nodes.own() {
		return refuse("The nodes run elsewhere: this page can show them, but not break them.")
	}
	on := r.FormValue("on") == "1"
	d.turn.Lock()
	defer d.turn.Unlock()
	if on {
		if err := d.inTheWay(); err != nil {
			return err
		}
	}
	if d.faults.Swap(on) == on {
		return nil
	}
	if on {
		d.journal.add(note, "", "Random faults from now on, one at a time.")
	} else {
		d.journal.add(note, "", "No more random faults, once the present one is over.")
	}
	return nil
}

// guard lets only this page press its buttons. A page of another site cannot: the
// browser says where a request comes from. Nor can a site whose name is suddenly the
// address of this machine (DNS rebinding): the host must be an address or localhost.
func guard(next http.Handler) http.Handler {
	own := http.NewCrossOriginProtection()
	own.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "This button is pressed on the demo's own page, not from another site.", http.StatusForbidden)
	}))
	next = own.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !local(r.Host) {
			http.Error(w, "This page answers under an address such as 127.0.0.1 or under localhost, not under another name.", http.StatusMisdirectedRequest)
			return
		}
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}

func local(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	return host == "localhost" || net.ParseIP(host) != nil
}

// button is the handler of something that is done for its effect. A script gets JSON,
// a browser without one is sent back to the page, where the journal says what was.
func (d *demo) button(do func(*http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, largestBody)
		said, status := "", http.StatusOK
		if err := do(r); err != nil {
			said, status = err.Error(), http.StatusInternalServerError
			var no *refused
			if errors.As(err, &no) {
				status = http.StatusConflict
				if no.unknown {
					status = http.StatusNotFound
				}
			}
			d.journal.add(refusal, "", "%s", said)
		}
		if !scripted(r) && strings.Contains(r.Header.Get("Accept"), "text/html") {
			http.Redirect(w, r, "/#log", http.StatusSeeOther)
			return
		}
		ok := status == http.StatusOK
		if scripted(r) {
			status = http.StatusOK // a browser would write every other status into its console as an error
		}
		sendJSON(w, status, map[string]any{"ok": ok, "message": said})
	}
}

// scripted tells a request of the page's script from one of a browser without it.
func scripted(r *http.Request) bool { return r.Header.Get("X-Requested-With") == "script" }

func sendJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	_ = e.Encode(v)
}

// state is what /api/state answers.
type state struct {
	Nodes    []nodeState `json:"nodes"`
	Apps     []appState  `json:"apps"`
	Users    int         `json:"users"`
	Idle     int         `json:"idle"`        // of them: who logged in and then do nothing
	Exposed  int         `json:"exposed"`     // users whose session may miss a copy: not used since the latest fault, nor were all nodes whole
	AtRest   int         `json:"exposedIdle"` // of them: idle ones
	Rolling  *rollState  `json:"rollingRestart,omitempty"`
	Rolled   time.Time   `json:"rolledAt,omitzero"`     // when the idle users were looked at
	After    string      `json:"rolledAfter,omitempty"` // and after what
	Sticky   bool        `json:"sticky"`
	Outage   bool        `json:"outage"` // no node is up
	Faults   bool        `json:"randomFaults"`
	Broken   int         `json:"faultsSoFar"`
	Doubts   int         `json:"timeoutsOfHealthyNodes"` // faults of a busy machine
	Holdfast figures     `json:"holdfast"`
	OneCopy  figures     `json:"oneCopy"`
	Log      []entry     `json:"log"`
}

type nodeState struct {
	ID      string            `json:"id"`
	Addr    string            `json:"addr"`
	Standby bool              `json:"standby"`
	State   string            `json:"state"`  // up, hung or down, in truth
	SeenBy  map[string]string `json:"seenBy"` // by app: up, suspect, down or cut off
	Copies  int               `json:"copies"` // of the users' sessions
	AtHome  int               `json:"atHome"` // of the sessions that belong on it
	Belong  int               `json:"belong"` // sessions of users that belong on it
	// Whole is true when every running app knows that the node holds a current copy of every
	// session that belongs on it. Reason says why it does not, as the app that knows most does.
	Whole    bool   `json:"whole"`
	Draining bool   `json:"draining"`
	Reason   string `json:"reason,omitempty"`
}

type appState struct {
	Name   string     `json:"name"`
	Driver string     `json:"driver"`
	Up     bool       `json:"up"`
	Local  localState `json:"local"`
}

// Unwritten is how many sessions have something that the nodes may lack.
func (s state) Unwritten() (n int) {
	for _, in := range s.Apps {
		n += in.Local.Unwritten
	}
	return n
}

// state returns what there is now.
func (d *demo) state() state {
	now := time.Now()
	s := state{
		Users: d.crowd.size(), Idle: d.crowd.idlers(), Faults: d.faults.Load(), Broken: d.watch.faults(), Doubts: d.watch.busy(),
		Holdfast: d.crowd.holdfast.figures(now), OneCopy: d.crowd.oneCopy.figures(now), Log: d.journal.latest(keptEntries),
	}
	busy, idle := d.watch.exposed()
	s.Exposed, s.AtRest = busy+idle, idle
	var last *rolled
	if s.Rolling, last = d.rolling.state(); last != nil {
		s.Rolled, s.After, s.Holdfast.Idle, s.OneCopy.Idle = last.At, last.After, &last.Holdfast, &last.OneCopy
	}
	for _, in := range d.apps {
		s.Apps = append(s.Apps, appState{in.name, in.driver, in.url() != "", in.local()})
	}
	s.Sticky, s.Outage = d.sticky.Load(), true
	for _, n := range d.nodes.all() {
		n := d.nodeState(n)
		s.Nodes = append(s.Nodes, n)
		s.Outage = s.Outage && n.State != stateNames[testenv.Up]
	}
	return s
}

func (d *demo) nodeState(n cluster.Node) nodeState {
	seen, down := map[string]string{}, 0
	whole, draining, reason := true, false, ""
	for _, in := range d.apps {
		view, ok := in.sees(n.ID)
		if !ok {
			continue
		}
		seen[in.name] = view.State.String()
		if view.State == cluster.StateDown {
			down++
		}
		whole, draining = whole && view.Whole, draining || view.Draining
		if len(view.Reason) > len(reason) { // the app that heals the node says how far it is
			reason = view.Reason
		}
		if d.watch.cut(n.ID, in.name) {
			seen[in.name] = "cut off"
		}
	}
	has := d.watch.heldBy(n.ID)
	s := nodeState{
		ID: n.ID, Addr: n.Addr, Standby: n.Standby, State: stateNames[d.nodes.state(n.ID)], SeenBy: seen,
		Copies: has.copies, AtHome: has.atHome, Belong: has.belong,
		Whole: whole && len(seen) > 0, Draining: draining, Reason: reason,
	}
	if !d.nodes.own() && down > 0 && down == len(seen) {
		s.State = "down" // nothing better is known of a node that runs elsewhere
	}
	return s
}

func (d *demo) serveState(w http.ResponseWriter, _ *http.Request) {
	sendJSON(w, http.StatusOK, d.state())
}
