package acceptance

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides how an app on gorilla/sessions keeps its sessions.

// authKey is the secret that the instances of an app share.
var authKey = []byte("acceptance-acceptance-acceptance")

func buildGorilla(c *cluster.Cluster, o options) (func(page) http.Handler, error) {
	store, err := gorillastore.New(c, authKey)
	if err != nil {
		return nil, err
	}
	if age := max(o.idle, o.lifetime); age != 0 {
		store.MaxAge(int(age / time.Second))
	}
	if o.owned {
		store.OwnerKey, store.Label = "user", func(r *http.Request) string { return r.FormValue("device") }
	}
	if o.gorilla != nil {
		o.gorilla(store)
	}
	return func(p page) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := visitGorilla(store, o, p, w, r)
			if err != nil {
				fail(w, err)
				return
			}
			_, _ = io.WriteString(w, body)
		})
	}, nil
}

func visitGorilla(store *gorillastore.Store, o options, p page, w http.ResponseWriter, r *http.Request) (string, error) {
	kept, err := store.Get(r, "session")
	var refused securecookie.Error
	if err != nil && !errors.As(err, &refused) { // a cookie that is none of ours is no reason to turn a user away
		return "", err
	}
	s := &gorillaSession{kept: kept, store: store, w: w, r: r}
	body, err := p(s, r)
	switch {
	case err != nil:
		return "", err
	case s.renewed:
		err = store.RenewID(r, w, kept)
	case s.changed, o.idle != 0 && !kept.IsNew:
		err = kept.Save(r, w)
	}
	return body, err
}

// lockedGorilla is a page that runs one at a time for a session.
func lockedGorilla(c *cluster.Cluster, lease time.Duration, p page) (http.Handler, error) {
	store, err := gorillastore.New(c, authKey)
	if err != nil {
		return nil, err
	}
	wrap, err := buildGorilla(c, options{})
	if err != nil {
		return nil, err
	}
	return store.LockHandler("session", gorillastore.LockOptions{Lease: lease, Wait: timeout}, wrap(p)), nil
}

type gorillaSession struct {
	kept             *sessions.Session
	changed, renewed bool

	store *gorillastore.Store
	w     http.ResponseWriter
	r     *http.Request
}

func (s *gorillaSession) update(change func(session) error) error {
	return s.store.Update(s.r, s.w, "session", func(kept *sessions.Session) error {
		return change(&gorillaSession{kept: kept})
	})
}

func (s *gorillaSession) get(key string) any { return s.kept.Values[key] }

func (s *gorillaSession) put(key string, value any) {
	s.kept.Values[key] = value
	s.changed = true
}

func (s *gorillaSession) remove(key string) {
	delete(s.kept.Values, key)
	s.changed = true
}

func (s *gorillaSession) addFlash(message string) {
	s.kept.AddFlash(message)
	s.changed = true
}

func (s *gorillaSession) flashes() []string {
	var list []string
	for _, f := range s.kept.Flashes() {
		list = append(list, f.(string))
	}
	s.changed = s.changed || len(list) > 0
	return list
}

func (s *gorillaSession) renew() error {
	s.renewed = true
	return nil
}

func (s *gorillaSession) destroy() error {
	s.kept.Options.MaxAge = -1
	s.changed = true
	return nil
}

func (s *gorillaSession) isNew() bool { return s.kept.IsNew }
func (s *gorillaSession) id() string  { return s.kept.ID }

func (s *gorillaSession) owners() owners { return s.store }
