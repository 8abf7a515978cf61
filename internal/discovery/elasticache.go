package discovery

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// This file asks the configuration endpoint of an ElastiCache cluster.

// Dial makes a connection, as net.Dialer.DialContext does.
type Dial func(ctx context.Context, network, addr string) (net.Conn, error)

// ElastiCache returns a function that asks a configuration endpoint, host:port or a host alone
// with the port 11211, for the nodes of its cluster. If dial is nil, a net.Dialer is used. If
// conf is nil, the connection is not encrypted.
//
// The version of the list grows with each change. An answer with an older version than one
// before is an error: it comes from a node that has not heard of the change.
func ElastiCache(endpoint string, conf *tls.Config, dial Dial) func(context.Context) ([]Node, error) {
	if _, _, err := net.SplitHostPort(endpoint); err != nil {
		endpoint = net.JoinHostPort(endpoint, "11211")
	}
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	seen := &versions{}
	return func(ctx context.Context) ([]Node, error) {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		source := fmt.Sprintf("ElastiCache %q", endpoint)
		reply, err := ask(ctx, endpoint, conf, dial)
		if err != nil {
			return nil, told(ctx, source, err)
		}
		if newer, is := seen.isOld(reply.version); is {
			return nil, told(ctx, source, fmt.Errorf("version %d of the list is older than %d, which was seen before", reply.version, newer))
		}
		return reply.nodes, nil
	}
}

// versions are those of the list that an endpoint has shown.
type versions struct {
	mu      sync.Mutex // guards below
	highest uint64
}

// isOld reports whether a newer version was seen before, and which.
func (v *versions) isOld(version uint64) (newer uint64, is bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if version < v.highest {
		return v.highest, true
	}
	v.highest = version
	return 0, false
}

// ask sends one question on a connection of its own: once in half a minute it costs little, and
// it finds the endpoint where its name leads to now.
func ask(ctx context.Context, endpoint string, conf *tls.Config, dial Dial) (reply, error) {
	host, _, err := net.SplitHostPort(endpoint)
	if err != nil || host == "" { // a dialer takes no host for this machine
		return reply{}, errors.New("want host:port, or a host")
	}
	tcp, err := dial(ctx, "tcp", endpoint)
	if err != nil {
		return reply{}, err
	}
	defer tcp.Close()
	// The whole exchange is bounded, not each read: an endpoint may send a byte now and then.
	stop := context.AfterFunc(ctx, func() { _ = tcp.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	conn := tcp
	if conf != nil {
		conf = conf.Clone()
		if conf.ServerName == "" {
			conf.ServerName = host
		}
		conn = tls.Client(tcp, conf)
	}
	if _, err := conn.Write([]byte("config get cluster\r\n")); err != nil {
		return reply{}, err
	}
	return readReply(bufio.NewReaderSize(conn, maxLine))
}
