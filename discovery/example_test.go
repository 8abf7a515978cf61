package discovery_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/holdfast-go/holdfast/discovery"
)

// On Kubernetes, the port "memcached" of the headless Service "mc" in the namespace "web". The
// ids of the nodes are the names of the pods.
func ExampleSRV() {
	source := discovery.SRV("_memcached._tcp.mc.web.svc.cluster.local")
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	nodes, err := source(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range nodes {
		fmt.Println(n.ID, n.Addr) // mc-0 mc-0.mc.web.svc.cluster.local:11211
	}
}

func ExampleElastiCache() {
	source := discovery.ElastiCache("sessions.abc123.cfg.use1.cache.amazonaws.com:11211")
	nodes, err := source(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, n := range nodes {
		fmt.Println(n.ID, n.Addr) // sessions.abc123.0001.use1 sessions.abc123.0001.use1.cache.amazonaws.com:11211
	}
}

// An authority of one's own goes into the tls.Config; nil trusts those of the system.
func ExampleElastiCacheTLS() {
	source := discovery.ElastiCacheTLS("sessions.abc123.cfg.use1.cache.amazonaws.com:11211", nil)
	nodes, err := source(context.Background())
	fmt.Println(len(nodes), err)
}

func ExampleFile() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "nodes")
	list := "# rack a\nn1@a:10.0.0.1:11211\n# rack b\nn2@b:10.1.0.1:11211\n"
	if err := os.WriteFile(path+".new", []byte(list), 0o644); err != nil {
		fmt.Println(err)
		return
	}
	if err := os.Rename(path+".new", path); err != nil { // the file is whole at any time
		fmt.Println(err)
		return
	}
	nodes, err := discovery.File(path)(context.Background())
	fmt.Println(err)
	for _, n := range nodes {
		fmt.Println(n.ID, n.Zone, n.Addr)
	}
	// Output:
	// <nil>
	// n1 a 10.0.0.1:11211
	// n2 b 10.1.0.1:11211
}
