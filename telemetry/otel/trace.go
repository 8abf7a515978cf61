package holdfastotel

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.41.0"
	"go.opentelemetry.io/otel/semconv/v1.41.0/dbconv"
	"go.opentelemetry.io/otel/trace"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides which spans and measurements are made of what a Cluster tells.

const scope = "github.com/holdfast-go/holdfast/telemetry/otel"

// The attributes that no convention has a name for.
const (
	NodeIDKey        = attribute.Key("holdfast.node.id")
	OperationKey     = attribute.Key("holdfast.operation")
	OutcomeKey       = attribute.Key("holdfast.outcome")
	CopiesFoundKey   = attribute.Key("holdfast.copies.found")
	CopiesWrittenKey = attribute.Key("holdfast.copies.written")
	ReadWideKey      = attribute.Key("holdfast.read.wide")
	SaveJoinedKey    = attribute.Key("holdfast.save.joined")
	HealSessionsKey  = attribute.Key("holdfast.heal.sessions")
)

// Config says where spans and measurements go.
type Config struct {
	// TracerProvider makes the spans. If nil, otel.GetTracerProvider() does.
	TracerProvider trace.TracerProvider
	// MeterProvider makes the histograms. If nil, otel.GetMeterProvider() does.
	MeterProvider metric.MeterProvider
}

// buckets are those which the conventions advise, with what this library promises: a blip of 300 ms
// at most when a node fails, and the default Timeout.
var buckets = metric.WithExplicitBucketBoundaries(.0005, .001, .005, .01, .05, .1, .15, .3, .5, 1, 5, 10)

// Trace returns what belongs into cluster.Config.Trace. Beside another Trace, use
// cluster.JoinTraces. The error is one of the MeterProvider, about an instrument.
func Trace(cfg Config) (*cluster.Trace, error) {
	if cfg.TracerProvider == nil {
		cfg.TracerProvider = otel.GetTracerProvider()
	}
	if cfg.MeterProvider == nil {
		cfg.MeterProvider = otel.GetMeterProvider()
	}
	t := &telemetry{tracer: cfg.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL))}
	meter := cfg.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	var err error
	if t.requests, err = dbconv.NewClientOperationDuration(meter, buckets); err != nil {
		return nil, fmt.Errorf("holdfastotel: %w", err)
	}
	t.operations, err = meter.Float64Histogram("holdfast.operation.duration", metric.WithUnit("s"), buckets,
		metric.WithDescription("Duration of loads, saves, deletes and updates of sessions."))
	if err != nil {
		return nil, fmt.Errorf("holdfastotel: %w", err)
	}
	return &cluster.Trace{
		OperationStart: t.operationStart, OperationDone: t.operationDone, RequestDone: t.requestDone, HealDone: t.healDone,
	}, nil
}

type telemetry struct {
	tracer     trace.Tracer
	requests   dbconv.ClientOperationDuration
	operations metric.Float64Histogram
}

// spanKey is the context key of an operation's span. The span of the context may be another one, of
// a Trace that was joined.
type spanKey struct{}

func (t *telemetry) operationStart(ctx context.Context, op cluster.Operation) context.Context {
	ctx, span := t.tracer.Start(ctx, string(op)+" session", trace.WithAttributes(OperationKey.String(string(op))))
	return context.WithValue(ctx, spanKey{}, span)
}

func (t *telemetry) operationDone(ctx context.Context, d cluster.OperationDone) {
	t.operations.Record(ctx, d.Took.Seconds(), metric.WithAttributes(OperationKey.String(string(d.Operation)), OutcomeKey.String(string(d.Outcome))))
	span, ok := ctx.Value(spanKey{}).(trace.Span)
	if !ok {
		return
	}
	span.SetAttributes(
		OutcomeKey.String(string(d.Outcome)), CopiesFoundKey.Int(d.Found), CopiesWrittenKey.Int(d.Written),
		ReadWideKey.Bool(d.WideRead), SaveJoinedKey.Bool(d.Joined),
	)
	if operationFailed(d.Outcome) {
		span.SetStatus(codes.Error, "")
		span.SetAttributes(semconv.ErrorTypeKey.String(string(d.Outcome)))
	}
	span.End()
}

// operationFailed reports whether the user of the app, or its operator, has something to complain of.
func operationFailed(o cluster.Outcome) bool {
	switch o {
	case cluster.OutcomeOK, cluster.OutcomeNotFound, cluster.OutcomeDestroyed, cluster.OutcomeCanceled:
		return false
	}
	return true
}

func (t *telemetry) requestDone(ctx context.Context, d cluster.RequestDone) {
	attributes := []attribute.KeyValue{semconv.DBOperationName(d.Command), NodeIDKey.String(d.Node)}
	failed := d.Outcome != cluster.OutcomeOK && d.Outcome != cluster.OutcomeConflict
	if failed {
		attributes = append(attributes, semconv.ErrorTypeKey.String(string(d.Outcome)))
	}
	t.requests.Record(ctx, d.Took.Seconds(), dbconv.SystemNameMemcached, attributes...)
	if span, ok := ctx.Value(spanKey{}).(trace.Span); ok {
		ctx = trace.ContextWithSpan(ctx, span)
	}
	_, span := t.tracer.Start(ctx, d.Command, trace.WithTimestamp(d.Began), trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(append(attributes, semconv.DBSystemNameMemcached)...))
	if failed {
		span.SetStatus(codes.Error, "")
	}
	span.End(trace.WithTimestamp(d.Began.Add(d.Took)))
}

func (t *telemetry) healDone(r cluster.HealReport, err error) {
	_, span := t.tracer.Start(context.Background(), "heal node", trace.WithTimestamp(time.Now().Add(-r.Took)), trace.WithAttributes(
		NodeIDKey.String(r.Node), HealSessionsKey.Int(r.Sessions), CopiesWrittenKey.Int(r.Written),
	))
	if err != nil {
		span.SetStatus(codes.Error, "")
	}
	span.End()
}
