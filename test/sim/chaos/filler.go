package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"
)

// This file decides how others use up the memory of the nodes.

const (
	fillerBytes = 400 // about a session
	fillerItems = 20_000
	fillerBatch = 500
	fillerPause = 50 * time.Millisecond // 10,000 items a second are 4 MB
)

// fill writes to all nodes for so long what nobody reads: their memory about once a second.
// With full it hurries, and takes everything away in the end, as somebody would who finds a node's
// memory exhausted.
func (a *arena) fill(d time.Duration, full bool) {
	end := time.Now().Add(d)
	var all sync.WaitGroup
	for _, n := range a.nodes {
		all.Go(func() {
			if err := fillNode(n.Addr, end, full); err != nil {
				a.fail(fmt.Errorf("filling %s: %w", n.ID, err))
			}
		})
	}
	all.Wait()
}

func fillNode(addr string, end time.Time, full bool) error {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	w, r := bufio.NewWriter(conn), bufio.NewReader(conn)
	value := string(make([]byte, fillerBytes))
	written := 0
	pause := fillerPause
	if full {
		pause /= 10
	}
	for ; time.Now().Before(end); time.Sleep(pause) {
		for range fillerBatch {
			fmt.Fprintf(w, "set filler-%d 0 0 %d noreply\r\n%s\r\n", written%fillerItems, fillerBytes, value)
			written++
		}
		if err := drain(w, r); err != nil {
			return err
		}
	}
	for i := 0; full && i < min(written, fillerItems); i++ {
		fmt.Fprintf(w, "delete filler-%d noreply\r\n", i)
	}
	return drain(w, r)
}

// drain waits until the node has done what it was sent. Errors of single sets are
// what a full node answers, "noreply" or not.
func drain(w *bufio.Writer, r *bufio.Reader) error {
	if _, err := io.WriteString(w, "version\r\n"); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if len(line) > 8 && line[:8] == "VERSION " {
			return nil
		}
	}
}

// evictions counts what the nodes threw out so far.
func (a *arena) evictions() int {
	sum := 0
	for _, n := range a.nodes {
		count, _ := strconv.Atoi(a.physical[n.ID].Stats()["evictions"])
		sum += count
	}
	return sum
}
