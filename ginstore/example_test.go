package ginstore_test

import (
	"log"
	"net/http"
	"os"

	"github.com/gin-contrib/sessions"
	"github.com/gin-gonic/gin"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/ginstore"
	"github.com/holdfast-go/holdfast/gorillastore"
)

func Example() {
	cfg, err := cluster.ConfigFromEnv(os.Getenv) // MEMCACHED_NODES=n1:10.0.0.1:11211,n2:10.0.0.2:11211,…
	if err != nil {
		log.Fatal(err)
	}
	c, err := cluster.New(cfg)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	inner, err := gorillastore.New(c, []byte(os.Getenv("SESSION_KEY")))
	if err != nil {
		log.Fatal(err)
	}
	store := ginstore.New(inner)

	unavailable := func(ctx *gin.Context, err error) {
		log.Print(err)
		ctx.String(http.StatusServiceUnavailable, "Please try again in a moment.\n")
	}
	r := gin.Default()
	r.Use(store.Sessions("app", unavailable))
	r.GET("/", func(ctx *gin.Context) {
		ctx.String(http.StatusOK, "Hello, %v\n", sessions.Default(ctx).Get("name"))
	})
	r.POST("/login", func(ctx *gin.Context) {
		sessions.Default(ctx).Set("name", ctx.PostForm("name"))
		if err := store.Renew(ctx, "app"); err != nil { // saves, under a new id
			unavailable(ctx, err)
			return
		}
		ctx.Redirect(http.StatusSeeOther, "/")
	})
	log.Fatal(r.Run(":8080"))
}
