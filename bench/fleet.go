package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how connections per node are measured for many app instances:
// a hundred clusters in this process, each with its own pools, on the same nodes.

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
	return nil
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
		if _, err := fmt.Sscanf(lines.Text(), "STAT curr_connections %d", &n); err == nil {
			return n - 1, nil
		}
		if strings.HasPrefix(lines.Text(), "END") {
			break
		}
	}
	return 0, fmt.Errorf("%s does not say how many connections it has", addr)
}
