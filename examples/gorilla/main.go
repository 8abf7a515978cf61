// Command gorilla is a web app with a login and a counter, whose sessions outlive the
// memcached nodes they are stored on. It listens on PORT (8080), takes its nodes
// from MEMCACHED_NODES, as "n1:host:11211,n2:host:11211,n3:host:11211", and the key
// that signs its cookies from SESSION_KEY, which all instances share.
package main

import (
	"fmt"
	"log"
	"os"
	"strconv"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/examples/internal/web"
	"github.com/holdfast-go/holdfast/gorillastore"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	defer web.Nodes("gorilla")() // its own, where MEMCACHED_NODES names none
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

	store, err := gorillastore.New(c, web.SessionKey()) // []byte(os.Getenv("SESSION_KEY")), where that is always set
	if err != nil {
		return fmt.Errorf("SESSION_KEY: %w", err)
	}
	store.MaxAge(3600)
	store.OwnerKey = "name" // who logs in with the same name is the same user here
	store.Label = web.Device
	store.Options.Secure = web.SecureCookies() // true where a proxy makes HTTPS of the app's HTTP

	return web.Serve(app(c, store))
}
