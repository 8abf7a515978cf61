// Holdfast is the operator's command: it shows how the memcached nodes are, says when one may be
// stopped, and restores copies without waiting for a request.
//
//	go run github.com/holdfast-go/holdfast/cmd/holdfast status
//
// It reads the nodes, and all other settings, from the same environment variables as the app
// (cluster.ConfigFromEnv). "holdfast help" lists the subcommands, "holdfast help COMMAND" explains
// one.
//
// The exit code is 0 when what was asked for is so or was done, 1 when it is not so yet, and 2 for an
// error. Results go to standard output: tables for people, with --json one JSON document. Progress,
// where standard error is a terminal, errors and logs go to standard error. No session id, no
// key and no value is ever printed.
//
// # Reading order
//
// main.go chooses the subcommand, command.go reads its arguments and makes the Cluster. One file for
// each subcommand: status.go with change.go, where.go, wait.go with serve.go, heal.go, drain.go, sessions.go.
// screen.go draws tables and progress.
package main
