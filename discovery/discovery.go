package discovery

import (
	"context"
	"crypto/tls"
	"fmt"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file gives the sources the type that cluster.Config.Discover has.

// SRV returns a source that looks up the DNS SRV records of a name, such as
// "_memcached._tcp.example.com" or, for the port "memcached" of a headless Service on Kubernetes,
// "_memcached._tcp.SERVICE.NAMESPACE.svc.cluster.local". The resolver is net.DefaultResolver.
//
// The address of a node is the target and the port of its record. Its id is the target without
// the domain of the records if it lies in it, else the whole target: n1.example.com is n1, on
// Kubernetes the id is the name of the pod. Priorities and weights mean nothing. Two ports of one
// target are an error, since each node needs an id of its own.
//
// On Kubernetes the Service needs publishNotReadyAddresses, since a node that is being filled or
// drained is not ready and must be reached.
func SRV(name string) func(context.Context) ([]cluster.Node, error) {
	return nodes(discovery.SRV(nil, name))
}

// ElastiCache returns a source that asks the configuration endpoint of an ElastiCache cluster for
// memcached, such as "sessions.abc123.cfg.use1.cache.amazonaws.com:11211"; the port 11211 may be
// left out. The connection is not encrypted: see [ElastiCacheTLS].
//
// The address of a node is its host name, which stays when the node is replaced. Its id is the
// host name without ".cache.amazonaws.com", such as sessions.abc123.0001.use1. A list with an
// older version than one before is an error. If a cluster is deleted and made anew under the
// same name, its versions begin again: make a new source then, or start the app again.
func ElastiCache(endpoint string) func(context.Context) ([]cluster.Node, error) {
	return nodes(discovery.ElastiCache(endpoint, nil, nil))
}

// ElastiCacheTLS is [ElastiCache] for a cluster with encryption in transit. If conf is nil,
// the system's authorities are trusted. If conf has no ServerName, the endpoint's host is used.
func ElastiCacheTLS(endpoint string, conf *tls.Config) func(context.Context) ([]cluster.Node, error) {
	if conf == nil {
		conf = &tls.Config{}
	}
	return nodes(discovery.ElastiCache(endpoint, conf, nil))
}

// File returns a source that reads a file each time it is asked. The file has the form that
// [cluster.ParseNodes] reads, so that there may be one node a line; a # at the start of a line or
// behind white space begins a comment:
//
//	# rack a
//	n1@a:10.0.0.1:11211
//	n2@a:10.0.0.2:11211
//	# rack b
//	n3@b:10.1.0.1:11211
//
// A file that is missing, that has no line feed at its end, or that changes while it is read is
// an error. Write a new version beside it and rename it.
func File(path string) func(context.Context) ([]cluster.Node, error) {
	return func(ctx context.Context) ([]cluster.Node, error) {
		if ctx == nil {
			ctx = context.Background()
		}
		text, err := discovery.ReadFile(ctx, path)
		if err != nil {
			return nil, err
		}
		list, err := cluster.ParseNodes(text)
		if err != nil {
			return nil, fmt.Errorf("discovery: file %q: %w", path, err)
		}
		return list, nil
	}
}

// nodes gives what a source answers the type that package cluster has for it.
func nodes(source func(context.Context) ([]discovery.Node, error)) func(context.Context) ([]cluster.Node, error) {
	return func(ctx context.Context) ([]cluster.Node, error) {
		if ctx == nil {
			ctx = context.Background()
		}
		found, err := source(ctx)
		if err != nil {
			return nil, err
		}
		var list []cluster.Node
		for _, n := range found {
			list = append(list, cluster.Node(n))
		}
		return list, nil
	}
}
