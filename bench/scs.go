package main

import (
	"context"
	"net"
	"net/http"
	"time"

	"github.com/alexedwards/scs/goredisstore"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how scs is measured: whole requests through LoadAndSave, on its
// stores and on scsstore.

type webGroup struct {
	name  string
	enter func(*rig, cell) ([]*contender, error)
}

var scsGroups = []webGroup{
	{"scs IdleTimeout", scsGroup(20*time.Minute, never)},
	{"scs no IdleTimeout", scsGroup(0, never)},
	{"scs no IdleTimeout, 10 % writes", scsGroup(0, tenth)},
}

// scsApp is the measured app on one store.
func scsApp(store scs.Store, codec scs.Codec, idle time.Duration, payload int) http.Handler {
	return scsAppOn(store, codec, idle, payload, (*scs.SessionManager).LoadAndSave)
}

// scsAppOn is scsApp with that LoadAndSave.
func scsAppOn(store scs.Store, codec scs.Codec, idle time.Duration, payload int, load middleware) http.Handler {
	sm := scs.New()
	sm.IdleTimeout = idle
	sm.Store = store
	if codec != nil {
		sm.Codec = codec
	}
	return load(sm, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if r.URL.Path == login {
			for k, v := range padded(payload) {
				sm.Put(ctx, k, v)
			}
		}
		if sm.GetInt(ctx, "userID") != userID {
			http.Error(w, "not logged in", http.StatusForbidden)
			return
		}
		if r.URL.Path == write {
			sm.Put(ctx, "visits", sm.GetInt(ctx, "visits")+1)
		}
		_, _ = w.Write([]byte("ok"))
	}))
}

func scsGroup(idle time.Duration, writes func(int) bool) func(*rig, cell) ([]*contender, error) {
	return func(r *rig, c cell) (all []*contender, err error) {
		add := func(name string, store scs.Store, codec scs.Codec, w *wire, end func()) {
			all = append(all, web(name, c, scsApp(store, codec, idle, c.payload), w, writes, end))
		}
		if r.redis == nil {
			all = append(all, &contender{name: "goredisstore", missing: r.noRedis})
		} else {
			w := &wire{rtt: c.rtt}
			rc := r.goRedis(w)
			add("goredisstore", goredisstore.New(rc), nil, w, func() { rc.Close() })
		}
		mem := memstore.New()
		add("memstore", mem, nil, nil, mem.StopCleanup)
		for _, v := range []struct {
			name  string
			codec scs.Codec
			slack time.Duration
		}{
			{"scsstore, gob", nil, 0},
			{"scsstore, serializer.Codec", serializer.Codec{}, 0},
			{"scsstore, RefreshSlack 1m", serializer.Codec{}, time.Minute},
		} {
			if v.slack > 0 && idle == 0 {
				continue // nothing to refresh
			}
			cl, w, err := r.settledWith(c, cluster.Config{RefreshSlack: v.slack}, 0)
			if err != nil {
				return all, err
			}
			add(v.name, scsstore.New(cl), v.codec, w, nil)
		}
		return all, nil
	}
}

// goRedis is a go-redis client with its defaults but for the timeouts and the pool,
// whose default of ten connections per processor makes many callers wait.
func (r *rig) goRedis(w *wire) *redis.Client {
	return redis.NewClient(&redis.Options{
		Addr: r.redis.addr, PoolSize: plenty, ReadTimeout: patience, WriteTimeout: patience, PoolTimeout: patience,
		Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) { return w.dial(ctx, network, addr) },
	})
}
