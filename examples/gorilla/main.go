// Command gorilla is a web app with a login and a counter, whose sessions outlive the
// memcached nodes they are stored on. It listens on PORT (8080), takes its nodes
// from MEMCACHED_NODES, as "n1:host:11211,n2:host:11211,n3:host:11211", and the key
// that signs its cookies from SESSION_KEY, which all instances share.
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/gorilla/securecookie"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
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
		program := testenv.NewProgram("gorilla", os.Stderr)
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

	l, err := net.Listen("tcp", ":"+cmp.Or(os.Getenv("PORT"), "8080"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: app(c, store), ReadHeaderTimeout: 5 * time.Second}
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
