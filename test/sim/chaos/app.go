package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
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
}

// answer is what every page shows: what the session held when the request loaded it.
type answer struct {
	ID   string            `json:"id"` // of the session, so that the harness can look where its copies lie
	Read map[string]string `json:"read"`
}

var errNobody = errors.New("nobody is logged in")

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
	}
	http.Error(w, err.Error(), status)
}
