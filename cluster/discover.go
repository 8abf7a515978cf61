package cluster

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides how a list of nodes that comes from elsewhere is followed: Config.Discover is asked
// again and again, and what it answers counts with prudence (internal/discovery). An answer that
// fails, is empty or is half of one moves no session.

// discoverWithin bounds one question.
const discoverWithin = 10 * time.Second

// discoverOnce asks for the list. A function that panics is one that fails.
func (cfg *Config) discoverOnce(ctx context.Context) (nodes []Node, err error) {
	ctx, cancel := context.WithTimeout(ctx, discoverWithin)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			nodes, err = nil, fmt.Errorf("the function Discover panicked: %v", r)
		}
	}()
	nodes, err = cfg.Discover(ctx)
	if err == nil && len(nodes) == 0 {
		err = discovery.ErrNoNode
	}
	if err == nil {
		nodes = withIDs(nodes)
		err = checkNodes(nodes)
	}
	return nodes, err
}

// follow asks for the list until Close, and changes to what it proposes.
func (c *Cluster) follow() {
	prudent := discovery.NewPrudent(toDiscovery(c.cfg.Nodes))
	t := time.NewTicker(c.cfg.DiscoverEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-c.closing:
			return
		}
		nodes, err := c.cfg.discoverOnce(c.ending)
		if err != nil {
			if !c.isClosing() {
				c.log.warn(nil, "cluster: the list of nodes cannot be asked for, and stays as it is", "reason", err)
			}
			continue
		}
		list, changed := prudent.Answer(toDiscovery(nodes))
		if !changed {
			continue
		}
		if err := c.SetNodes(fromDiscovery(list)); err != nil {
			c.log.warn(nil, "cluster: the list of nodes that was found is not used", "reason", err)
			continue // it is proposed again
		}
		prudent.Use(list)
	}
}

func toDiscovery(nodes []Node) (list []discovery.Node) {
	for _, n := range nodes {
		list = append(list, discovery.Node(n))
	}
	return list
}

func fromDiscovery(list []discovery.Node) (nodes []Node) {
	for _, n := range list {
		nodes = append(nodes, Node(n))
	}
	return nodes
}

// discoveryForm is how the environment names a source.
const discoveryForm = `"srv:_memcached._tcp.mc.example.org", "elasticache:host:port" or "file:/path"`

// discoverFrom returns the source that the text names.
func discoverFrom(text string, conf *tls.Config) (func(context.Context) ([]Node, error), error) {
	kind, at, _ := strings.Cut(text, ":")
	if at == "" {
		return nil, fmt.Errorf("want %s", discoveryForm)
	}
	var ask func(context.Context) ([]discovery.Node, error)
	switch kind {
	case "srv":
		ask = discovery.SRV(net.DefaultResolver, at)
	case "elasticache":
		ask = discovery.ElastiCache(at, conf, (&net.Dialer{}).DialContext)
	case "file":
		return func(ctx context.Context) ([]Node, error) {
			list, err := discovery.ReadFile(ctx, at)
			if err != nil {
				return nil, err
			}
			nodes, err := ParseNodes(list)
			if err != nil {
				return nil, fmt.Errorf("file %q: %s", at, strings.TrimPrefix(err.Error(), "cluster: "))
			}
			return nodes, nil
		}, nil
	default:
		return nil, fmt.Errorf("want %s", discoveryForm)
	}
	return func(ctx context.Context) ([]Node, error) {
		list, err := ask(ctx)
		return fromDiscovery(list), err
	}, nil
}
