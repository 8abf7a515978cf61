package holdfastotel

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/internal/secrettest"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// These tests tell which spans and measurements an app gets.

// traced is a cluster whose spans and measurements are kept.
type traced struct {
	*cluster.Cluster
	env      *testenv.Env
	exporter *tracetest.InMemoryExporter
	tracer   trace.Tracer // of the app
	reader   *sdkmetric.ManualReader
}

func start(t *testing.T, nodes int, change func(*cluster.Config), opts ...testenv.Option) *traced {
	t.Helper()
	w := &traced{env: testenv.Start(t, nodes, opts...), exporter: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader()}
	list, err := cluster.ParseNodes(w.env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(w.exporter))
	w.tracer = provider.Tracer("app")
	tell, err := Trace(Config{TracerProvider: provider, MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(w.reader))})
	if err != nil {
		t.Fatal(err)
	}
	cfg := cluster.Config{
		Nodes: list, KeyPrefix: rand.Text() + ":", DialContext: w.env.DialContext, Timeout: 10 * time.Second,
		Trace: tell, Logger: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	if w.Cluster, err = cluster.New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

// below returns the spans whose parent is the one of that name, as "name attributes".
func (w *traced) below(t *testing.T, parent string) (children []string) {
	t.Helper()
	spans := w.exporter.GetSpans()
	i := slices.IndexFunc(spans, func(s tracetest.SpanStub) bool { return s.Name == parent })
	if i < 0 {
		t.Fatalf("no span %q in %v", parent, spans.Snapshots())
	}
	for _, s := range spans {
		if s.Parent.SpanID() == spans[i].SpanContext.SpanID() {
			children = append(children, s.Name+" "+show(s.Attributes))
		}
	}
	slices.Sort(children)
	return children
}

func show(attributes []attribute.KeyValue) string {
	set := attribute.NewSet(attributes...)
	return set.Encoded(attribute.DefaultEncoder())
}

// A request's span has one child for each operation on its session, and this one for each node.
func TestSpansNestBelowTheRequest(t *testing.T) {
	w := start(t, 2, nil, testenv.Embedded())
	sessions := scs.New()
	store := scsstore.New(w.Cluster)
	sessions.Store, sessions.Codec = store, serializer.Codec{}
	app := store.LoadAndSave(sessions, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		sessions.Put(r.Context(), "a", "1")
	}))
	ctx, span := w.tracer.Start(context.Background(), "GET /")
	app.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodGet, "/", nil))
	span.End()
	if got, want := w.below(t, "GET /"), []string{
		"save session holdfast.copies.found=0,holdfast.copies.written=2,holdfast.operation=save,holdfast.outcome=ok,holdfast.read.wide=false,holdfast.save.joined=false",
	}; !slices.Equal(got, want) {
		t.Errorf("below the request: %q, want %q", got, want)
	}
	if got, want := w.below(t, "save session"), []string{
		"add db.operation.name=add,db.system.name=memcached,holdfast.node.id=n1",
		"add db.operation.name=add,db.system.name=memcached,holdfast.node.id=n2",
	}; !slices.Equal(got, want) {
		t.Errorf("below the save: %q, want %q", got, want)
	}
	for _, s := range w.exporter.GetSpans() {
		if s.Name == "add" && (s.SpanKind != trace.SpanKindClient || !s.EndTime.After(s.StartTime)) {
			t.Errorf("a request: kind %v, from %v to %v", s.SpanKind, s.StartTime, s.EndTime)
		}
	}
}

// A node that is gone is an error of its request, not of the load, which finds the session elsewhere.
// Nothing where a session was is no error either; no node is.
func TestSpansOfFailures(t *testing.T) {
	w := start(t, 2, nil, testenv.Embedded())
	if err := w.Save(context.Background(), cluster.NewRecord("s")); err != nil {
		t.Fatal(err)
	}
	status := func(name string) map[codes.Code]int {
		counts := map[codes.Code]int{}
		for _, s := range w.exporter.GetSpans() {
			if s.Name == name {
				counts[s.Status.Code]++
			}
		}
		w.exporter.Reset()
		return counts
	}
	_, _ = w.Load(context.Background(), "another")
	if got := status("load session"); got[codes.Error] != 0 {
		t.Errorf("a load of nothing: %v", got)
	}
	w.env.Node(0).Kill()
	if _, err := w.Load(context.Background(), "s"); err != nil {
		t.Fatal(err)
	}
	if got := w.below(t, "load session"); !slices.ContainsFunc(got, func(s string) bool {
		return strings.Contains(s, "error.type=no_connection") && strings.Contains(s, "holdfast.node.id=n1")
	}) {
		t.Errorf("the request to a dead node: %q", got)
	}
	if got := status("load session"); got[codes.Error] != 0 {
		t.Errorf("a load that found the session elsewhere: %v", got)
	}
	w.env.Node(1).Kill()
	_, _ = w.Load(context.Background(), "s")
	if got := status("load session"); got[codes.Error] != 1 {
		t.Errorf("a load without a node: %v", got)
	}
}

