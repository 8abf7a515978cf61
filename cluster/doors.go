package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides, by asking, which addresses lead to one server: what is stored through one
// of them is found through the other. Looking names up leaves that open where a name has several
// addresses, which may be those of one host or of several, and where two nodes have the same
// port on addresses of this machine, on which one server may listen.

// door is one address of a node.
type door struct {
	node *node
	addr netip.Addr

	conn  *memcached.Direct // nil: it could not be opened
	key   string            // that was left behind this door; empty: none could be
	found []string          // the keys that are seen from this door
}

func (d *door) String() string { return net.JoinHostPort(d.addr.String(), portOf(d.node.Addr)) }

// doorsOf returns the addresses behind which it is open what stands. found are the
// addresses of each node, own those of this machine.
func doorsOf(nodes []*node, found [][]netip.Addr, own []netip.Addr) []*door {
	var doors []*door
	for i, n := range nodes {
		near := slices.ContainsFunc(nodes, func(o *node) bool {
			return o != n && portOf(o.Addr) == portOf(n.Addr) && isNear(found[i], own) && isNear(found[o.index], own)
		})
		if len(found[i]) > 1 || near {
			for _, a := range found[i] {
				doors = append(doors, &door{node: n, addr: a})
			}
		}
	}
	return doors
}

// isNear reports whether one of the addresses is this machine's.
func isNear(as, own []netip.Addr) bool {
	return slices.ContainsFunc(as, func(a netip.Addr) bool {
		a = memcached.DialledAs(a)
		return a.IsLoopback() || slices.Contains(own, a.WithZone(""))
	})
}

// ownAddresses returns those of this machine.
func ownAddresses() []netip.Addr {
	var own []netip.Addr
	nets, _ := net.InterfaceAddrs()
	for _, n := range nets {
		if p, err := netip.ParsePrefix(n.String()); err == nil {
			own = append(own, p.Addr().Unmap())
		}
	}
	return own
}

// knock leaves a key behind each door, for some seconds, then looks behind each for all of
// them, and returns the doors sorted by server. It takes three Timeouts at most. A door whose
// server does not answer is left out: nothing is known of it.
func (c *Cluster) knock(ctx context.Context, doors []*door) [][]*door {
	each := func(f func(ctx context.Context, d *door) error) {
		ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
		defer cancel()
		var wait sync.WaitGroup
		for _, d := range doors {
			wait.Go(func() {
				if err := f(ctx, d); err != nil {
					d.key = ""
				}
			})
		}
		wait.Wait()
	}
	each(func(ctx context.Context, d *door) (err error) {
		d.conn, err = d.node.server.Direct(ctx, d.addr)
		return err
	})
	defer func() {
		for _, d := range doors {
			if d.conn != nil {
				d.conn.Close()
			}
		}
	}()
	each(func(ctx context.Context, d *door) error {
		if d.conn == nil {
			return errNotAsked
		}
		d.key = fmt.Sprintf("%sholdfast-door-%016x%016x", c.cfg.KeyPrefix, c.cfg.Rand(), c.cfg.Rand())
		return d.conn.Leave(ctx, d.key)
	})
	var keys []string
	for _, d := range doors {
		if d.key != "" {
			keys = append(keys, d.key)
		}
	}
	each(func(ctx context.Context, d *door) error {
		if d.key == "" {
			return errNotAsked
		}
		var err error
		d.found, err = d.conn.Find(ctx, keys)
		if err == nil && !slices.Contains(d.found, d.key) {
			err = errForgets
		}
		return err
	})
	return byServer(doors)
}

var errForgets = errors.New("it does not even keep what it took")

// byServer sorts the doors by the server behind them.
func byServer(doors []*door) [][]*door {
	var servers [][]*door
	for _, d := range doors {
		if d.key == "" {
			continue
		}
		i := slices.IndexFunc(servers, func(s []*door) bool {
			return slices.Contains(d.found, s[0].key) || slices.Contains(s[0].found, d.key)
		})
		if i < 0 {
			i, servers = len(servers), append(servers, nil)
		}
		servers[i] = append(servers[i], d)
	}
	return servers
}
