package acceptance

import (
	"context"
	"encoding/gob"
	"io"
	"net/http"
	"testing/synctest"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how an app on scs keeps its sessions.

func init() { gob.Register([]string{}) }

var serializerCodec scs.Codec = serializer.Codec{}

func buildSCS(c *cluster.Cluster, o options) (func(page) http.Handler, error) {
	return scsPages(newSessionManager(c, o, serializerCodec), o), nil
}

func buildSCSGob(c *cluster.Cluster, o options) (func(page) http.Handler, error) {
	return scsPages(newSessionManager(c, o, scs.GobCodec{}), o), nil
}

func newSessionManager(c *cluster.Cluster, o options, codec scs.Codec) *scs.SessionManager {
	sessions := scs.New()
	if own, ok := sessions.Store.(*memstore.MemStore); ok && o.virtual {
		// The store in memory that scs starts with has a goroutine, which no bubble may
		// leave behind. It cannot be stopped before it has begun.
		synctest.Wait()
		own.StopCleanup()
	}
	store := scsstore.New(c)
	if o.owned {
		store.OwnerKey = "user"
	}
	sessions.Store, sessions.Codec = store, codec
	sessions.IdleTimeout = o.idle
	if o.lifetime != 0 {
		sessions.Lifetime = o.lifetime
	}
	sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) { fail(w, err) }
	if o.scs != nil {
		o.scs(sessions)
	}
	return sessions
}

func scsPages(sessions *scs.SessionManager, o options) func(page) http.Handler {
	loadAndSave := sessions.LoadAndSave
	if store, ok := sessions.Store.(*scsstore.Store); ok && o.sticky {
		loadAndSave = func(next http.Handler) http.Handler { return store.LoadAndSave(sessions, next) }
	}
	return func(p page) http.Handler {
		h := loadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := p(&scsSession{sessions, r.Context()}, r)
			if err != nil {
				fail(w, err)
				return
			}
			_, _ = io.WriteString(w, body)
		}))
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(scsstore.WithLabel(r.Context(), r.FormValue("device"))))
		})
	}
}

// lockedSCS is a page that runs one at a time for a session.
func lockedSCS(c *cluster.Cluster, lease time.Duration, p page) (http.Handler, error) {
	sessions := newSessionManager(c, options{}, serializerCodec)
	store := sessions.Store.(*scsstore.Store)
	return store.LockHandler(sessions, scsstore.LockOptions{Lease: lease, Wait: timeout}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := p(&scsSession{sessions, r.Context()}, r)
		if err != nil {
			fail(w, err)
			return
		}
		_, _ = io.WriteString(w, body)
	})), nil
}

func (s *scsSession) update(change func(session) error) error {
	return s.sessions.Store.(*scsstore.Store).Update(s.ctx, s.sessions, func(ctx context.Context) error {
		return change(&scsSession{s.sessions, ctx})
	})
}

type scsSession struct {
	sessions *scs.SessionManager
	ctx      context.Context
}

func (s *scsSession) get(key string) any        { return s.sessions.Get(s.ctx, key) }
func (s *scsSession) put(key string, value any) { s.sessions.Put(s.ctx, key, value) }
func (s *scsSession) remove(key string)         { s.sessions.Remove(s.ctx, key) }
func (s *scsSession) renew() error              { return s.sessions.RenewToken(s.ctx) }
func (s *scsSession) destroy() error            { return s.sessions.Destroy(s.ctx) }
func (s *scsSession) isNew() bool               { return s.id() == "" }
func (s *scsSession) id() string                { return s.sessions.Token(s.ctx) }
func (s *scsSession) owners() owners            { return s.sessions.Store.(*scsstore.Store) }

func (s *scsSession) addFlash(message string) {
	list, _ := s.get("flashes").([]string)
	s.put("flashes", append(list, message))
}

func (s *scsSession) flashes() []string {
	list, _ := s.sessions.Pop(s.ctx, "flashes").([]string)
	return list
}
