package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/test/baseline"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what the demo consists of, and that all of it ends together.

// config says how the demo starts.
type config struct {
	addr   string              // where the page is served
	users  int                 // in the background
	faults bool                // break something every few seconds
	sticky bool                // begin in sticky mode
	apps   string              // instances that run elsewhere; empty: the demo starts its own
	getenv func(string) string // for MEMCACHED_NODES and what belongs to it; nil: not set
	nodes  []testenv.Option    // of the demo's own nodes
}

// demo is the nodes, the apps, the users and the page.
type demo struct {
	journal journal
	nodes   *nodes
	base    cluster.Config  // of every instance, but for the nodes
	apps    []*instance     // on holdfast
	plain   *instance       // beside it
	store   *baseline.Store // of plain: without holdfast, one copy on one node
	proxy   *proxy
	crowd   *crowd
	watch   *watch
	rolling *rolling
	server  *http.Server
	url     string
	faults  atomic.Bool   // random ones are wanted
	sticky  atomic.Bool   // users stay on one instance, which keeps copies
	allDown atomic.Bool   // by a button, and no node was started since
	forgot  chan struct{} // has room for one: all nodes have lost their memory at once

	// turn is held by whoever breaks or mends something: one after the other, so
	// that the journal tells the order in which it was.
	turn sync.Mutex

	end   context.CancelFunc
	tasks sync.WaitGroup
}

// appNames are the instances on holdfast, by driver: two of each.
var appNames = []struct{ name, driver string }{
	{"scs-1", withSCS}, {"scs-2", withSCS}, {"gorilla-1", withGorilla}, {"gorilla-2", withGorilla},
}

// patienceWithNodes is the Timeout of the demo's own cluster. Nodes, apps, users and
// a browser share one machine: they get a little more than the default, and a hung
// node still costs its first requests less than 300 ms.
const patienceWithNodes = 250 * time.Millisecond

// healPerSecond is the HealPerSecond of the demo's own cluster: some users' sessions take long
// enough to be watched.
const healPerSecond = 200

// knownWithin is how long the demo's apps, which change their lists one after the other, need to have the
// new one.
const knownWithin = 5 * time.Second

// prefix begins every key of the demo.
const prefix = "live:"

