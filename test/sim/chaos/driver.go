package main

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
)

// This file decides how the app looks on each of the two session libraries.

// scsApp is the app on scs. The middleware saves the session when the page writes.
func scsApp(store scs.Store, codec scs.Codec) http.Handler {
	sm := scs.New()
	sm.Store = store
	if codec != nil {
		sm.Codec = codec
	}
	sm.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) { refuse(w, lockError(r, err)) }
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := page(r.URL.Path, scsValues{sm, r}, r)
		reply(w, a, err)
	})
	if kept, ok := store.(*scsstore.Store); ok {
		return lockedApp(kept.LockHandler(sm, scsstore.LockOptions{Lease: lease, Wait: lockWait}, pages), kept.LoadAndSave(sm, pages))
	}
	return sm.LoadAndSave(pages)
}

// lockedApp has the guarded page served with the lock on its session, and notes when that was asked for.
func lockedApp(locked, others http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/guarded" {
			others.ServeHTTP(w, r)
			return
		}
		r.Header.Set(asked, strconv.FormatInt(time.Now().UnixNano(), 10))
		locked.ServeHTTP(w, r)
	})
}

// lockError tells a lock that was not had in time from an outage.
func lockError(r *http.Request, err error) error {
	if r.URL.Path == "/guarded" && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
		return errNoLock
	}
	return err
}

// updateError tells an update that is known not to be stored.
func updateError(err error) error {
	if errors.Is(err, cluster.ErrConflict) {
		return errNotRaised
	}
	return err
}

type scsValues struct {
	sm *scs.SessionManager
	r  *http.Request
}

func (v scsValues) all() map[string]string {
	all := map[string]string{}
	for _, name := range v.sm.Keys(v.r.Context()) {
		if text, ok := textOf(v.sm.Get(v.r.Context(), name)); ok {
			all[name] = text
		}
	}
	return all
}

func (v scsValues) put(name, value string) { v.sm.Put(v.r.Context(), name, valueOf(name, value)) }
func (v scsValues) remove(name string)     { v.sm.Remove(v.r.Context(), name) }
func (v scsValues) renew() error           { return v.sm.RenewToken(v.r.Context()) }
func (v scsValues) destroy() error         { return v.sm.Destroy(v.r.Context()) }
func (v scsValues) id() string             { return v.sm.Token(v.r.Context()) }

func (v scsValues) raise(name string) (n int, err error) {
	raise := func(ctx context.Context) error {
		n = numberIn(v.sm.GetString(ctx, name)) + 1
		v.sm.Put(ctx, name, strconv.Itoa(n))
		return nil
	}
	if store, ok := v.sm.Store.(*scsstore.Store); ok {
		err = updateError(store.Update(v.r.Context(), v.sm, raise))
		return n, err
	}
	err = raise(v.r.Context())
	return n, err
}

// gorillaApp is the app on gorilla/sessions.
func gorillaApp(store *gorillastore.Store) http.Handler {
	pages := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept, err := store.Get(r, "session")
		if err != nil {
			refuse(w, err)
			return
		}
		v := &gorillaValues{kept: kept, store: store, w: w, r: r}
		a, err := page(r.URL.Path, v, r)
		switch {
		case err != nil:
		case v.renewed:
			err = store.RenewID(r, w, kept)
			a.ID = kept.ID
		case v.changed:
			err = kept.Save(r, w)
		}
		reply(w, a, err)
	})
	locks := gorillastore.LockOptions{Lease: lease, Wait: lockWait, Error: func(w http.ResponseWriter, r *http.Request, err error) { refuse(w, lockError(r, err)) }}
	return lockedApp(store.LockHandler("session", locks, pages), pages)
}

type gorillaValues struct {
	kept             *sessions.Session
	store            *gorillastore.Store
	w                http.ResponseWriter
	r                *http.Request
	changed, renewed bool
}

func (v *gorillaValues) all() map[string]string {
	all := map[string]string{}
	for name, value := range v.kept.Values {
		name, _ := name.(string)
		if text, ok := textOf(value); ok {
			all[name] = text
		}
	}
	return all
}

func (v *gorillaValues) put(name, value string) {
	v.kept.Values[name] = valueOf(name, value)
	v.changed = true
}

func (v *gorillaValues) remove(name string) {
	delete(v.kept.Values, name)
	v.changed = true
}

func (v *gorillaValues) renew() error {
	v.renewed = true
	return nil
}

func (v *gorillaValues) destroy() error {
	v.kept.Options.MaxAge = -1
	v.changed = true
	return nil
}

func (v *gorillaValues) id() string { return v.kept.ID }

func (v *gorillaValues) raise(name string) (n int, err error) {
	err = v.store.Update(v.r, v.w, "session", func(s *sessions.Session) error {
		text, _ := s.Values[name].(string)
		n = numberIn(text) + 1
		s.Values[name] = strconv.Itoa(n)
		return nil
	})
	return n, updateError(err)
}
