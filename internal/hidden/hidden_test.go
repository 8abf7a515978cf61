package hidden_test

import (
	"context"
	"testing"

	"github.com/holdfast-go/holdfast/internal/hidden"
)

type key struct{ n int }

func TestWithoutHidesOneValue(t *testing.T) {
	asked := hidden.KeyOf(func(ctx context.Context) { _, _ = ctx.Value(key{1}), ctx.Value(key{2}) })
	if asked != (key{1}) {
		t.Fatalf("asked for %v", asked)
	}
	ctx := context.WithValue(context.WithValue(context.Background(), key{1}, "a"), key{2}, "b")
	ctx = hidden.Without(ctx, asked)
	if ctx.Value(key{1}) != nil || ctx.Value(key{2}) != "b" {
		t.Errorf("%v, %v", ctx.Value(key{1}), ctx.Value(key{2}))
	}
	if again := context.WithValue(ctx, key{1}, "c"); again.Value(key{1}) != "c" {
		t.Error("a value that is put there later is hidden, too")
	}
}