// start starts everything. Close ends it.
func start(tb testenv.TB, cfg config) (*demo, error) {
	d := &demo{rolling: newRolling(), forgot: make(chan struct{}, 1)}
	d.faults.Store(cfg.faults)
	d.sticky.Store(cfg.sticky)
	if err := d.startNodes(tb, cfg.getenv, cfg.nodes); err != nil {
		return nil, err
	}
	if err := d.startApps(cfg.apps); err != nil {
		d.Close()
		return nil, err
	}
	d.proxy = newProxy(append([]*instance{d.plain}, d.apps...), d.sticky.Load)
	if err := d.serve(cfg.addr); err != nil {
		d.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.end = cancel
	d.crowd = newCrowd(d.url, &d.journal)
	d.crowd.inquire = d.inquire
	d.watch = newWatch(d)
	d.journal.add(note, "", "Everything runs: %d %s, two instances each of two apps.", len(d.nodes.all()), d.nodes.what())
	d.tasks.Go(func() { d.crowd.run(ctx) })
	d.tasks.Go(func() { d.watch.run(ctx) })
	d.tasks.Go(func() { d.watch.followWhole(ctx) })
	d.tasks.Go(func() { d.breakThings(ctx) })
	d.tasks.Go(func() { d.rollNodes(ctx) })
	d.tasks.Go(func() { d.lookAfterOutages(ctx) })
	for _, in := range d.apps {
		if in.remote != nil {
			d.tasks.Go(func() { in.remote.follow(ctx, d.elsewhere(in)) })
		}
	}
	d.crowd.resize(cfg.users)
	return d, nil
}

func (d *demo) startNodes(tb testenv.TB, getenv func(string) string, opts []testenv.Option) error {
	if getenv == nil {
		getenv = func(string) string { return "" }
	}
	if getenv("MEMCACHED_NODES") == "" && getenv("MEMCACHED_DISCOVERY") == "" {
		var err error
		if d.nodes, err = startNodes(tb, 3, opts...); err != nil {
			return fmt.Errorf("the memcached nodes did not start: %w", err)
		}
		d.base.KeyPrefix, d.base.Timeout, d.base.HealPerSecond = prefix, patienceWithNodes, healPerSecond
		d.base.TransitionFor = knownWithin
		return nil
	}
	var err error
	if d.base, err = cluster.ConfigFromEnv(getenv); err != nil {
		return err
	}
	d.nodes = &nodes{list: d.base.Nodes}
	d.base.KeyPrefix += prefix
	return nil
}

// clusterConfig is what an instance is configured with now.
func (d *demo) clusterConfig() cluster.Config {
	cfg := d.base
	cfg.Nodes = d.nodes.all()
	if d.sticky.Load() {
		cfg.Local = localCopies
	}
	return cfg
}

func (d *demo) startApps(elsewhere string) error {
	var err error
	if d.apps, err = parseRemotes(elsewhere); err != nil {
		return err
	}
	if len(d.apps) > 0 && d.nodes.own() {
		return errors.New("-apps: instances that run elsewhere need nodes that do: set MEMCACHED_NODES")
	}
	if len(d.apps) == 0 {
		key := make([]byte, 32)
		_, _ = rand.Read(key) // never fails
		for _, a := range appNames {
			build, err := builderOf(a.driver, key)
			if err != nil {
				return err
			}
			d.apps = append(d.apps, newInstance(a.name, a.driver, build))
		}
	}
	d.store = baseline.New(baseline.Config{Nodes: d.nodes.all(), Prefix: d.base.KeyPrefix + "one:", Timeout: patienceWithNodes})
	for _, in := range d.apps {
		if in.remote != nil {
			in.remote.look(context.Background())
		}
	}
	d.plain = newInstance("one-copy", withOneCopy, buildOneCopy(d.store))
	for _, in := range append([]*instance{d.plain}, d.apps...) {
		if err := in.start(d.clusterConfig()); err != nil {
			return fmt.Errorf("%s did not start: %w", in.name, err)
		}
	}
	return nil
}

// serve opens the page's address; where the port is taken, another one.
func (d *demo) serve(addr string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("-addr %q: the address has the form host:port, such as 127.0.0.1:8088", addr)
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		var other error
		if l, other = net.Listen("tcp", net.JoinHostPort(host, "0")); other != nil {
			return errors.Join(err, other)
		}
		fmt.Fprintf(os.Stderr, "%s cannot be used (%v). Using another port.\n", addr, errors.Unwrap(err))
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	d.url = "http://" + net.JoinHostPort(cmp.Or(host, "127.0.0.1"), port)
	d.server = &http.Server{Handler: d.handler(), ReadHeaderTimeout: 5 * time.Second, ErrorLog: quiet}
	go func() { _ = d.server.Serve(l) }()
	return nil
}

// introduce prints where to look.
func (d *demo) introduce(out io.Writer) {
	fmt.Fprintf(out, "%d %s, two instances each of two apps, %d users.\n", len(d.nodes.all()), d.nodes.what(), d.crowd.size())
	fmt.Fprintf(out, "Break them at %s   (Ctrl-C ends everything)\n", d.url)
}

// Close ends what was started, the page first. The nodes end with their TB.
func (d *demo) Close() {
	if d.end != nil {
		d.end()
		d.tasks.Wait()
	}
	if d.server != nil {
		_ = d.server.Close()
	}
	for _, in := range d.apps {
		in.Close()
	}
	if d.plain != nil {
		d.plain.Close()
		d.store.Close()
	}
}

// ownApps reports whether the instances can be killed and started here.
func (d *demo) ownApps() bool { return d.apps[0].remote == nil }

// app returns an instance on holdfast by its name.
func (d *demo) app(name string) (*instance, error) {
	var names []string
	for _, in := range d.apps {
		if in.name == name {
			return in, nil
		}
		names = append(names, in.name)
	}
	return nil, unknown("app instance", name, names)
}
