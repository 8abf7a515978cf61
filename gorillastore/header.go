package gorillastore

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/securecookie"
)

// This file decides which cookies of a session a response carries: for each place in the browser
// the last one only.

// setCookie puts the cookie into the response and removes the cookies that it supersedes: those
// that the browser would keep in the same place (same name, Domain, Path and Partitioned), and
// those with an id that this store has set under the name, in any place. So a response whose
// handler saves forty times does not have forty headers, and does not leave one id at Path "/a" and
// another at "/b". A cookie that was expired in another place stays expired, and a cookie that the
// app has set itself stays as well.
//
// With Store.Header, the value of the cookie goes into that header alone.
func (s *Store) setCookie(w http.ResponseWriter, cookie *http.Cookie) {
	if s.Header != "" {
		w.Header().Set(s.Header, cookie.Value)
		return
	}
	s.takeBack(w, cookie.Name, func(earlier *http.Cookie, id string) bool {
		return id != "" || samePlace(earlier, cookie)
	})
	http.SetCookie(w, cookie)
}

// takeBackID removes the cookie of an id that has ended from the response, because the browser may
// have the cookie of a new login by the time it reads this response.
func (s *Store) takeBackID(w http.ResponseWriter, name, ended string) {
	if s.Header != "" {
		s.takeBackHeader(w, name, ended)
		return
	}
	s.takeBack(w, name, func(_ *http.Cookie, id string) bool { return id == ended })
}

// takeBack removes the cookies of that name for which drop returns true. drop gets the id in a
// cookie that this store has signed, "" for other cookies. takeBack reads the headers, because
// nothing else knows all cookies: the app may have saved a copy of the session, or another session
// of this name that New returned.
func (s *Store) takeBack(w http.ResponseWriter, name string, drop func(c *http.Cookie, id string) bool) {
	lines := w.Header()["Set-Cookie"]
	if len(lines) == 0 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool {
		if before, _, _ := strings.Cut(line, "="); before != name {
			return false
		}
		c, err := http.ParseSetCookie(line)
		return err == nil && drop(c, s.idIn(c))
	})
	if len(kept) < len(lines) {
		w.Header()["Set-Cookie"] = kept
	}
}

// idIn returns the id in a cookie of this store, "" for any other cookie.
func (s *Store) idIn(c *http.Cookie) (id string) {
	var p presented
	if securecookie.DecodeMulti(c.Name, c.Value, &p, s.keys.codecs()...) != nil {
		return ""
	}
	return p.id
}

// samePlace reports whether a browser keeps only one of two cookies of one name.
func samePlace(a, b *http.Cookie) bool {
	domain := func(c *http.Cookie) string { return strings.TrimPrefix(c.Domain, ".") }
	return a.Path == b.Path && strings.EqualFold(domain(a), domain(b)) && a.Partitioned == b.Partitioned
}
