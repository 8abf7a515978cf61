package acceptance

import (
	"context"
	"encoding/gob"
	"io"
	"net/http"
	"testing/synctest"

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
	return scsPages(newSessionManager(c, o, serializerCodec)), nil
}

func buildSCSGob(c *cluster.Cluster, o options) (func(page) http.Handler, error) {
	return scsPages(newSessionManager(c, o, scs.GobCodec{})), nil
}

func newSessionManager(c *cluster.Cluster, o options, codec scs.Codec) *scs.SessionManager {
	sessions := scs.New()
	if own, ok := sessions.Store.(*memstore.MemStore); ok && o.virtual {
		// The store in memory that scs starts with has a goroutine, which no bubble may
		// leave behind. It cannot be stopped before it has begun.
		synctest.Wait()
		own.StopCleanup()
	}
	sessions.Store, sessions.Codec = scsstore.New(c), codec
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

func scsPages(sessions *scs.SessionManager) func(page) http.Handler {
	return func(p page) http.Handler {
		return sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := p(&scsSession{sessions, r.Context()}, r)
			if err != nil {
				fail(w, err)
				return
			}
			_, _ = io.WriteString(w, body)
		}))
	}
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

func (s *scsSession) addFlash(message string) {
	list, _ := s.get("flashes").([]string)
	s.put("flashes", append(list, message))
}

func (s *scsSession) flashes() []string {
	list, _ := s.sessions.Pop(s.ctx, "flashes").([]string)
	return list
}
