// Package discovery asks others which memcached servers there are, and says when their answer
// counts. It knows nothing of sessions, and does not import package cluster, which uses it.
//
// # Reading order
//
// node.go is what a source answers. srv.go asks DNS, elasticache.go the configuration endpoint of
// an ElastiCache cluster, and reply.go reads what the endpoint says. file.go reads a file.
// prudent.go says when an answer counts.
package discovery
