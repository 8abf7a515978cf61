package testenv

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
)

// This file decides where a new node listens and what runs it.

// Ports are taken from below every system's ephemeral range. In that range
// an outgoing connection could occupy the port of a node that is down, so that
// the node could not come back, or a dial to it could meet itself.
const (
	lowestPort  = 15000
	highestPort = 32000
)

// errPortTaken reports a port that somebody else took between choice and use.
var errPortTaken = errors.New("the port is taken")

// begin gives the node an address and a backend and starts it. After an error
// the node has a backend that is down.
func (n *Node) begin(i int) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.backend, n.state = none{}, Down
	cfg := ServerConfig{MemoryBytes: int64(n.env.opts.memoryMB) << 20}
	if n.env.kind == kindMemory {
		n.addr = fmt.Sprintf("192.0.%d.%d:11211", 2+(i+1)/256, (i+1)%256)
		n.backend = newEmbedded("", nil, cfg)
		n.state = Up
		return n.backend.start()
	}
	for range 50 {
		addr, hold, err := reservePort()
		if err != nil {
			return err
		}
		var b backend
		if n.env.kind == kindProcess {
			b = newProcess(n.env.bin, addr, hold, n.env.opts)
		} else {
			b = newEmbedded(addr, hold, cfg)
		}
		err = b.start()
		if err == nil {
			n.addr, n.backend, n.state = addr, b, Up
			return nil
		}
		b.close()
		if !errors.Is(err, errPortTaken) {
			return err
		}
	}
	return fmt.Errorf("no free port between %d and %d on 127.0.0.1", lowestPort, highestPort)
}

// reservePort finds a free TCP port on the loopback address and keeps other
// test processes off it, also while its node is down: it holds the UDP port of
// the same number, which is free again when the holder ends, however it ends.
func reservePort() (addr string, hold net.PacketConn, err error) {
	for range 200 {
		port := lowestPort + rand.IntN(highestPort-lowestPort)
		addr = net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
		hold, err = net.ListenPacket("udp", addr)
		if err != nil {
			continue
		}
		var l net.Listener
		if l, err = net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr, hold, nil
		}
		hold.Close()
	}
	return "", nil, fmt.Errorf("no free port on 127.0.0.1: %w", err)
}
