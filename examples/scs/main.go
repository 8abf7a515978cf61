// Command scs is a web app with a login and a counter, whose sessions outlive the
// memcached nodes they are stored on. It listens on PORT (8080) and takes its nodes
// from MEMCACHED_NODES, as "n1:host:11211,n2:host:11211,n3:host:11211".
package main

import (
	"log"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/internal/web"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	defer web.Nodes("scs")() // its own, where MEMCACHED_NODES names none
	cfg, err := cluster.ConfigFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	if sticky, _ := strconv.ParseBool(os.Getenv("STICKY")); sticky { // true behind a balancer that keeps a user on one instance
		cfg.Local = cluster.Local{Bytes: 64 << 20, Outage: 10 * time.Minute}
	}
	c, err := cluster.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()

	sessions := scs.New()
	store := scsstore.New(c)
	store.OwnerKey = "name" // who logs in with the same name is the same user here
	sessions.Store = store
	sessions.Codec = serializer.Codec{}
	sessions.IdleTimeout = time.Hour
	sessions.Cookie.Secure = web.SecureCookies() // true where the app is reached by HTTPS
	sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		log.Print(err)
		http.Error(w, "Sessions are out of reach. Please try again in a moment.", http.StatusServiceUnavailable)
	}

	return web.Serve(app(c, store, sessions))
}
