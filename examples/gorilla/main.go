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

	"github.com/gorilla/securecookie"

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
	c, err := cluster.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()

	key := []byte(os.Getenv("SESSION_KEY"))
	if len(key) == 0 {
		key = securecookie.GenerateRandomKey(32)
		log.Print("SESSION_KEY is not set: cookies are signed with a random key, and end with this program (openssl rand -hex 32 makes one to keep)")
	}
	store, err := gorillastore.New(c, key)
	if err != nil {
		return fmt.Errorf("SESSION_KEY: %w", err)
	}
	store.MaxAge(3600)
	store.Options.Secure, _ = strconv.ParseBool(os.Getenv("COOKIE_SECURE")) // true where a proxy makes HTTPS of the app's HTTP

	return web.Serve(app(c, store))
}
