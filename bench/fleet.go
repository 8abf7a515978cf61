package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how it is measured what a fleet costs a node: connections for
// many app instances, which are a hundred clusters in this process, each with its own
// pools, and memory for many sessions.

const instances = 100

func fleet(r *rig, out io.Writer) error {
	c := cell{payload: 1 << 10, concurrency: 1}
	seed, _, err := r.holdfast(c)
	if err != nil {
		return err
	}
	seed.Close()
	fmt.Fprintf(out, "%d app instances on %d nodes, load + save of 1 KiB sessions\n", instances, nodeCount)
	fmt.Fprintf(out, "%-32s %14s %14s\n", "requests at once per instance", "conns per node", "of instances x")
	for _, each := range []int{1, 4, 16, 64} {
		n, err := fleetOf(r, c, each)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%-32d %14d %14.2f\n", each, n, float64(n)/float64(instances*each))
	}
	return memory(r, out)
}

// memory measures what one copy of a session takes on a node, by its size.
func memory(r *rig, out io.Writer) error {
	const sessions = 20_000
	fmt.Fprintf(out, "\n%-32s %14s %14s\n", "bytes of session values", "bytes per copy", "overhead")
	for _, size := range []int{200, 1 << 10, 8 << 10} {
		if err := r.flush(); err != nil {
			return err
		}
		time.Sleep(1100 * time.Millisecond) // memcached's clock has to pass the flush
		cl, err := r.cluster(&wire{}, patience)
		if err != nil {
			return err
		}
		before, err := r.stored()
		if err != nil {
			return err
		}
		err = inParallel(sessions, func(i int) error {
			rec := cluster.NewRecord(fmt.Sprintf("%s-%d", ids[0], i))
			rec.Attrs, rec.Deadline = attrs(size), time.Now().Add(lifetime)
			return cl.Save(context.Background(), rec)
		})
		cl.Close()
		if err != nil {
			return err
		}
		after, err := r.stored()
		if err != nil {
			return err
		}
		each := float64(after-before) / (2 * sessions)
		fmt.Fprintf(out, "%-32d %14.0f %14.0f\n", size/attrCount*attrCount, each, each-float64(size/attrCount*attrCount))
	}
	return nil
}

// stored is how many bytes all nodes hold, with what each item costs them.
func (r *rig) stored() (int, error) {
	total := 0
	for _, addr := range r.addrs() {
		n, err := stat(addr, "bytes")
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func fleetOf(r *rig, c cell, each int) (int, error) {
	all := make([]*cluster.Cluster, instances)
	defer func() {
		for _, cl := range all {
			if cl != nil {
				cl.Close()
			}
		}
	}()
	for i := range all {
		var err error
		if all[i], err = r.cluster(&wire{}, patience); err != nil {
			return 0, err
		}
	}
	// In turn, so that a hundred machines' work does not run on one: at any
	// moment one instance has its full number of requests under way.
	for i, cl := range all {
		errs := make([]error, each)
		var wg sync.WaitGroup
		for w := range each {
			wg.Go(func() {
				for k := range 40 {
					if err := request(cl, ids[(w*40+k+i)%c.sessions()], true); err != nil {
						errs[w] = err
						return
					}
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return 0, err
			}
		}
	}
	most := 0
	for _, addr := range r.addrs() {
		n, err := currConnections(addr)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	return most, nil
}

// currConnections asks a node how many clients it has, the asking one aside.
func currConnections(addr string) (int, error) {
	n, err := stat(addr, "curr_connections")
	return n - 1, err
}

// stat asks a node for one of its numbers.
func stat(addr, name string) (int, error) {
	nc, err := net.DialTimeout("tcp", addr, patience)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(nc, "stats\r\n"); err != nil {
		return 0, err
	}
	lines := bufio.NewScanner(nc)
	for lines.Scan() {
		var n int
		if _, err := fmt.Sscanf(lines.Text(), "STAT "+name+" %d", &n); err == nil {
			return n, nil
		}
		if strings.HasPrefix(lines.Text(), "END") {
			break
		}
	}
	return 0, fmt.Errorf("%s does not say its %s", addr, name)
}
