package cluster

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
)

// This file decides, by asking, which addresses lead to one server: what is stored through one
// of them is found through the other. Looking names up leaves that open where a name has several
// addresses, which may be those of one host or of several, and where two nodes have the same
// port on addresses of this machine, on which one server may listen.

// door is one address of a node.
type door struct {
	node *node
	addr netip.Addr

	nc    *nodeConn
	in    *bufio.Reader
	key   string   // that was left behind this door; empty: none could be
	found []string // the keys that are seen from this door
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
		a = dialledAs(a)
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
	each(func(ctx context.Context, d *door) error { return d.open(ctx) })
	defer func() {
		for _, d := range doors {
			if d.nc != nil {
				d.nc.Close()
			}
		}
	}()
	each(func(ctx context.Context, d *door) error {
		if d.nc == nil {
			return errNotAsked
		}
		d.key = fmt.Sprintf("%sholdfast-door-%016x%016x", c.cfg.KeyPrefix, c.cfg.Rand(), c.cfg.Rand())
		answer, err := d.ask(ctx, fmt.Sprintf("set %s 0 10 1\r\n1\r\n", d.key), isLine)
		if err == nil && answer != "STORED\r\n" {
			err = errAnswer
		}
		return err
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
		answer, err := d.ask(ctx, "get "+strings.Join(keys, " ")+"\r\n", isList)
		for _, k := range keys {
			if strings.Contains(answer, "VALUE "+k+" ") {
				d.found = append(d.found, k)
			}
		}
		if err == nil && !slices.Contains(d.found, d.key) {
			err = errAnswer // it does not even keep what it took
		}
		return err
	})
	return byServer(doors)
}

// open connects to the door as to the node, with its TLS and its login.
func (d *door) open(ctx context.Context) error {
	dialer := d.node.dialer
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", d.String())
	if err != nil {
		return err
	}
	below := &patientConn{Conn: nc, clock: dialer.clock}
	d.nc = &nodeConn{Conn: below, below: below}
	if err := errors.Join(d.nc.until(dialer.limit()), dialer.prepare(d.nc, d.node.Addr)); err != nil {
		return err
	}
	d.in = bufio.NewReaderSize(d.nc, maxAnswerLine)
	return nil
}

func isLine(string) bool        { return true }
func isList(answer string) bool { return strings.HasSuffix(answer, "END\r\n") }

// mostOfDoors bounds an answer: a line for each door.
const mostOfDoors = 64 << 10

// ask sends a command and returns its answer, which ends with the line for which whole is true.
func (d *door) ask(ctx context.Context, command string, whole func(string) bool) (string, error) {
	if err := d.nc.until(d.node.dialer.limit()); err != nil {
		return "", err
	}
	stop := context.AfterFunc(ctx, func() { d.nc.Close() })
	defer stop()
	if _, err := d.nc.Write([]byte(command)); err != nil {
		return "", err
	}
	var answer bytes.Buffer
	for answer.Len() < mostOfDoors {
		line, err := d.in.ReadSlice('\n')
		if err != nil {
			return "", err
		}
		answer.Write(line)
		if text := answer.String(); whole(text) || strings.Contains(text, "ERROR") {
			return text, nil
		}
	}
	return "", errOversized
}

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
