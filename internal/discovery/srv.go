package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// This file asks DNS for SRV records (RFC 2782), and decides which id a target has.

// SRV returns a function that looks up the SRV records of a name such as
// _memcached._tcp.example.com. If resolver is nil, net.DefaultResolver is used.
func SRV(resolver *net.Resolver, name string) func(context.Context) ([]Node, error) {
	return func(ctx context.Context) ([]Node, error) {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		r := resolver
		if r == nil {
			r = net.DefaultResolver
		}
		// An answer that was cut off at the size of a packet is asked for again over TCP, by the
		// resolver. Records that it could not read come with an error, beside those that it could.
		owner, records, err := ending(r).LookupSRV(ctx, "", "", name)
		nodes, err := nodesOf(owner, records, err)
		if err != nil {
			return nil, told(ctx, fmt.Sprintf("SRV %q", name), err)
		}
		return nodes, nil
	}
}

// ending returns a resolver that gives up when the context of its question is cancelled. Go's own
// heeds the deadline of the context only, and would wait for a name server that says nothing.
func ending(r *net.Resolver) *net.Resolver {
	dial := r.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return &net.Resolver{PreferGo: r.PreferGo, StrictErrors: r.StrictErrors, Dial: func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err == nil {
			context.AfterFunc(ctx, func() { _ = conn.Close() }) // the resolver ends ctx with its exchange
		}
		return conn, err
	}}
}

// nodesOf makes nodes of an answer. Priority and weight mean nothing: every node is used.
func nodesOf(owner string, records []*net.SRV, err error) ([]Node, error) {
	var unknown *net.DNSError
	if errors.As(err, &unknown) && unknown.IsNotFound {
		return nil, fmt.Errorf("%w: the name does not exist or has no SRV record: %w", ErrNoNode, err)
	}
	if err != nil {
		return nil, err
	}
	var nodes []Node
	for _, r := range records {
		target := strings.ToLower(strings.TrimSuffix(r.Target, "."))
		if target == "" { // RFC 2782: the service is decidedly not available at this domain
			continue
		}
		if r.Port == 0 {
			return nil, fmt.Errorf("target %q has the port 0", target)
		}
		nodes = append(nodes, Node{ID: targetID(target, owner), Addr: net.JoinHostPort(target, strconv.Itoa(int(r.Port)))})
	}
	return checked(nodes)
}

// targetID returns the id of a target: its name without the domain of the records, if it lies
// in that domain, else the whole name. On Kubernetes this is the name of the pod.
//
// The id depends on nothing but the target and the records' own name. If it depended on the
// other targets, such as the domain that all of them share, a new target could change the ids of
// all others, and every session would have to move.
func targetID(target, owner string) string {
	domain := strings.ToLower(strings.TrimSuffix(owner, "."))
	for strings.HasPrefix(domain, "_") { // _memcached._tcp.
		_, domain, _ = strings.Cut(domain, ".")
	}
	if id, inside := strings.CutSuffix(target, "."+domain); inside && id != "" && domain != "" {
		return id
	}
	return target
}
