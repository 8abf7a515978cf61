package doors

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides behind which addresses it is open what stands, and looks behind each of them.

// Node is a node, and where its address leads to.
type Node struct {
	Server *memcached.Server
	Addr   string
	Found  []netip.Addr
}

// Door is one address of a node.
type Door struct {
	Node   int // the index of the node that it leads to
	server *memcached.Server
	addr   netip.Addr
	port   string

	conn  *memcached.Direct // nil: it could not be opened
	key   string            // that was left behind this door; empty: none could be
	found []string          // the keys that are seen from this door
}

func (d *Door) String() string { return net.JoinHostPort(d.addr.String(), d.port) }

// ByServer asks the servers of the nodes where that is needed, and returns the doors sorted by the server behind
// them. A key is left behind each door, for some seconds, and then all of them are looked for behind each. That takes
// three times within at most. A door whose server does not answer is left out: nothing is known of it.
func ByServer(ctx context.Context, nodes []Node, within time.Duration, newKey func() string) [][]*Door {
	doors := doorsOf(nodes, ownAddresses())
	if len(doors) < 2 {
		return nil
	}
	each := func(f func(ctx context.Context, d *Door) error) {
		ctx, cancel := context.WithTimeout(ctx, within)
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
	each(func(ctx context.Context, d *Door) (err error) {
		d.conn, err = d.server.Direct(ctx, d.addr)
		return err
	})
	defer func() {
		for _, d := range doors {
			if d.conn != nil {
				d.conn.Close()
			}
		}
	}()
	each(func(ctx context.Context, d *Door) error {
		if d.conn == nil {
			return errNotOpen
		}
		d.key = newKey()
		return d.conn.Leave(ctx, d.key)
	})
	var keys []string
	for _, d := range doors {
		if d.key != "" {
			keys = append(keys, d.key)
		}
	}
	each(func(ctx context.Context, d *Door) error {
		if d.key == "" {
			return errNotOpen
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

var (
	errNotOpen = errors.New("nothing could be left there")
	errForgets = errors.New("it does not even keep what it took")
)

// doorsOf returns the addresses behind which it is open what stands. own are those of this machine.
func doorsOf(nodes []Node, own []netip.Addr) []*Door {
	var doors []*Door
	for i, n := range nodes {
		near := false
		for j, o := range nodes {
			near = near || i != j && memcached.PortOf(o.Addr) == memcached.PortOf(n.Addr) && isNear(n.Found, own) && isNear(o.Found, own)
		}
		if len(n.Found) > 1 || near {
			for _, a := range n.Found {
				doors = append(doors, &Door{Node: i, server: n.Server, addr: a, port: memcached.PortOf(n.Addr)})
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

// byServer sorts the doors by the server behind them.
func byServer(doors []*Door) [][]*Door {
	var servers [][]*Door
	for _, d := range doors {
		if d.key == "" {
			continue
		}
		i := slices.IndexFunc(servers, func(s []*Door) bool {
			return slices.Contains(d.found, s[0].key) || slices.Contains(s[0].found, d.key)
		})
		if i < 0 {
			i, servers = len(servers), append(servers, nil)
		}
		servers[i] = append(servers[i], d)
	}
	return servers
}
