// Package acceptance holds the stories that users of a web app must be able to
// live through, told from outside: real http servers, cookies, and memcached nodes
// that die, hang, come back and are replaced meanwhile. It has tests only.
//
// Each story runs once for each driver. An app of a story is an http server with a
// Cluster of its own, so that two of them are what two processes are; one story
// runs an app in a process of its own, to kill it.
package acceptance
