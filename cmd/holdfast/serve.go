package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file answers whether a node is ready, for as long as the process lives.

// readiness is the answer to GET /ready.
type readiness struct {
	mu     sync.Mutex // guards below
	reason string     // why the node is not ready; empty: it is
}

func (r *readiness) set(reason string) (changed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed = reason != r.reason
	r.reason = reason
	return changed
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	r.mu.Lock()
	reason := r.reason
	r.mu.Unlock()
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	if reason != "" {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, reason)
		return
	}
	fmt.Fprintln(w, "whole")
}

const (
	// readyEvery is the time between two looks at the node, and readyWithin what one takes at most
	// beside eight Timeouts, so that a node is not taken for ill for one late answer.
	readyEvery  = time.Second
	readyWithin = 2 * time.Second
	// againAfter is the time between two tries to begin.
	againAfter = 2 * time.Second
	// headersWithin is how long a client may take to ask.
	headersWithin = 5 * time.Second
)

// runServe answers until it is told to end.
func (w *waiting) runServe() int {
	bounded := len(w.except) > 0
	w.flags.Visit(func(f *flag.Flag) { bounded = bounded || f.Name == "timeout" })
	if bounded {
		return w.usage("--serve runs until it is told to end, and is about one node: leave --timeout and --except out")
	}
	cfg, err := w.config()
	if err != nil {
		return w.fail(err)
	}
	id, from := w.getenv(nodeVariable), nodeVariable
	if len(w.nodes) > 0 {
		id, from = w.nodes[0], "--node"
	}
	if id == "" || len(w.nodes) > 1 {
		return w.usage("--serve is about one node: set %s, or --node, to its id", nodeVariable)
	}
	var known []string
	for _, n := range cfg.Nodes {
		known = append(known, nodeID(n))
	}
	if err := knownNode(id, from, known); err != nil && cfg.Discover == nil { // else the list may have it later
		return w.fail(err)
	}
	cfg.Logger = slog.New(slog.NewTextHandler(w.stderr, nil))
	listener, err := (&net.ListenConfig{}).Listen(w.ctx, "tcp", w.serve)
	if err != nil {
		return w.fail(fmt.Errorf("cannot listen on %s: %w. Choose another address with --serve", w.serve, err))
	}
	ready := &readiness{reason: "the nodes have not been asked yet"}
	mux := http.NewServeMux()
	mux.Handle("GET /ready", ready)
	server := &http.Server{Handler: mux, ReadHeaderTimeout: headersWithin, ReadTimeout: headersWithin, WriteTimeout: headersWithin, ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn)}
	cfg.Logger.Info("holdfast: serving", "address", listener.Addr().String(), "node", id)
	ctx, stop := context.WithCancel(w.ctx)
	defer stop()
	var watching sync.WaitGroup
	watching.Go(func() { watchNode(ctx, cfg, id, ready) })
	stopServing := context.AfterFunc(ctx, func() { server.Close() })
	defer stopServing()
	err = server.Serve(listener)
	stop()
	watching.Wait()
	if !errors.Is(err, http.ErrServerClosed) {
		return w.fail(err)
	}
	return exitDone
}

// nodeID is the id of a node: its address where it has none.
func nodeID(n cluster.Node) string {
	if n.ID == "" {
		return n.Addr
	}
	return n.ID
}

// watchNode keeps the answer right, until ctx ends.
func watchNode(ctx context.Context, cfg cluster.Config, id string, ready *readiness) {
	say := func(reason string) {
		if ready.set(reason) && reason == "" {
			cfg.Logger.Info("holdfast: ready", "node", id)
		}
	}
	cl, err := cluster.New(cfg)
	for ; err != nil; cl, err = cluster.New(cfg) {
		if ready.set(words(err)) {
			cfg.Logger.Warn("holdfast: not begun yet", "reason", words(err))
		}
		if !sleep(ctx, againAfter) {
			return
		}
	}
	defer cl.Close()
	within := readyWithin + 8*max(cfg.Timeout, cluster.DefaultTimeout)
	for {
		look, cancel := context.WithTimeout(ctx, within)
		// It reads the markers of all nodes now, those that answer: by one of them the node may
		// have missed writes.
		err := cl.WaitNodesWhole(look, id)
		cancel()
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			say("")
		} else {
			reason, _ := withoutEnd(err)
			say(reason)
		}
		if !sleep(ctx, readyEvery) {
			return
		}
	}
}

// sleep returns false where ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
