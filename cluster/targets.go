package cluster

import "slices"

// This file decides which nodes of a preference list are to hold the session now: the targets. Everything here is
// pure.

// candidate is a node of a preference list as one decision sees it.
type candidate struct {
	node *node
	zone string // empty: a zone of its own
	standing
	passedOver bool // by this operation
}

// targets appends to ts, which is empty, the nodes that are to hold the session: the first
// replicas of the list that are up and not passed over. One that is no home node is a fallback
// (the sloppy quorum of Dynamo: DeCandia et al., "Dynamo: Amazon's Highly Available Key-value
// Store", 2007, section 4.6).
//
// Where too few nodes are up, suspect nodes fill in, and then nodes that are down and fail fast:
// such a node may have been restarted since the last probe, and finding out costs no wait.
// Without that, nodes that are restarted one after the other could each be empty before the next
// is in use.
//
// Homes come first, also where all regular nodes lie in one zone and a standby node in another. A
// fallback lies in a zone of which no node is taken, where there is one.
func targets(list []candidate, replicas int, ts []*node) []*node {
	var room [4]string
	zones := room[:0] // of those that are taken
	for _, fits := range [...]func(candidate) bool{isUp, isSuspect, isDownButFast} {
		for _, which := range [...]string{"homes", "other zones", "all"} {
			for i := 0; i < len(list) && len(ts) < replicas; i++ {
				c := list[i]
				switch {
				case c.passedOver, !fits(c), slices.Contains(ts, c.node):
				case which == "homes" && i >= replicas:
				case which == "other zones" && c.zone != "" && slices.Contains(zones, c.zone):
				default:
					ts, zones = append(ts, c.node), append(zones, c.zone)
				}
			}
		}
	}
	return ts
}

func isUp(c candidate) bool          { return c.state == StateUp }
func isSuspect(c candidate) bool     { return c.state == StateSuspect }
func isDownButFast(c candidate) bool { return c.state == StateDown && c.failsFast }
