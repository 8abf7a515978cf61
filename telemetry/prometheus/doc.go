// Package holdfastprom shows a cluster.Cluster to Prometheus: its nodes, its counts, and how long
// operations and exchanges take.
//
//	metrics := holdfastprom.New()
//	cfg.Trace = metrics.Trace()
//	c, err := cluster.New(cfg)
//	…
//	metrics.Watch(c)
//	prometheus.MustRegister(metrics)
//
// It is a module of its own, so that an app without Prometheus need not download its client. An app
// with several Clusters gives each Metrics of its own, and registers them with
// prometheus.WrapRegistererWith and a label that tells them apart.
//
// # Metrics
//
// Labels are bounded: node is a node's ID, state is up, suspect or down, operation is load, save,
// delete or update, kind is read or write, and outcome is one of cluster.Outcome. There is no
// session id, key, value or address in any of them. While a node moves to another address, the
// metrics of its ID are those of the new one.
//
//   - holdfast_operation_duration_seconds{operation,outcome}: histogram of Load, Save and so on.
//   - holdfast_exchange_duration_seconds{node,kind,outcome}: histogram of exchanges with a node,
//     those of healers and polls included.
//   - holdfast_exchange_requests_total{node,kind}: requests that went with them. Its rate by that
//     of the exchanges is how many share one.
//   - holdfast_node_state{node,state}: 1 for the state that the node is in, else 0.
//   - holdfast_node_whole{node}: 1 while the node holds a current copy of all that belongs on it.
//   - holdfast_node_draining{node}, holdfast_node_leaving{node}, holdfast_node_standby{node}: 1 or 0.
//   - holdfast_node_state_since_timestamp_seconds{node}: when it got into that state.
//   - holdfast_node_heal_restored_sessions{node}, holdfast_node_heal_sessions{node}: how far the pass
//     that is under way for the node is, and how many sessions that are; both 0 where there is none.
//   - holdfast_node_commands_total{node}, …_errors_total, …_timeouts_total, …_reconnects_total,
//     …_busy_total: the counts of cluster.NodeStatus.
//   - holdfast_heal_passes_total{node,outcome}: passes of this process; outcome is ok or failed.
//   - holdfast_loads_total, holdfast_hits_total, holdfast_unavailable_total and so on: one for each
//     count of cluster.Stats, named as its field.
package holdfastprom
