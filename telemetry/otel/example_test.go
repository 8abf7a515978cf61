package holdfastotel_test

import (
	"context"
	"fmt"
	"log"
	"os"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/holdfast-go/holdfast/cluster"
	holdfastotel "github.com/holdfast-go/holdfast/telemetry/otel"
	"github.com/holdfast-go/holdfast/testenv"
)

func Example() {
	program := testenv.NewProgram("example", os.Stderr) // nodes of its own; an app has its own already
	defer program.Close()
	nodes, err := cluster.ParseNodes(testenv.Start(program, 1, testenv.Embedded()).Nodes())
	if err != nil {
		log.Fatal(err)
	}

	exporter := tracetest.NewInMemoryExporter() // an app has otlptracehttp.New, and a batcher
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(exporter))
	trace, err := holdfastotel.Trace(holdfastotel.Config{TracerProvider: provider})
	if err != nil {
		log.Fatal(err)
	}
	c, err := cluster.New(cluster.Config{Nodes: nodes, Trace: trace})
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()

	ctx, request := provider.Tracer("app").Start(context.Background(), "GET /") // as otelhttp does
	_ = c.Save(ctx, cluster.NewRecord("an id"))
	request.End()
	for _, span := range exporter.GetSpans() {
		if span.Name != "heal node" {
			fmt.Println(span.SpanKind, span.Name)
		}
	}
	// Output:
	// client add
	// internal save session
	// internal GET /
}
