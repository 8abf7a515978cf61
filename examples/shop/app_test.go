package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// open returns two instances of the shop over one set of nodes.
func open(t *testing.T, teapots int, charge func(ctx context.Context, teapots int) error) (a, b *httptest.Server, first *shop) {
	env := testenv.Start(t, 3)
	var servers []*httptest.Server
	var shops []*shop
	for range 2 {
		nodes, err := cluster.ParseNodes(env.Nodes())
		if err != nil {
			t.Fatal(err)
		}
		c, err := cluster.New(cluster.Config{Nodes: nodes, DialContext: env.DialContext, Timeout: 10 * time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		s := &shop{cluster: c, store: scsstore.New(c), sessions: scs.New(), charge: charge}
		s.sessions.Store, s.sessions.Codec = s.store, serializer.Codec{}
		server := httptest.NewServer(s.handler())
		t.Cleanup(server.Close)
		servers, shops = append(servers, server), append(shops, s)
	}
	if err := shops[0].open(t.Context(), teapots); err != nil {
		t.Fatal(err)
	}
	return servers[0], servers[1], shops[0]
}

// user is a browser that goes to both instances.
type user struct {
	*testing.T
	client  http.Client
	servers []*httptest.Server
}

func newUser(t *testing.T, servers ...*httptest.Server) *user {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &user{t, http.Client{Jar: jar}, servers}
}

func (u *user) post(i int, path string) int {
	r, err := u.client.Post(u.servers[i%len(u.servers)].URL+path, "", nil)
	if err != nil {
		u.Error(err)
		return 0
	}
	defer r.Body.Close()
	_, _ = io.Copy(io.Discard, r.Body)
	return r.StatusCode
}

func (u *user) shows(want string) {
	u.Helper()
	for _, s := range u.servers {
		r, err := u.client.Get(s.URL + "/")
		if err != nil {
			u.Fatal(err)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body.Close()
		if string(body) != want+"\n" {
			u.Errorf("the page shows %q, want %q", body, want)
		}
	}
}

// at has n requests made at once, and returns how many were answered so.
func at(n, status int, request func(i int) int) int {
	var wg sync.WaitGroup
	var count atomic.Int64
	for i := range n {
		wg.Go(func() {
			if request(i) == status {
				count.Add(1)
			}
		})
	}
	wg.Wait()
	return int(count.Load())
}

func TestParallelRequestsFillOneCart(t *testing.T) {
	a, b, _ := open(t, 100, nil)
	u := newUser(t, a, b)
	u.post(0, "/add") // the session
	if done := at(20, http.StatusOK, func(i int) int { return u.post(i, "/add") }); done != 20 {
		t.Errorf("%d of 20 requests went well", done)
	}
	u.shows("21 in the cart, 0 orders")
}

// Many users want the last teapots: not one more is sold than there are.
func TestNoTeapotIsSoldTwice(t *testing.T) {
	a, b, first := open(t, 7, nil)
	sold := at(20, http.StatusOK, func(i int) int { return newUser(t, a, b).post(i, "/add") })
	if sold != 7 {
		t.Errorf("%d of 7 teapots were sold", sold)
	}
	shelf, err := first.cluster.Load(t.Context(), stockKey)
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := strconv.Atoi(string(shelf.Attrs["teapots"])); left != 0 {
		t.Errorf("%d are left", left)
	}
}

// Impatient users click on "pay" again and again: they pay once.
func TestClicksOnPayChargeOnce(t *testing.T) {
	var charged atomic.Int64
	a, b, _ := open(t, 100, func(_ context.Context, teapots int) error {
		charged.Add(int64(teapots))
		time.Sleep(5 * time.Millisecond)
		return nil
	})
	u := newUser(t, a, b)
	for i := range 3 {
		u.post(i, "/add")
	}
	if done := at(8, http.StatusOK, func(i int) int { return u.post(i, "/pay") }); done != 8 {
		t.Errorf("%d of 8 clicks were answered", done)
	}
	if charged.Load() != 3 {
		t.Errorf("charged for %d teapots", charged.Load())
	}
	u.shows(fmt.Sprintf("%d in the cart, %d orders", 0, 1))
}
