package scsstore_test

// A client that is told apart from another by nothing but what it hears.

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// heard is what a client gets to know of a request: what differs each time is left out.
type heard struct {
	Status  int
	Header  http.Header
	Body    string
	Cookies []http.Cookie
	Broken  bool
}

// listen sends the request and hears the answer.
func listen(t *testing.T, c *http.Client, method, url string) (h heard) {
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return heard{Broken: true}
	}
	defer resp.Body.Close()
	var body []byte
	if resp.StatusCode != http.StatusSwitchingProtocols { // the body is the connection
		body, err = io.ReadAll(resp.Body)
	}
	h = heard{Status: resp.StatusCode, Header: resp.Header, Body: string(body), Broken: err != nil}
	for _, c := range resp.Cookies() {
		if strings.HasSuffix(c.Name, "_v") { // the version: scs has none
			if len(resp.Cookies()) == 1 {
				h.withoutLeaveOut()
			}
			continue
		}
		c.Raw, c.RawExpires = "", ""
		if c.Value != "" {
			c.Value = "token"
		}
		if !c.Expires.IsZero() && c.Expires.Unix() > 1 { // depends on the second
			c.MaxAge, c.Expires = min(c.MaxAge, 1), time.Time{}
		}
		h.Cookies = append(h.Cookies, *c)
	}
	h.Header.Del("Date")
	h.Header.Del("Set-Cookie")
	return h
}

// withoutLeaveOut takes away what tells caches to leave a cookie out.
func (h heard) withoutLeaveOut() {
	const key = "Cache-Control"
	if h.Header[key] = slices.DeleteFunc(h.Header[key], func(v string) bool { return v == `no-cache="Set-Cookie"` }); len(h.Header[key]) == 0 {
		delete(h.Header, key)
	}
}

// sending is a client with one cookie, that notes the token in the last answer.
type sending struct {
	cookie *http.Cookie
	last   *string
}

func (s sending) RoundTrip(r *http.Request) (*http.Response, error) {
	if s.cookie.Value != "" {
		r.AddCookie(s.cookie)
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		for _, c := range resp.Cookies() {
			if c.Name == s.cookie.Name && c.Value != "" {
				*s.last = c.Value
			}
		}
	}
	return resp, err
}
