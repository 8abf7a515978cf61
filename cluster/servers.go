package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/doors"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/setup"
	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides whether each node of the list is one server of its own. Two nodes on one
// server hold both copies of a session in one place. One name for several servers sends a save
// to one of them and the load to another. What names lead to is seen by looking them up; where
// that leaves it open, the servers are asked.

// lookup returns the addresses of each node; none for a unix socket and where the resolver
// does not answer in time, which proves nothing. A host name that is known not to exist is
// refused: a misspelt node would otherwise look like one that is down.
func (cfg *Config) lookup() ([][]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(context.Background(), memcached.LookupWithin)
	defer cancel()
	found, errs := make([][]netip.Addr, len(cfg.Nodes)), make([]error, len(cfg.Nodes))
	var wait sync.WaitGroup
	for i, n := range cfg.Nodes {
		host, _, isName := memcached.HostOf(n.Addr)
		if !isName {
			if a, err := netip.ParseAddrPort(n.Addr); err == nil {
				found[i] = []netip.Addr{a.Addr()}
			}
			continue
		}
		wait.Go(func() {
			as, err := memcached.Lookup(ctx, cfg.resolver(), host)
			found[i] = as
			var dns *net.DNSError
			if errors.As(err, &dns) && dns.IsNotFound && !cfg.AllowUnresolved {
				errs[i] = fmt.Errorf("cluster: node %q: unknown host %q: correct the host name (MEMCACHED_NODES), or set AllowUnresolved (MEMCACHED_ALLOW_UNRESOLVED=true) if it only exists while the node runs", n.ID, host)
			}
		})
	}
	wait.Wait()
	return found, errors.Join(errs...)
}

// checkPlaces refuses two nodes that lead to one place.
func checkPlaces(nodes []Node, found [][]netip.Addr) error {
	for i, n := range nodes {
		for j, other := range nodes[:i] {
			if at := commonPlace(other.Addr, n.Addr, found[j], found[i]); at != "" {
				return setup.OneServer(discovery.Node(other), discovery.Node(n), "have the same address "+at)
			}
		}
	}
	return nil
}

// commonPlace returns where both addresses lead to; empty for nowhere.
func commonPlace(addr1, addr2 string, found1, found2 []netip.Addr) string {
	if memcached.IsUnix(addr1) && memcached.IsUnix(addr2) {
		one, err1 := os.Stat(addr1)
		two, err2 := os.Stat(addr2)
		if err1 == nil && err2 == nil && os.SameFile(one, two) {
			return addr1
		}
		return ""
	}
	if memcached.PortOf(addr1) != memcached.PortOf(addr2) {
		return ""
	}
	for _, a := range found1 {
		if slices.ContainsFunc(found2, func(b netip.Addr) bool { return memcached.DialledAs(a) == memcached.DialledAs(b) }) {
			return net.JoinHostPort(memcached.DialledAs(a).String(), memcached.PortOf(addr1))
		}
	}
	return ""
}

// checkServers asks the servers where that is needed, and returns an error for two nodes that
// are one server, and for a node that is several.
func (c *Cluster) checkServers(ctx context.Context, nodes []*node, found [][]netip.Addr) error {
	servers := c.serversBehind(ctx, nodes, found)
	for _, server := range servers {
		for _, d := range server {
			if first := server[0]; d.Node != first.Node {
				return setup.OneServer(discovery.Node(nodes[first.Node].Node), discovery.Node(nodes[d.Node].Node), fmt.Sprintf("lead to the same server (%s and %s)", first, d))
			}
		}
	}
	var errs []error
	for i, n := range nodes {
		if at := serversOf(i, servers); len(at) > 1 {
			errs = append(errs, fmt.Errorf("cluster: node %q: the name in %s leads to several servers (%s): what is saved on one of them is not found on the others: "+
				"list each server as a node of its own", n.ID, n.Addr, strings.Join(at, ", ")))
		}
	}
	return errors.Join(errs...)
}

// serversBehind returns the doors of the nodes, sorted by server. found are the addresses of each.
func (c *Cluster) serversBehind(ctx context.Context, nodes []*node, found [][]netip.Addr) [][]*doors.Door {
	var all []doors.Node
	for i, n := range nodes {
		all = append(all, doors.Node{Server: n.server, Addr: n.Addr, Found: found[i]})
	}
	return doors.ByServer(ctx, all, c.cfg.Timeout, func() string {
		return fmt.Sprintf("%sholdfast-door-%016x%016x", c.cfg.KeyPrefix, c.cfg.Rand(), c.cfg.Rand())
	})
}

// serversOf returns an address of each server that the i-th node leads to.
func serversOf(i int, servers [][]*doors.Door) []string {
	var at []string
	for _, server := range servers {
		if server[0].Node == i {
			at = append(at, server[0].String())
		}
	}
	return at
}

// nameChanged is told when a node's name has got other addresses, or is used at another.
// What would have been an error at the start can only be said now.
func (c *Cluster) nameChanged(ctx context.Context, n *node, m memcached.Move) {
	known, used := n.server.Addresses()
	if o := c.besides(ctx, n, used); o != nil {
		c.log.warn(n, "cluster: two nodes have come to lead to one server, both copies of a session lie on it: give each node the address of a server of its own", "other", o.String(), "server", used.String())
	}
	if m.First {
		return
	}
	c.log.info(n, "cluster: the node's name leads elsewhere", "used", used.String(), "addresses", fmt.Sprint(known))
	// One return proves little: a server may have been away while another stood in for it. But then,
	// too, each has sessions that the other lacks.
	if m.Back {
		c.log.warn(n, "cluster: the node's name leads to one address and to another by turns, and what is saved on one server is not found on the other: list each server as a node of its own", "used", used.String())
	}
	if at := serversOf(0, c.serversBehind(ctx, []*node{n}, [][]netip.Addr{known})); len(at) > 1 {
		c.log.warn(n, "cluster: the node's name leads to several servers, sessions saved on one are not found on the others: list each server as a node of its own", "servers", strings.Join(at, ", "))
	}
}

// besides returns another node that leads to the place of n as well, or nil.
func (c *Cluster) besides(ctx context.Context, n *node, used netip.Addr) *node {
	for _, o := range c.nodes() {
		if o != n && memcached.PortOf(o.Addr) == memcached.PortOf(n.Addr) && o.leadsTo(ctx, memcached.DialledAs(used)) {
			return o
		}
	}
	return nil
}

// leadsTo reports whether the node's address, or its name, leads there now.
func (n *node) leadsTo(ctx context.Context, at netip.Addr) bool {
	same := func(a netip.Addr) bool { return memcached.DialledAs(a) == at }
	if a, err := netip.ParseAddrPort(n.Addr); err == nil {
		return same(a.Addr())
	}
	return n.server.LeadsTo(ctx, same)
}
