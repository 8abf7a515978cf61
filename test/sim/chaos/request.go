package main

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// This file decides how a request reaches an instance, and what is counted of it.

// result is what came of a request.
type result struct {
	status int // 0: none came
	answer answer
	cookie string
	set    []*http.Cookie // all that it set
	behind bool           // it said that the client had seen more
	page   string         // of an error page: what it says
	call   time.Duration
	end    time.Duration
}

// overtook reports whether the request had success while a slow one of the same session ran, which
// was answered later.
func (r result) overtook(slow result) bool {
	return r.status == http.StatusOK && slow.status != 0 && slow.call < r.call && r.end < slow.end
}

// anyone picks an instance that lives, as a load balancer does.
func (u *user) anyone() int {
	i := u.rand.IntN(len(u.system.instances))
	for range u.system.instances {
		if u.system.instances[i].address() != "" {
			return i
		}
		i = (i + 1) % len(u.system.instances)
	}
	return i
}

// ask sends a request with the session's cookie, and counts it.
func (u *user) ask(s *session, path string, instance int, form ...string) result {
	r := u.try(s, path, instance, form...)
	u.system.tally.count(r.call, u.system.kind, func(c *counts, p *phase) { u.countRequest(c, p, r) })
	return r
}

// try sends a request with the session's cookie.
func (u *user) try(s *session, path string, instance int, form ...string) result {
	body := url.Values{}
	for i := 0; i+1 < len(form); i += 2 {
		body.Set(form[i], form[i+1])
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	t := u.system.tally
	r := result{call: t.now()}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.system.instances[instance].address()+path, strings.NewReader(body.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Cookie", s.cookie)
		u.send(req, &r)
	}
	r.end = t.now()
	return r
}

func (u *user) send(req *http.Request, r *result) {
	resp, err := u.system.transport.RoundTrip(req)
	if err != nil {
		return
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return
	}
	if resp.StatusCode == http.StatusOK && json.Unmarshal(data, &r.answer) != nil {
		return
	}
	r.status = resp.StatusCode
	if r.status >= http.StatusInternalServerError {
		r.page = excuse(string(data))
		u.system.tally.said(r.call, u.system.kind, r.page)
	}
	r.set, r.behind = resp.Cookies(), resp.Header.Get(behindHeader) != ""
	for _, c := range r.set {
		if c.MaxAge >= 0 && c.Value != "" && !strings.HasSuffix(c.Name, versionSuffix) {
			r.cookie = c.Name + "=" + c.Value
		}
	}
}

// countRequest counts one request; its phase is that in which it began.
func (u *user) countRequest(c *counts, p *phase, r result) {
	c.requests++
	switch r.status {
	case 0:
		c.cut++
	case http.StatusServiceUnavailable, http.StatusInternalServerError:
		c.shown++
	}
	if r.call < p.healed {
		c.latencies = append(c.latencies, r.end-r.call)
	}
	if r.status == http.StatusOK {
		u.mu.Lock()
		defer u.mu.Unlock()
		if u.firstOf != p {
			u.firstOf = p
			c.first = max(c.first, r.end-p.begin)
		}
	}
}

// excuse is what an error page says, without what differs from page to page.
func excuse(page string) string {
	first, _, _ := strings.Cut(strings.TrimSpace(page), "\n")
	return address.ReplaceAllString(first, "a node")
}

// versionSuffix is that of the cookie which carries a version (scs).
const versionSuffix = "_v"

var address = regexp.MustCompile(`n[0-9]+ \(127\.0\.0\.1:[0-9]+\)|127\.0\.0\.1:[0-9]+`)