// histograms are those that were recorded, with their attributes.
func (w *traced) histograms(t *testing.T) (all []string) {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := w.reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok || m.Unit != "s" {
				t.Errorf("%s is %T in %q", m.Name, m.Data, m.Unit)
			}
			for _, p := range h.DataPoints {
				all = append(all, fmt.Sprintf("%s{%s} %d", m.Name, p.Attributes.Encoded(attribute.DefaultEncoder()), p.Count))
			}
		}
	}
	slices.Sort(all)
	return all
}

func TestHistograms(t *testing.T) {
	w := start(t, 2, nil, testenv.Embedded())
	if err := w.Save(context.Background(), cluster.NewRecord("s")); err != nil {
		t.Fatal(err)
	}
	if got, want := w.histograms(t), []string{
		"db.client.operation.duration{db.operation.name=add,db.system.name=memcached,holdfast.node.id=n1} 1",
		"db.client.operation.duration{db.operation.name=add,db.system.name=memcached,holdfast.node.id=n2} 1",
		"holdfast.operation.duration{holdfast.operation=save,holdfast.outcome=ok} 1",
	}; !slices.Equal(got, want) {
		t.Errorf("measured %q, want %q", got, want)
	}
}

// Where another Trace starts a span of its own, that of this one ends all the same.
func TestBesideAnotherTrace(t *testing.T) {
	w := start(t, 1, func(c *cluster.Config) {
		c.Trace = cluster.JoinTraces(c.Trace, &cluster.Trace{
			OperationStart: func(ctx context.Context, _ cluster.Operation) context.Context {
				return trace.ContextWithSpan(ctx, trace.SpanFromContext(context.Background()))
			},
		})
	}, testenv.Embedded())
	if err := w.Save(context.Background(), cluster.NewRecord("s")); err != nil {
		t.Fatal(err)
	}
	if got := w.below(t, "save session"); len(got) != 1 {
		t.Errorf("below the save: %q", got)
	}
}

// Work and faults on memcached itself: spans and measurements hold node IDs and durations, and in no
// form a token, a key of the nodes, or a value (ACCEPTANCE 47).
func TestNothingSecretIsExported(t *testing.T) {
	secrets := map[string]string{
		"token": "TOKENplantedTOKEN", "value": "VALUEplantedVALUE", "attribute": "ATTRplantedATTR",
		"prefix": "PREFIXplantedPREFIX", "seal key": "SEALplantedSEALplantedSEAL012345",
	}
	sum := sha256.Sum256([]byte(secrets["token"]))
	secrets["key"] = base64.RawURLEncoding.EncodeToString(sum[:])
	w := start(t, 3, func(c *cluster.Config) {
		c.SealKeys, c.Timeout, c.KeyPrefix = [][]byte{[]byte(secrets["seal key"])}, time.Second, secrets["prefix"]
	}, testenv.Real())
	ctx := context.Background()
	r := cluster.NewRecord(secrets["token"])
	r.Attrs[secrets["attribute"]] = []byte(secrets["value"])
	save := func() { _ = w.Save(ctx, r) }
	load := func() {
		if found, err := w.Load(ctx, secrets["token"]); err == nil {
			r = found
			r.Attrs[secrets["attribute"]] = []byte(secrets["value"] + rand.Text())
		}
	}
	save()
	load()
	w.env.Node(0).Kill()
	save()
	load()
	w.env.Node(1).Pause()
	load()
	save()
	w.env.Node(1).Resume()
	w.env.Node(0).Restart()
	for _, n := range w.env.All() {
		n.Set(secrets["prefix"]+secrets["key"], []byte(secrets["value"])) // a copy that cannot be read
	}
	load()
	_ = w.Update(ctx, secrets["token"], func(r *cluster.Record) error { return fmt.Errorf("%s", secrets["value"]) })
	_ = w.Delete(ctx, secrets["token"])

	spans, err := json.Marshal(w.exporter.GetSpans().Snapshots())
	if err != nil {
		t.Fatal(err)
	}
	out := fmt.Sprintf("%s\n%+v\n%s", spans, w.exporter.GetSpans(), strings.Join(w.histograms(t), "\n"))
	if len(out) < 10_000 || !strings.Contains(out, "holdfast.node.id=n1") {
		t.Errorf("too little was exported to show anything:\n%s", out)
	}
	secrettest.Forbid(t, out, secrets)
	for _, n := range w.Nodes() {
		if strings.Contains(out, n.Addr) {
			t.Errorf("the address of %s is exported", n.ID)
		}
	}
}
