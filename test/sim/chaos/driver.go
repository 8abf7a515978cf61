package main

import (
	"net/http"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides how the app looks on each of the two session libraries.

// scsApp is the app on scs. The middleware saves the session when the page writes.
func scsApp(store scs.Store, codec scs.Codec) http.Handler {
	sm := scs.New()
	sm.Store = store
	if codec != nil {
		sm.Codec = codec
	}
	sm.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) { refuse(w, err) }
	return sm.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := page(r.URL.Path, scsValues{sm, r}, r)
		reply(w, a, err)
	}))
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

// gorillaApp is the app on gorilla/sessions.
func gorillaApp(store *gorillastore.Store) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		kept, err := store.Get(r, "session")
		if err != nil {
			refuse(w, err)
			return
		}
		v := &gorillaValues{kept: kept}
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
}

type gorillaValues struct {
	kept             *sessions.Session
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
