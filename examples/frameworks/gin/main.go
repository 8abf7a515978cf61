// Command gin is a web app on gin with a login, a cart and messages that are shown once, whose
// sessions outlive the memcached nodes they are stored on. It listens on PORT (8080), takes its
// nodes from MEMCACHED_NODES, as "n1:host:11211,n2:host:11211,n3:host:11211", and the key that signs
// its cookies from SESSION_KEY, which all instances share.
package main

import (
	"fmt"
	"log"
	"os"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/internal/web"
	"github.com/holdfast-go/holdfast/ginstore"
	"github.com/holdfast-go/holdfast/gorillastore"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	defer web.Nodes("gin")() // its own, where MEMCACHED_NODES names none
	cfg, err := cluster.ConfigFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	c, err := cluster.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()

	store, err := gorillastore.New(c, web.SessionKey()) // []byte(os.Getenv("SESSION_KEY")), where that is always set
	if err != nil {
		return fmt.Errorf("SESSION_KEY: %w", err)
	}
	store.MaxAge(3600)
	store.Options.Secure = web.SecureCookies() // true where a proxy makes HTTPS of the app's HTTP

	return web.Serve(app(c, ginstore.New(store)))
}
