// Package web is what every example app needs beside its sessions, as any web app does:
// an address, an orderly end, and nodes and a key where nobody has any yet.
package web

import (
	"cmp"
	"context"
	"crypto/rand"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// Nodes sets MEMCACHED_NODES to nodes inside this program where neither it nor MEMCACHED_DISCOVERY is set,
// so that an example runs without memcached. The function that it returns ends the nodes.
func Nodes(app string) (end func()) {
	if os.Getenv("MEMCACHED_NODES") != "" || os.Getenv("MEMCACHED_DISCOVERY") != "" {
		return func() {}
	}
	program := testenv.NewProgram(app, os.Stderr)
	nodes := testenv.Start(program, 3, testenv.Embedded()).Nodes()
	os.Setenv("MEMCACHED_NODES", nodes)
	log.Printf("MEMCACHED_NODES is not set: sessions live on embedded nodes, and end with this program (%s)", nodes)
	return func() { _ = program.Close() }
}

// SessionKey is the key that signs cookies, from SESSION_KEY: the same for all instances. Where that is not
// set it is a random one, so that an example runs without.
func SessionKey() []byte {
	key := []byte(os.Getenv("SESSION_KEY"))
	if len(key) == 0 {
		log.Print("SESSION_KEY is not set: cookies are signed with a random key, and end with this program (openssl rand -hex 32 makes one to keep)")
		key = make([]byte, 32)
		rand.Read(key)
	}
	return key
}

// SecureCookies reports whether cookies are for HTTPS only, from COOKIE_SECURE: true or false, which is
// also what an empty one means.
func SecureCookies() bool {
	text := os.Getenv("COOKIE_SECURE")
	secure, err := strconv.ParseBool(text)
	if err != nil && text != "" {
		log.Printf("COOKIE_SECURE is %q, and counts as true: write true or false", text)
	}
	return secure || err != nil && text != ""
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
