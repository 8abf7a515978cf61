package setup

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"strings"

	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides how the environment names a source of node lists.

const discoveryForm = `"srv:_memcached._tcp.mc.example.org", "elasticache:host:port" or "file:/path"`

// discoverFrom returns the source that the text names.
func discoverFrom(text string, conf *tls.Config) (func(context.Context) ([]discovery.Node, error), error) {
	kind, at, _ := strings.Cut(text, ":")
	if at == "" {
		return nil, fmt.Errorf("want %s", discoveryForm)
	}
	switch kind {
	case "srv":
		return discovery.SRV(net.DefaultResolver, at), nil
	case "elasticache":
		return discovery.ElastiCache(at, conf, (&net.Dialer{}).DialContext), nil
	case "file":
		return func(ctx context.Context) ([]discovery.Node, error) {
			list, err := discovery.ReadFile(ctx, at)
			if err != nil {
				return nil, err
			}
			nodes, err := ParseNodes(list)
			if err != nil {
				return nil, fmt.Errorf("file %q: %s", at, strings.TrimPrefix(err.Error(), "cluster: "))
			}
			return nodes, nil
		}, nil
	}
	return nil, fmt.Errorf("want %s", discoveryForm)
}
