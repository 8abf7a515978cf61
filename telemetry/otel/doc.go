// Package holdfastotel makes spans and histograms of OpenTelemetry of what a cluster.Cluster does.
//
//	trace, err := holdfastotel.Trace(holdfastotel.Config{})
//	…
//	cfg.Trace = trace
//	c, err := cluster.New(cfg)
//
// It is a module of its own, so that an app without OpenTelemetry need not download it.
//
// # Spans
//
// Each Load, Save, Delete and Update is a span of kind internal below that of the caller's context:
// "load session" and so on. Both drivers hand the context of the HTTP request on, so it nests below
// the span of otelhttp without more. It has
//
//   - holdfast.outcome: one of cluster.Outcome,
//   - holdfast.copies.found, holdfast.copies.written: nodes that had a copy, and copies written,
//   - holdfast.read.wide, holdfast.save.joined: true where the read went beyond the targets, and
//     where another save has taken this one along, whose span has the children.
//
// Below it there is a span of kind client for each node that was asked or written, by the semantic
// conventions for database clients (1.41): its name and db.operation.name are the memcached command
// (gets, add, cas, set), db.system.name is memcached, and holdfast.node.id names the node. Its time
// includes the wait for a turn: requests of several operations share one exchange. A CAS conflict is
// no failure, since the operation reads again.
//
// A pass that fills a node is a span of its own, "heal node".
//
// A span that failed has the status error and error.type, which is the outcome. A load of a session
// that does not exist, and a save of one that was destroyed, have not failed.
//
// # Histograms
//
//   - db.client.operation.duration, in seconds, with db.system.name, db.operation.name,
//     holdfast.node.id and, where it failed, error.type.
//   - holdfast.operation.duration, in seconds, with holdfast.operation and holdfast.outcome.
//
// Nothing of it holds a session id, a key, a value or an address.
package holdfastotel
