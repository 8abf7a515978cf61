package main

import (
	"errors"
	"log"
	"net/http"

	"github.com/gorilla/securecookie"
	"github.com/gorilla/sessions"
	"github.com/labstack/echo-contrib/session"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/frameworks/internal/page"
	"github.com/holdfast-go/holdfast/gorillastore"
)

// app returns the whole web app. Only RenewID, at login, is not in echo-contrib/session.
func app(c *cluster.Cluster, store *gorillastore.Store) http.Handler {
	e := echo.New()
	e.HideBanner = true
	e.Use(middleware.Recover())
	e.GET("/healthz", func(ctx echo.Context) error {
		if err := c.Ping(ctx.Request().Context()); err != nil {
			return outOfReach(err)
		}
		return ctx.NoContent(http.StatusOK)
	})
	pages := e.Group("", session.Middleware(store), loadFirst)
	pages.GET("/", func(ctx echo.Context) error {
		s := sessionOf(ctx)
		view := page.View{Framework: "echo"}
		view.Name, _ = s.Values["name"].(string)
		view.Cart, _ = s.Values["cart"].([]string)
		if flashes := s.Flashes(); len(flashes) > 0 {
			view.Flash, _ = flashes[0].(string)
			if err := s.Save(ctx.Request(), ctx.Response()); err != nil { // the flash is taken
				return outOfReach(err)
			}
		}
		ctx.Response().Header().Set("Cache-Control", "no-store")
		ctx.Response().Header().Set("Content-Type", "text/html; charset=utf-8")
		return page.Write(ctx.Response(), view)
	})
	pages.POST("/login", func(ctx echo.Context) error {
		name := ctx.FormValue("name")
		if !page.Ok(name) {
			return echo.NewHTTPError(http.StatusBadRequest, "a name, please")
		}
		s := sessionOf(ctx)
		s.Values["name"] = name
		s.AddFlash("You are logged in.")
		return done(ctx, store.RenewID(ctx.Request(), ctx.Response(), s)) // nobody may have planted the id before the login
	})
	pages.POST("/cart", func(ctx echo.Context) error {
		item := ctx.FormValue("item")
		if !page.Ok(item) {
			return echo.NewHTTPError(http.StatusBadRequest, "an item, please")
		}
		s := sessionOf(ctx)
		cart, _ := s.Values["cart"].([]string)
		s.Values["cart"] = page.With(cart, item)
		s.AddFlash("It is in the cart.")
		return done(ctx, s.Save(ctx.Request(), ctx.Response()))
	})
	pages.POST("/logout", func(ctx echo.Context) error {
		s := sessionOf(ctx)
		s.Options.MaxAge = -1
		return done(ctx, s.Save(ctx.Request(), ctx.Response()))
	})
	return http.NewCrossOriginProtection().Handler(e)
}

// loadFirst loads the session before the handlers. Without it, each handler has to look at the
// error of session.Get, or takes a user whose session is out of reach for a stranger.
func loadFirst(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		_, err := session.Get("app", ctx)
		var forged securecookie.Error // this user is a stranger
		if err != nil && !errors.As(err, &forged) {
			return outOfReach(err)
		}
		return next(ctx)
	}
}

// sessionOf returns the session that loadFirst has loaded.
func sessionOf(ctx echo.Context) *sessions.Session {
	s, _ := session.Get("app", ctx)
	return s
}

// done leads back to the page, where the change was stored.
func done(ctx echo.Context, err error) error {
	if err != nil {
		return outOfReach(err)
	}
	return ctx.Redirect(http.StatusSeeOther, "/")
}

// outOfReach is the answer while no node that could know the session is in reach.
func outOfReach(err error) error {
	log.Print(err)
	return echo.NewHTTPError(http.StatusServiceUnavailable, page.OutOfReach).SetInternal(err)
}
