package main

import (
	"bytes"
	"crypto/rand"
	"encoding/gob"
	"fmt"
	"net/http"

	"github.com/boj/redistore"
	"github.com/bradfitz/gomemcache/memcache"
	redigo "github.com/gomodule/redigo/redis"
	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides how gorilla/sessions is measured: whole requests with Get and
// Save, on boj/redistore, on a plain memcached store, and on gorillastore.

var gorillaGroups = []webGroup{
	{"gorilla Get + Save", gorillaGroup(always)},
	{"gorilla Get", gorillaGroup(never)},
}

var cookieKey = []byte("0123456789abcdef0123456789abcdef")

// gorillaApp is the measured app on one store.
func gorillaApp(store sessions.Store, payload int) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "session")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if r.URL.Path == login {
			for k, v := range padded(payload) {
				s.Values[k] = v
			}
		}
		if s.Values["userID"] != userID {
			http.Error(w, "not logged in", http.StatusForbidden)
			return
		}
		if r.URL.Path != read {
			visits, _ := s.Values["visits"].(int)
			s.Values["visits"] = visits + 1
			if err := s.Save(r, w); err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
		}
		_, _ = w.Write([]byte("ok"))
	})
}

func gorillaGroup(writes func(int) bool) func(*rig, cell) ([]*contender, error) {
	return func(r *rig, c cell) ([]*contender, error) {
		var all []*contender
		add := func(name string, store sessions.Store, w *wire, end func()) {
			all = append(all, web(name, c, gorillaApp(store, c.payload), w, writes, end))
		}
		if r.redis == nil {
			all = append(all, &contender{name: "boj/redistore", missing: r.noRedis})
		} else {
			w := &wire{rtt: c.rtt}
			pool := &redigo.Pool{MaxIdle: plenty, Dial: func() (redigo.Conn, error) {
				return redigo.Dial("tcp", r.redis.addr, redigo.DialContextFunc(w.dial))
			}}
			if store, err := redistore.NewRediStoreWithPool(pool, cookieKey); err != nil {
				all = append(all, &contender{name: "boj/redistore", missing: err.Error()})
			} else {
				store.SetMaxLength(1 << 20)
				add("boj/redistore", store, w, func() { store.Close() })
			}
		}
		w := &wire{rtt: c.rtt}
		mc := r.plain(w)
		add("plain memcached", &plainStore{mc, securecookie.CodecsFromPairs(cookieKey)}, w, func() { mc.Close() })
		cl, w, err := r.settledWith(c, cluster.Config{}, 0)
		if err != nil {
			return all, err
		}
		store, err := gorillastore.New(cl, cookieKey)
		if err != nil {
			return all, err
		}
		add("gorillastore", store, w, nil)
		return all, nil
	}
}

// plainStore works as memcached stores for gorilla do: one copy, written over
// whatever stands, values in one gob.
type plainStore struct {
	mc     *memcache.Client
	codecs []securecookie.Codec
}

func (s *plainStore) Get(r *http.Request, name string) (*sessions.Session, error) {
	return sessions.GetRegistry(r).Get(s, name)
}

func (s *plainStore) New(r *http.Request, name string) (*sessions.Session, error) {
	session := sessions.NewSession(s, name)
	session.Options = &sessions.Options{Path: "/", MaxAge: 86400, HttpOnly: true}
	session.IsNew = true
	cookie, err := r.Cookie(name)
	if err != nil {
		return session, nil
	}
	if err := securecookie.DecodeMulti(name, cookie.Value, &session.ID, s.codecs...); err != nil {
		return session, err
	}
	it, err := s.mc.Get("session_" + session.ID)
	if err != nil {
		return session, err
	}
	session.IsNew = false
	return session, gob.NewDecoder(bytes.NewReader(it.Value)).Decode(&session.Values)
}

func (s *plainStore) Save(_ *http.Request, w http.ResponseWriter, session *sessions.Session) error {
	if session.ID == "" {
		session.ID = rand.Text()
	}
	var b bytes.Buffer
	if err := gob.NewEncoder(&b).Encode(session.Values); err != nil {
		return err
	}
	if err := s.mc.Set(&memcache.Item{Key: "session_" + session.ID, Value: b.Bytes(), Expiration: 86400}); err != nil {
		return err
	}
	encoded, err := securecookie.EncodeMulti(session.Name(), session.ID, s.codecs...)
	if err != nil {
		return fmt.Errorf("cookie: %w", err)
	}
	http.SetCookie(w, sessions.NewCookie(session.Name(), encoded, session.Options))
	return nil
}
