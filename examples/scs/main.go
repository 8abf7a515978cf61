// Command scs is a web app with a login and a counter, whose sessions outlive the
// memcached nodes they are stored on. It listens on PORT (8080) and takes its nodes
// from MEMCACHED_NODES, as "n1:host:11211,n2:host:11211,n3:host:11211".
package main

import (
	"cmp"
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

func main() {
	if err := run(); err != nil {
		log.Fatal(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if os.Getenv("MEMCACHED_NODES") == "" {
		program := testenv.NewProgram("scs", os.Stderr)
		defer program.Close()
		nodes := testenv.Start(program, 3, testenv.Embedded()).Nodes()
		os.Setenv("MEMCACHED_NODES", nodes)
		log.Printf("MEMCACHED_NODES is not set: sessions live on embedded nodes, and end with this program (%s)", nodes)
	}
	cfg, err := cluster.ConfigFromEnv(os.Getenv)
	if err != nil {
		return err
	}
	c, err := cluster.New(cfg)
	if err != nil {
		return err
	}
	defer c.Close()

	sessions := scs.New()
	store := scsstore.New(c)
	sessions.Store = store
	sessions.Codec = serializer.Codec{}
	sessions.IdleTimeout = time.Hour
	sessions.Cookie.Secure, _ = strconv.ParseBool(os.Getenv("COOKIE_SECURE")) // true where the app is reached by HTTPS
	sessions.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, err error) {
		log.Print(err)
		http.Error(w, "Sessions are out of reach. Please try again in a moment.", http.StatusServiceUnavailable)
	}

	l, err := net.Listen("tcp", ":"+cmp.Or(os.Getenv("PORT"), "8080"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: app(c, store, sessions), ReadHeaderTimeout: 5 * time.Second}
	log.Printf("listening on http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop() // a second Ctrl-C ends the program at once
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
