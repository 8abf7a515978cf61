// Package placement decides in which order the key of a session prefers the nodes of a list. The order depends on
// nothing but the key and the list, so that all processes with one list agree on it.
//
// The preference list of a key is all nodes in the order of rendezvous hashing (Thaler and Ravishankar, "A
// Name-Based Mapping Scheme for Rendezvous", 1996): each node gets a score from its ID and the
// key, and the highest score comes first. So adding or removing a node moves only the keys that
// it wins or held. The first Replicas nodes are the session's home: primary and backup.
package placement
