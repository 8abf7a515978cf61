package cluster

type Node struct {
	ID, Addr string
	Standby  bool
}
type Config struct{ Nodes []Node }

func New(cfg Config) (*Cluster, error) { return &Cluster{}, nil }
