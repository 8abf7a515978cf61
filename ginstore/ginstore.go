// Package ginstore lets apps on gin keep their sessions with package gorillastore, through
// github.com/gin-contrib/sessions:
//
//	store, err := gorillastore.New(c, authKey)
//	sessionStore := ginstore.New(store)
//	r := gin.New()
//	r.Use(sessionStore.Sessions("app", unavailable))
//
// It is one file, so an app may as well copy it.
//
// # An outage is no logout
//
// The middleware of gin-contrib/sessions loads a session when a handler first asks for a value, and
// only logs an error of that load. To the handler, a user whose session is out of reach looks like
// one who is not logged in. [Store.Sessions] loads the session before the handlers, and answers
// where that fails, so no handler sees a session that was not loaded.
//
// # Login and logout
//
// At login, set the session's values and call [Store.Renew] in the place of Save. The session moves
// to a new id, and the response carries one cookie, however often the handler saves as well. At
// logout call [Store.Destroy]: Clear and Save of gin-contrib leave an empty session under its id.
package ginstore

import (
	"errors"
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"
	"github.com/gorilla/securecookie"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file decides how gin-contrib/sessions sees a gorillastore.Store, and when a session is loaded.

// Store is a sessions.Store of gin-contrib/sessions. New makes it.
type Store struct {
	*gorillastore.Store
}

var _ sessions.Store = Store{}

// New returns store in the form that gin-contrib/sessions wants.
func New(store *gorillastore.Store) Store { return Store{store} }

// Options sets the options that new sessions are given, all of them: what is zero in o is off. New
// sessions of gorillastore have Path "/", HttpOnly, SameSite=Lax and a MaxAge of 30 days if Options
// is never called. Call it before the first request.
func (s Store) Options(o sessions.Options) {
	if s.Store != nil { // else each load says that there is none
		s.Store.Options = o.ToGorillaOptions()
	}
}

// Sessions is the middleware for the session of that name. It loads the session and passes it to
// the handlers, which get it by sessions.Default(c). If the session cannot be loaded, unavailable
// answers in the place of the handlers. If unavailable is nil, the answer is a plain 503. The error
// wraps cluster.ErrUnavailable, or another error of [gorillastore.Store.New]; it belongs in the log.
//
// A cookie that does not verify is no such error: its user is a stranger, with a new session.
func (s Store) Sessions(name string, unavailable func(c *gin.Context, err error)) gin.HandlerFunc {
	next := sessions.Sessions(name, s)
	return func(c *gin.Context) {
		_, err := s.Get(c.Request, name)
		var forged securecookie.Error
		switch {
		case err == nil || errors.As(err, &forged):
			next(c)
		case unavailable == nil:
			_ = c.Error(err) // for the app's logger
			c.String(http.StatusServiceUnavailable, "Sessions are out of reach. Please try again in a moment.\n")
			c.Abort()
		default:
			c.Abort()
			unavailable(c, err)
		}
	}
}

var errNoContext = errors.New("ginstore: the gin.Context is nil: use that of the request")

// Renew saves the session of that name under a new id and sets its cookie: see
// [gorillastore.Store.RenewID]. Call it at login, before the response begins, in the place of Save.
func (s Store) Renew(c *gin.Context, name string) error {
	if c == nil {
		return errNoContext
	}
	session, _ := s.Get(c.Request, name) // RenewID refuses a session that could not be loaded
	return s.RenewID(c.Request, c.Writer, session)
}

// Destroy deletes the session of that name and expires its cookie. If it returns an error, the user
// is still logged in, and the handler must say so.
func (s Store) Destroy(c *gin.Context, name string) error {
	if c == nil {
		return errNoContext
	}
	session, _ := s.Get(c.Request, name) // a session that could not be loaded can be deleted
	session.Options.MaxAge = -1
	return s.Save(c.Request, c.Writer, session)
}
