package main

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"runtime"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/gorilla/sessions"
	"github.com/redis/rueidis"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how local copies are measured: whole requests that come to the instance which
// has served the session before, beside stores that keep sessions in the process as well.

var stickyGroups = []webGroup{
	{"sticky scs IdleTimeout", stickySCS(20*time.Minute, never)},
	{"sticky scs IdleTimeout, 10 % writes", stickySCS(20*time.Minute, tenth)},
	{"sticky scs no IdleTimeout", stickySCS(0, never)},
	{"sticky gorilla Get + Save", stickyGorilla(always)},
	{"sticky gorilla Get", stickyGorilla(never)},
}

// stickyAfar are the groups that are measured with a network, too: in these a peer needs it.
var stickyAfar = []string{"sticky scs IdleTimeout", "sticky gorilla Get + Save"}

// stickyLocal are copies of all sessions of a cell. They are as fresh as what a peer keeps is cached:
// each is read many times before it is asked for again.
var stickyLocal = cluster.Local{Sessions: 1 << 20, Fresh: cached, Outage: 10 * time.Minute}

// stickySCS has requests that read, and those that writes says write as well. Without an IdleTimeout
// scs itself writes nothing, so that a store with a cache is asked for no more than a read of it.
func stickySCS(idle time.Duration, writes func(int) bool) func(*rig, cell) ([]*contender, error) {
	return func(r *rig, c cell) (all []*contender, err error) {
		add := func(name string, end func(), w *wire, app func() http.Handler) {
			all = append(all, keeping(c, func() *contender { return web(name, c, app(), w, writes, end) }))
		}
		mem := memstore.New()
		add("memstore", mem.StopCleanup, nil, func() http.Handler { return scsApp(mem, nil, idle, c.payload) })
		if r.redis == nil {
			for _, name := range []string{"goredisstore", cachedGob, cachedSerializer} {
				all = append(all, &contender{name: name, missing: r.noRedis})
			}
		} else {
			w := &wire{rtt: c.rtt}
			rc := r.goRedis(w)
			all = append(all, web("goredisstore", c, scsApp(goredisstore.New(rc), nil, idle, c.payload), w, writes, func() { rc.Close() }))
			for _, v := range []struct {
				name  string
				codec scs.Codec
			}{{cachedGob, nil}, {cachedSerializer, serializer.Codec{}}} {
				w := &wire{rtt: c.rtt}
				store, err := r.rueidis(w)
				if err != nil {
					all = append(all, &contender{name: v.name, missing: err.Error()})
					continue
				}
				add(v.name, store.client.Close, w, func() http.Handler { return scsApp(store, v.codec, idle, c.payload) })
			}
		}
		for _, v := range []struct {
			name  string
			local cluster.Local
		}{
			{"scsstore, no local copies", cluster.Local{}},
			{"scsstore, Local", stickyLocal},
			{"scsstore, Local, WriteBehind", cluster.Local{Sessions: stickyLocal.Sessions, Fresh: cached, WriteBehind: true}},
		} {
			cl, w, err := r.settledWith(c, cluster.Config{RefreshSlack: time.Minute, Local: v.local}, 0)
			if err != nil {
				return all, err
			}
			store := scsstore.New(cl)
			app := func() http.Handler { return scsAppOn(store, serializer.Codec{}, idle, c.payload, store.LoadAndSave) }
			if v.local == (cluster.Local{}) {
				all = append(all, web(v.name, c, app(), w, writes, nil))
				continue
			}
			add(v.name, nil, w, app)
		}
		return all, nil
	}
}

// keeping is a contender that keeps sessions in the process, with what each takes there once every
// user has sent a request.
func keeping(c cell, enter func() *contender) *contender {
	before := heap()
	k := enter()
	if k.missing != "" {
		return k
	}
	for worker := range c.concurrency {
		for i := range c.sessions() / c.concurrency {
			if err := k.op(worker, i); err != nil {
				k.missing = "first request: " + err.Error()
				return k
			}
		}
	}
	k.kept = int(max(heap()-before, 0)) / c.sessions()
	return k
}

// heap is how much memory is in use once the garbage is gone.
func heap() int64 {
	var m runtime.MemStats
	for range 2 { // what the first finds to be done is gone after the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func stickyGorilla(writes func(int) bool) func(*rig, cell) ([]*contender, error) {
	others := gorillaGroup(writes)
	return func(r *rig, c cell) ([]*contender, error) {
		all, err := others(r, c)
		if err != nil {
			return all, err
		}
		cookie := sessions.NewCookieStore(cookieKey)
		all = append(all, web("CookieStore", c, gorillaApp(cookie, min(c.payload, 1<<10)), nil, writes, func() {}))
		for _, v := range []struct {
			name  string
			local cluster.Local
		}{
			{"gorillastore, Local", stickyLocal},
			{"gorillastore, Local, WriteBehind", cluster.Local{Sessions: stickyLocal.Sessions, Fresh: cached, WriteBehind: true}},
		} {
			cl, w, err := r.settledWith(c, cluster.Config{Local: v.local}, 0)
			if err != nil {
				return all, err
			}
			store, err := gorillastore.New(cl, cookieKey)
			if err != nil {
				return all, err
			}
			all = append(all, keeping(c, func() *contender {
				return web(v.name, c, gorillaApp(store, c.payload), w, writes, nil)
			}))
		}
		return all, nil
	}
}

// The names of the contenders that rueidisStore makes.
const (
	cachedGob        = "rueidis, client-side caching"
	cachedSerializer = cachedGob + ", serializer.Codec"
)

// rueidisStore is a store for scs on Redis with its server-assisted client-side caching: what was read
// stays in the process until the server says that it has changed.
type rueidisStore struct{ client rueidis.Client }

// cached is for how long a value stays in the process at most.
const cached = time.Minute

func (r *rig) rueidis(w *wire) (*rueidisStore, error) {
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{r.redis.addr}, CacheSizeEachConn: 512 << 20,
		DialCtxFn: func(ctx context.Context, addr string, _ *net.Dialer, _ *tls.Config) (net.Conn, error) {
			return w.dial(ctx, "tcp", addr)
		},
	})
	return &rueidisStore{client}, err
}

func (s *rueidisStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	b, err := s.client.DoCache(ctx, s.client.B().Get().Key("rueidis:"+token).Cache(), cached).AsBytes()
	if rueidis.IsRedisNil(err) {
		return nil, false, nil
	}
	return b, err == nil, err
}

func (s *rueidisStore) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	set := s.client.B().Set().Key("rueidis:" + token).Value(rueidis.BinaryString(b)).PxatMillisecondsTimestamp(expiry.UnixMilli()).Build()
	return s.client.Do(ctx, set).Error()
}

func (s *rueidisStore) DeleteCtx(ctx context.Context, token string) error {
	return s.client.Do(ctx, s.client.B().Del().Key("rueidis:"+token).Build()).Error()
}

func (s *rueidisStore) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

func (s *rueidisStore) Commit(token string, b []byte, expiry time.Time) error {
	return s.CommitCtx(context.Background(), token, b, expiry)
}

func (s *rueidisStore) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

var _ scs.CtxStore = (*rueidisStore)(nil)

// middleware is scs's own, or that of a store.
type middleware func(m *scs.SessionManager, next http.Handler) http.Handler
