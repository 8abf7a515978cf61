// Command shop is a web shop whose cart is one session value that parallel requests change by Update,
// and whose payment runs one at a time for a session, under a lock. It listens on PORT (8080) and takes
// its nodes from MEMCACHED_NODES, as "n1:host:11211,n2:host:11211,n3:host:11211".
package main

import (
	"context"
	"log"
	"os"

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
	defer web.Nodes("shop")() // its own, where MEMCACHED_NODES names none
	cfg, err := cluster.ConfigFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	c, err := cluster.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()

	s := &shop{cluster: c, store: scsstore.New(c), sessions: scs.New()}
	s.sessions.Store, s.sessions.Codec = s.store, serializer.Codec{}
	s.sessions.Cookie.Secure = web.SecureCookies() // true where the app is reached by HTTPS
	s.charge = func(_ context.Context, teapots int) error {
		log.Printf("charged for %d teapots", teapots)
		return nil
	}
	if err := s.open(context.Background(), 100); err != nil {
		return err
	}

	return web.Serve(s.handler())
}
