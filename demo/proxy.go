package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"sync/atomic"
	"time"
)

// This file decides which instance answers a request: of those that run, each in its turn, as a
// small load balancer, or in sticky mode the one that a cookie of the proxy's own names.
type proxy struct {
	drivers map[string][]*instance
	sticks  func() bool
	next    atomic.Uint64
	forward http.RoundTripper
	reverse *httputil.ReverseProxy
}

// largestBody is the most that a request to an app may carry.
const largestBody = 64 << 10

var errNobody = errors.New("no instance of this app is running")

// unwell is what an app said where it could not do what it was asked for.
type unwell struct{ said string }

func (e *unwell) Error() string { return e.said }

// instanceName is the name of the cookie that names a user's instance.
func instanceName(driver string) string { return "live_instance_" + driver }

func newProxy(apps []*instance, sticks func() bool) *proxy {
	p := &proxy{drivers: map[string][]*instance{}, sticks: sticks}
	for _, in := range apps {
		p.drivers[in.driver] = append(p.drivers[in.driver], in)
	}
	p.forward = &http.Transport{MaxIdleConnsPerHost: 256, IdleConnTimeout: 10 * time.Second, ResponseHeaderTimeout: 5 * time.Second}
	p.reverse = &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL = &url.URL{Scheme: "http", Host: r.In.PathValue("driver"), Path: "/" + r.In.PathValue("rest")}
		},
		Transport: p,
		ErrorLog:  quiet,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, plain(err), http.StatusBadGateway)
		},
	}
	return p
}

// plain says what happened in a sentence without addresses.
func plain(err error) string {
	var said *unwell
	switch {
	case errors.As(err, &said):
		return said.Error()
	case errors.Is(err, errNobody):
		return "No instance of this app is running."
	}
	return "The app was cut off while it answered."
}

// ServeHTTP serves /app/{driver}/{rest...}.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if p.drivers[r.PathValue("driver")] == nil {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, largestBody)
	p.reverse.ServeHTTP(w, r)
}

// RoundTrip sends the request to an instance of the driver that the URL's host
// names. A request that did not reach its instance goes to the next one; one that
// may have been served already does so only if it changes nothing.
func (p *proxy) RoundTrip(r *http.Request) (*http.Response, error) {
	apps := p.drivers[r.URL.Host]
	var body []byte
	if r.Body != nil {
		var err error
		body, err = io.ReadAll(r.Body)
		_ = r.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	first, err := p.first(r, apps), errNobody
	for i := range uint64(len(apps)) {
		in := apps[(first+i)%uint64(len(apps))]
		base := in.url()
		if base == "" {
			continue
		}
		var res *http.Response
		if res, err = p.send(r, base, body); err == nil {
			p.keep(r, res, in)
			return res, nil
		}
		var op *net.OpError
		unsent := errors.As(err, &op) && op.Op == "dial"
		if !unsent && r.Method != http.MethodGet || r.Context().Err() != nil {
			return nil, err
		}
	}
	return nil, err
}

// first returns which instance is asked first.
func (p *proxy) first(r *http.Request, apps []*instance) uint64 {
	if c, err := r.Cookie(instanceName(r.URL.Host)); err == nil && p.sticks() {
		for i, in := range apps {
			if in.name == c.Value {
				return uint64(i)
			}
		}
	}
	return p.next.Add(1)
}

// keep has the user stay on the instance that has answered.
func (p *proxy) keep(r *http.Request, res *http.Response, in *instance) {
	name := instanceName(r.URL.Host)
	if c, err := r.Cookie(name); !p.sticks() || err == nil && c.Value == in.name {
		return
	}
	c := &http.Cookie{Name: name, Value: in.name, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode}
	res.Header.Add("Set-Cookie", c.String())
}

func (p *proxy) send(r *http.Request, base string, body []byte) (*http.Response, error) {
	out := r.Clone(r.Context())
	u, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	out.URL.Host, out.Host = u.Host, ""
	out.Body, out.ContentLength = http.NoBody, int64(len(body))
	if len(body) > 0 {
		out.Body = io.NopCloser(bytes.NewReader(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	return p.forward.RoundTrip(out)
}

// cookieNames are the cookies that a user of the driver's app has.
func cookieNames(driver string) []string {
	return []string{cookieName(driver), versionName(driver), instanceName(driver)}
}

// ask sends one request to an app, with the cookies of another request, and returns
// its answer. It is how the page talks to the app on behalf of the visitor.
func (p *proxy) ask(ctx context.Context, method, driver, path, form string, cookies []*http.Cookie) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://"+driver+path, bytes.NewReader([]byte(form)))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for _, c := range cookies {
		if slices.Contains(cookieNames(driver), c.Name) {
			req.AddCookie(c)
		}
	}
	res, err := p.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = res.Body.Close() }()
	said, err := io.ReadAll(io.LimitReader(res.Body, largestBody))
	if err != nil {
		return nil, nil, err
	}
	if res.StatusCode != http.StatusOK {
		return nil, nil, &unwell{string(bytes.TrimSpace(said))}
	}
	return res, said, nil
}
