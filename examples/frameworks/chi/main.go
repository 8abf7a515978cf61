// Command chi is a web app on chi and scs with a login, a cart and messages that are shown once,
// whose sessions outlive the memcached nodes they are stored on. It listens on PORT (8080) and takes
// its nodes from MEMCACHED_NODES, as "n1:host:11211,n2:host:11211,n3:host:11211".
package main

import (
	"log"
	"net/http"
	"os"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/frameworks/internal/page"
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
	defer web.Nodes("chi")() // its own, where MEMCACHED_NODES names none
	cfg, err := cluster.ConfigFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	c, err := cluster.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()

	store := scsstore.New(c)
	return web.Serve(app(c, store, manager(store)))
}

// manager returns the app's SessionManager.
func manager(store *scsstore.Store) *scs.SessionManager {
	sessions := scs.New()
	sessions.Store = store
	sessions.Codec = serializer.Codec{} // parallel requests keep each other's changes
	sessions.IdleTimeout = time.Hour
	sessions.Cookie.Secure = web.SecureCookies() // true where the app is reached by HTTPS
	sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		log.Print(err)
		http.Error(w, page.OutOfReach, http.StatusServiceUnavailable)
	}
	return sessions
}
