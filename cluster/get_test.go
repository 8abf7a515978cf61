package cluster

// getOne reads one key from one node, as a gather does.
func (n *node) getOne(key string) (*item, error) {
	came := make(chan *waiter, 1)
	n.batch.get(&waiter{node: n, key: key, came: came})
	w := <-came
	return w.item, w.err
}
