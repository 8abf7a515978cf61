package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// This file decides how many users there are in the background. Each of them does
// the same things twice: on holdfast and on the one-copy store.

// mostUsers is as many as one machine with nodes, apps and users on it can bear.
const mostUsers = 500

// crowd is the users. It is safe for concurrent use.
type crowd struct {
	url      string
	journal  *journal
	client   *http.Client
	inquire  inquiry
	holdfast tally
	oneCopy  tally

	mu    sync.Mutex // guards below
	users []*user    // on holdfast
	twins []*user    // the same on the one-copy store
	stops []context.CancelFunc
	names int
	tasks sync.WaitGroup
}

func newCrowd(url string, j *journal) *crowd {
	return &crowd{url: url, journal: j, client: &http.Client{
		Timeout:       10 * time.Second,
		Transport:     &http.Transport{MaxIdleConnsPerHost: 2 * mostUsers, IdleConnTimeout: 30 * time.Second},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// run keeps the users until ctx ends, and waits for them to finish.
func (c *crowd) run(ctx context.Context) {
	<-ctx.Done()
	c.resize(0)
	c.tasks.Wait()
	c.client.CloseIdleConnections()
}

// resize makes it n users; those that leave do so without logging out.
func (c *crowd) resize(n int) {
	n = min(max(n, 0), mostUsers)
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.users) > n {
		last := len(c.users) - 1
		c.stops[last]()
		c.users, c.twins, c.stops = c.users[:last], c.twins[:last], c.stops[:last]
	}
	for len(c.users) < n {
		c.names++
		ctx, stop := context.WithCancel(context.Background())
		driver := withSCS
		if c.names%2 == 0 {
			driver = withGorilla
		}
		u, twin := c.newUser(driver, &c.holdfast), c.newUser(withOneCopy, &c.oneCopy)
		c.tasks.Go(func() { u.run(ctx) })
		c.tasks.Go(func() { twin.run(ctx) })
		c.users, c.twins, c.stops = append(c.users, u), append(c.twins, twin), append(c.stops, stop)
	}
}

func (c *crowd) newUser(driver string, t *tally) *user {
	return &user{
		name: fmt.Sprintf("user %d", c.names), driver: driver, idle: c.names%idleShare == 0,
		cookies: map[string]string{}, looks: make(chan chan<- idleLook), gone: make(chan struct{}), base: c.url + "/app/" + driver,
		client: c.client, tally: t, journal: c.journal, inquire: c.inquire,
	}
}

func (c *crowd) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.users)
}

// all returns the users on holdfast.
func (c *crowd) all() []*user {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*user(nil), c.users...)
}

// idlers returns how many users are idle.
func (c *crowd) idlers() int {
	n := 0
	for _, u := range c.all() {
		if u.idle {
			n++
		}
	}
	return n
}

// unused returns how many sessions were not used since then, of users who work and of idle ones.
func (c *crowd) unused(since time.Time) (busy, idle int) {
	for _, u := range c.all() {
		id, used := u.lately()
		switch {
		case id == "" || !used.Before(since):
		case u.idle:
			idle++
		default:
			busy++
		}
	}
	return busy, idle
}
