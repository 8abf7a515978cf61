package main

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/baseline"
)

// This file decides what the web app does, whichever store keeps its sessions.

// values is the user's session as a page sees it.
type values interface {
	all() map[string]string
	put(name, value string)
	remove(name string)
	renew() error
	destroy() error
	id() string
	raise(name string) (int, error) // by Update, where the store has it
}

// answer is what every page shows: what the session held when the request loaded it.
type answer struct {
	ID   string            `json:"id"` // of the session, so that the harness can look where its copies lie
	Read map[string]string `json:"read"`
	// Of a number that was raised: what it is now, when the request asked for the lock, and when it was
	// in the critical section, in nanoseconds.
	Number               int `json:",omitempty"`
	Asked, Entered, Left int64
}

// asked is the header in which a request carries when it asked for the lock.
const asked = "Chaos-Asked"

var (
	errNobody    = errors.New("nobody is logged in")
	errNotRaised = errors.New("the number was not raised")
	errNoLock    = errors.New("another request has the lock")
)

// tooLarge is a value that no memcached takes.
var tooLarge = strings.Repeat("x", 1_200_000)

// thinking is what a slow page takes between its load and its save.
const thinking = 20 * time.Millisecond

// page serves one path. All pages but the login want somebody logged in, and show
// that there is nobody by errNobody.
func page(path string, s values, r *http.Request) (answer, error) {
	read := maps.Clone(s.all())
	if path == "/login" {
		if err := s.renew(); err != nil {
			return answer{}, err
		}
		s.put("user", r.FormValue("value"))
		return answer{ID: s.id()}, nil
	}
	if read["user"] == "" {
		return answer{}, errNobody
	}
	a := answer{ID: s.id(), Read: read}
	switch path {
	case "/slow":
		time.Sleep(thinking)
		fallthrough
	case "/set":
		s.put(r.FormValue("name"), r.FormValue("value"))
		if also := r.FormValue("also"); also != "" {
			s.put(also, r.FormValue("value"))
		}
	case "/raise":
		n, err := s.raise(raisedName)
		a.Number = n
		return a, err
	case "/guarded":
		a.Asked, _ = strconv.ParseInt(r.Header.Get(asked), 10, 64)
		a.Entered, a.Number = time.Now().UnixNano(), numberIn(read[guardedName])+1
		longer, _ := time.ParseDuration(r.FormValue("for"))
		time.Sleep(cmp.Or(longer, thinking/4))
		s.put(guardedName, strconv.Itoa(a.Number))
		a.Left = time.Now().UnixNano()
	case "/remove":
		s.remove(r.FormValue("name"))
	case "/large":
		s.put("large", tooLarge)
	case "/logout":
		return a, s.destroy()
	}
	return a, nil
}

// reply writes what a page said.
func reply(w http.ResponseWriter, a answer, err error) {
	if err != nil {
		refuse(w, err)
		return
	}
	_ = json.NewEncoder(w).Encode(a) // the client has gone; nobody else wants to know
}

// refuse shows an error page.
func refuse(w http.ResponseWriter, err error) {
	status := http.StatusServiceUnavailable
	switch {
	case errors.Is(err, errNobody):
		status = http.StatusUnauthorized
	case errors.Is(err, cluster.ErrTooLarge), errors.Is(err, baseline.ErrTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.Is(err, errNotRaised), errors.Is(err, cluster.ErrLockLost):
		status = http.StatusConflict
	case errors.Is(err, errNoLock):
		status = http.StatusLocked
	}
	http.Error(w, err.Error(), status)
}
