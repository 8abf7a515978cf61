package gorillastore

import (
	"fmt"
	"net/http"

	"github.com/gorilla/securecookie"
)

// This file decides how a session's id travels in a header in the place of a cookie: for clients
// that keep no cookies.

// tickets appends the signed ids that came with the request for a session of that name.
func (s *Store) tickets(values []string, r *http.Request, name string) []string {
	if s.Header != "" {
		for _, value := range r.Header.Values(s.Header) {
			if value != "" {
				values = append(values, value)
			}
		}
		return values
	}
	for _, c := range r.CookiesNamed(name) {
		values = append(values, c.Value)
	}
	return values
}

// carrier is what the id travels in, for errors.
func (s *Store) carrier() string {
	if s.Header != "" {
		return "header " + http.CanonicalHeaderKey(s.Header)
	}
	return "cookie"
}

// takeBackHeader removes the header from the response if it holds the id that has ended.
func (s *Store) takeBackHeader(w http.ResponseWriter, name, ended string) {
	var p presented
	err := securecookie.DecodeMulti(name, w.Header().Get(s.Header), &p, s.keys.codecs()...)
	if err == nil && p.id == ended {
		w.Header().Del(s.Header)
	}
}

// validHeader refuses a header that net/http would leave out of the response without a word.
func (s *Store) validHeader() error {
	if s.Header != "" && (&http.Cookie{Name: s.Header}).Valid() != nil { // both are tokens
		return fmt.Errorf("gorillastore: Store.Header is %q, which is no header name: use letters, digits and '-', such as X-Session", s.Header)
	}
	return nil
}
