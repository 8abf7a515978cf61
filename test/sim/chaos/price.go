package main

// This file counts what is not promised where there are local copies.

// price is what is not promised where there are local copies, and what was told.
type price struct {
	told     int // sessions and changes that are behind, or gone, where the process has counted it
	wiped    int // those that went with the memory of all nodes, of users who did not stay on one instance
	raced    int // changes that were lost with an instance: of two at once the browser has one version
	late     int // reads of a session that was logged out, while a copy was fresh or an outage lasted
	unmade   int // logouts that were lost with their instance, or with the memory of all nodes
	unserved int // error pages in an outage, its begin and its end included, for users who stayed on their instance: broken
	local    int // requests that asked no node, or found none
	behind   int // loads that were told to be behind: all of the processes
}

func (p *price) add(o *price) {
	p.told += o.told
	p.wiped += o.wiped
	p.raced += o.raced
	p.late += o.late
	p.unmade += o.unmade
	p.unserved += o.unserved
	p.local += o.local
	p.behind += o.behind
}
