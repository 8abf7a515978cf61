// Package discovery has sources for [cluster.Config.Discover]: DNS SRV records, the configuration
// endpoint of an ElastiCache cluster, and a file.
//
// Each function returns a function that asks once and answers a list of nodes or an error. An
// answer without a node is an error, never an empty list. The functions may be called by
// several goroutines at once. A question ends with its context, and after 8 seconds in any case;
// only the read of a file waits for its disk.
//
// # Ids
//
// The id of a node decides which sessions lie on it. A source makes the id from the name of
// the server alone, so that the id stays when the server's address changes, when other nodes come
// and go, and from one app instance to the next. The id is the name without a domain that all
// nodes of the source have: each function says which.
//
// How soon a change of the list is used, and what happens to sessions meanwhile, is told in
// docs/lists.md.
package discovery
