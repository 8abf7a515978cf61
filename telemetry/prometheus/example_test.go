package holdfastprom_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/holdfast-go/holdfast/cluster"
	holdfastprom "github.com/holdfast-go/holdfast/telemetry/prometheus"
	"github.com/holdfast-go/holdfast/testenv"
)

func Example() {
	program := testenv.NewProgram("example", os.Stderr) // nodes of its own; an app has its own already
	defer program.Close()
	nodes, err := cluster.ParseNodes(testenv.Start(program, 3, testenv.Embedded()).Nodes())
	if err != nil {
		log.Fatal(err)
	}

	metrics := holdfastprom.New()
	c, err := cluster.New(cluster.Config{Nodes: nodes, Trace: metrics.Trace()})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	metrics.Watch(c)
	registry := prometheus.NewRegistry() // or prometheus.MustRegister(metrics), and promhttp.Handler()
	registry.MustRegister(metrics)
	app := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer app.Close()

	_, _ = c.Load(context.Background(), "an id from a cookie")
	resp, err := http.Get(app.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer resp.Body.Close()
	page, _ := io.ReadAll(resp.Body)
	for _, line := range strings.Split(string(page), "\n") {
		if strings.HasPrefix(line, "holdfast_operation_duration_seconds_count") || strings.HasPrefix(line, `holdfast_node_state{node="n1"`) {
			fmt.Println(line)
		}
	}
	// Output:
	// holdfast_node_state{node="n1",state="down"} 0
	// holdfast_node_state{node="n1",state="suspect"} 0
	// holdfast_node_state{node="n1",state="up"} 1
	// holdfast_operation_duration_seconds_count{operation="load",outcome="not_found"} 1
}
