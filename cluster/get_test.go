package cluster

// getOne reads one key from one node, as a gather does.
func (n *node) getOne(key string) (*item, error) {
	w := &waiter{node: n, key: key, all: one()}
	n.batch.get(w)
	<-w.all.last
	return w.item, w.err
}

// one is the arrival of one answer.
func one() *arrival {
	a := &arrival{last: make(chan struct{}, 1)}
	a.left.Store(1)
	return a
}
