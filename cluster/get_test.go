package cluster

// getOne reads one key from one node, as a gather does.
func (n *node) getOne(key string) (*item, error) {
	came := make(chan int, 1)
	w := &waiter{node: n, key: key, came: came}
	n.batch.get(w)
	<-came
	return w.item, w.err
}
