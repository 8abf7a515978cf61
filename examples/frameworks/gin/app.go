package main

import (
	"log"
	"net/http"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/frameworks/internal/page"
	"github.com/holdfast-go/holdfast/ginstore"
)

// app returns the whole web app. Its handlers know gin-contrib/sessions only, except for login and
// logout, which change the session's id.
func app(c *cluster.Cluster, store ginstore.Store) http.Handler {
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/healthz", func(ctx *gin.Context) {
		if err := c.Ping(ctx.Request.Context()); err != nil {
			log.Print(err)
			ctx.String(http.StatusServiceUnavailable, "no session could be saved now\n")
		}
	})
	pages := r.Group("/", store.Sessions("app", unavailable))
	pages.GET("/", func(ctx *gin.Context) {
		session := sessions.Default(ctx)
		view := page.View{Framework: "gin"}
		view.Name, _ = session.Get("name").(string)
		view.Cart, _ = session.Get("cart").([]string)
		if flashes := session.Flashes(); len(flashes) > 0 {
			view.Flash, _ = flashes[0].(string)
			if err := session.Save(); err != nil { // the flash is taken
				unavailable(ctx, err)
				return
			}
		}
		ctx.Header("Cache-Control", "no-store")
		ctx.Header("Content-Type", "text/html; charset=utf-8")
		if err := page.Write(ctx.Writer, view); err != nil {
			log.Print(err)
		}
	})
	pages.POST("/login", func(ctx *gin.Context) {
		name := ctx.PostForm("name")
		if !page.Ok(name) {
			ctx.String(http.StatusBadRequest, "a name, please\n")
			return
		}
		session := sessions.Default(ctx)
		session.Set("name", name)
		session.AddFlash("You are logged in.")
		done(ctx, store.Renew(ctx, "app")) // nobody may have planted the id before the login
	})
	pages.POST("/cart", func(ctx *gin.Context) {
		item := ctx.PostForm("item")
		if !page.Ok(item) {
			ctx.String(http.StatusBadRequest, "an item, please\n")
			return
		}
		session := sessions.Default(ctx)
		cart, _ := session.Get("cart").([]string)
		session.Set("cart", page.With(cart, item))
		session.AddFlash("It is in the cart.")
		done(ctx, session.Save())
	})
	pages.POST("/logout", func(ctx *gin.Context) { done(ctx, store.Destroy(ctx, "app")) })
	return http.NewCrossOriginProtection().Handler(r)
}

// done leads back to the page, where the change was stored.
func done(ctx *gin.Context, err error) {
	if err != nil {
		unavailable(ctx, err)
		return
	}
	ctx.Redirect(http.StatusSeeOther, "/")
}

// unavailable answers while no node that could know the session is in reach.
func unavailable(ctx *gin.Context, err error) {
	log.Print(err)
	ctx.String(http.StatusServiceUnavailable, page.OutOfReach+"\n")
}
