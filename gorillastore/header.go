package gorillastore

import (
	"net/http"
	"slices"
	"strings"

	"github.com/gorilla/securecookie"
)

// This file decides which cookies of a session a response carries: one for each place in the
// browser, the last.

// setCookie puts the cookie into the response, in the place of those that it supersedes: what the
// browser would keep in the same place (same name, Domain, Path and Partitioned), and every id that
// this store has set under the name, wherever: a response whose handler saves forty times must not
// have forty headers, nor leave one id at Path "/a" and another at "/b". A cookie that was expired
// in another place stays expired, and what the app has set itself stays as well.
func (s *Store) setCookie(w http.ResponseWriter, cookie *http.Cookie) {
	s.takeBack(w, cookie.Name, func(earlier *http.Cookie, id string) bool {
		return id != "" || samePlace(earlier, cookie)
	})
	http.SetCookie(w, cookie)
}

// takeBackID takes an id that has ended out of the response. The browser may have the cookie of a
// new login by the time it reads this response.
func (s *Store) takeBackID(w http.ResponseWriter, name, ended string) {
	s.takeBack(w, name, func(_ *http.Cookie, id string) bool { return id == ended })
}

// takeBack removes the cookies of that name that drop wants to have removed. It is told the id in a
// cookie that this store has signed, "" for others. Only the headers tell what was set: the app may
// have saved a copy of the session, or another session of this name that New gave it.
func (s *Store) takeBack(w http.ResponseWriter, name string, drop func(c *http.Cookie, id string) bool) {
	lines := w.Header()["Set-Cookie"]
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

// idIn returns the id that a cookie of this store carries, "" where it is none.
func (s *Store) idIn(c *http.Cookie) (id string) {
	if securecookie.DecodeMulti(c.Name, c.Value, &id, s.keys.codecs()...) != nil {
		return ""
	}
	return id
}

// samePlace reports whether a browser keeps only one of two cookies of one name.
func samePlace(a, b *http.Cookie) bool {
	domain := func(c *http.Cookie) string { return strings.TrimPrefix(c.Domain, ".") }
	return a.Path == b.Path && strings.EqualFold(domain(a), domain(b)) && a.Partitioned == b.Partitioned
}
