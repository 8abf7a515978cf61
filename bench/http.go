package main

import (
	"context"
	"fmt"
	"net/http"
)

// This file decides what a whole HTTP request is here: a handler called as
// net/http's server calls it, with a context of its own that is cancelled at the
// end, but without a socket to the browser.

type response struct {
	header http.Header
	status int
	body   []byte
}

func (w *response) Header() http.Header { return w.header }

func (w *response) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *response) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	w.body = append(w.body, b...)
	return len(b), nil
}

// serve sends one request and returns the response; a status other than 200 is an
// error.
func serve(h http.Handler, path, cookie string) (*response, error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	w := &response{header: http.Header{}}
	h.ServeHTTP(w, req)
	if w.status != http.StatusOK {
		return w, fmt.Errorf("status %d: %s", w.status, w.body)
	}
	return w, nil
}

// Paths of the measured app.
const (
	login = "/login" // makes a typical session
	read  = "/read"  // reads a value
	write = "/write" // reads a value and changes another
)

// cookies logs in n users and returns what their browsers send from then on.
func cookies(h http.Handler, n int) ([]string, error) {
	all := make([]string, n)
	return all, inParallel(n, func(i int) error {
		w, err := serve(h, login, "")
		if err != nil {
			return err
		}
		set := (&http.Response{Header: w.header}).Cookies()
		if len(set) < 1 || len(set) > 2 { // the second is a version
			return fmt.Errorf("login set %d cookies", len(set))
		}
		all[i] = set[0].Name + "=" + set[0].Value
		for _, c := range set[1:] {
			all[i] += "; " + c.Name + "=" + c.Value
		}
		return nil
	})
}

// web is a contender that sends requests to an app: every one that writes says. One whose
// users cannot log in is missing.
func web(name string, c cell, h http.Handler, w *wire, writes func(i int) bool, end func()) *contender {
	k := &contender{name: name, wire: w, close: end}
	users, err := cookies(h, c.sessions())
	if err != nil {
		k.missing = "login: " + err.Error()
		return k
	}
	k.op = func(w, i int) error {
		path := read
		if writes(w + i) {
			path = write
		}
		_, err := serve(h, path, users[c.session(w, i)])
		return err
	}
	return k
}

func never(int) bool   { return false }
func always(int) bool  { return true }
func tenth(i int) bool { return i%10 == 0 }
