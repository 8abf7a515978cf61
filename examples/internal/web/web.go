// Package web is what every example app needs beside its sessions, as any web app does:
// an address, an orderly end, and nodes where nobody has any yet.
package web

import (
	"cmp"
	"context"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// Nodes sets MEMCACHED_NODES to nodes inside this program where it is not set, so that an
// example runs without memcached. The function that it returns ends the nodes.
func Nodes(app string) (end func()) {
	if os.Getenv("MEMCACHED_NODES") != "" {
		return func() {}
	}
	program := testenv.NewProgram(app, os.Stderr)
	nodes := testenv.Start(program, 3, testenv.Embedded()).Nodes()
	os.Setenv("MEMCACHED_NODES", nodes)
	log.Printf("MEMCACHED_NODES is not set: sessions live on embedded nodes, and end with this program (%s)", nodes)
	return func() { _ = program.Close() }
}

// Serve serves the app on PORT (8080) until Ctrl-C or SIGTERM. Requests under way have ten
// seconds to end then; a second Ctrl-C ends the program at once.
func Serve(app http.Handler) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	l, err := net.Listen("tcp", ":"+cmp.Or(os.Getenv("PORT"), "8080"))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: app, ReadHeaderTimeout: 5 * time.Second}
	log.Printf("listening on http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(l) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	stop()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}
