// Package cluster keeps web sessions on memcached nodes so that they outlive any
// one of them.
package cluster
