package scsstore

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides what a client carries beside its token: the version of what it has seen of its
// session (docs/sticky.md).

// versionSuffix behind the name of the session's cookie is the name of the version's cookie.
const versionSuffix = "_v"

// visit is what one LoadAndSave knows of its session's version.
type visit struct {
	manager *scs.SessionManager

	mu      sync.Mutex // guards below: a handler may outlive its answer
	brought string     // by the client, or set for it
	shown   string     // of what was found or committed last; "" where that proves nothing
	found   bool       // something was found, committed or deleted
}

// visitKey is the context key of a visit.
type visitKey struct{ *Store }

// visitOf returns the visit that ctx belongs to; nil outside of LoadAndSave.
func (s *Store) visitOf(ctx context.Context) *visit {
	if ctx == nil {
		return nil
	}
	v, _ := ctx.Value(visitKey{s}).(*visit)
	return v
}

// visiting returns the visit of the request, and its context. One LoadAndSave inside another has one
// visit.
func (s *Store) visiting(m *scs.SessionManager, r *http.Request) (*visit, context.Context) {
	ctx := s.within(r.Context())
	if v := s.visitOf(ctx); v != nil && v.manager == m {
		return v, ctx
	}
	v := &visit{manager: m}
	for i, cookie := range r.CookiesNamed(m.Cookie.Name + versionSuffix) {
		if v.brought = cookie.Value; i > 0 { // for several paths: which is the last is not known
			v.brought = ""
			break
		}
	}
	return v, context.WithValue(ctx, visitKey{s}, v)
}

// version returns what the client has brought.
func (v *visit) version() string {
	if v == nil {
		return ""
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.brought
}

// note takes up what was found, or stands now.
func (v *visit) note(rec *cluster.Record) {
	if v != nil {
		v.set(rec.Version())
	}
}

// forget takes up that the session was destroyed.
func (v *visit) forget() {
	if v != nil {
		v.set("")
	}
}

func (v *visit) set(shown string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.shown, v.found = shown, true
}

// write sets the version's cookie where the client has not brought that version, as the settings of
// the session's cookie say, until the session's latest end. A version that proves nothing takes the
// client's away.
func (v *visit) write(ctx context.Context, w http.ResponseWriter) {
	v.mu.Lock()
	same, shown, m := !v.found || v.shown == v.brought, v.shown, v.manager
	v.brought = shown
	v.mu.Unlock()
	if same {
		return
	}
	c := &http.Cookie{
		Name: m.Cookie.Name + versionSuffix, Value: shown,
		Domain: m.Cookie.Domain, Path: m.Cookie.Path, HttpOnly: m.Cookie.HttpOnly, Secure: m.Cookie.Secure,
		SameSite: m.Cookie.SameSite, Partitioned: m.Cookie.Partitioned,
	}
	switch {
	case shown == "":
		c.Expires, c.MaxAge = time.Unix(1, 0), -1
	case m.Cookie.Persist || m.GetBool(ctx, "__rememberMe"):
		end := m.Deadline(ctx)
		c.Expires, c.MaxAge = time.Unix(end.Unix()+1, 0), int(time.Until(end).Seconds()+1)
	}
	w.Header().Add("Set-Cookie", c.String())
	if !slices.Contains(w.Header().Values("Cache-Control"), leaveOut) { // scs has not set its cookie
		w.Header().Add("Cache-Control", leaveOut)
	}
}

// leaveOut tells caches not to keep what an answer sets for one client, in the words of scs.
const leaveOut = `no-cache="Set-Cookie"`
