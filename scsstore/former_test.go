package scsstore_test

// These tests show that a codec which is set while sessions exist locks nobody out, and that an app
// without it is told once what that costs.

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// onCluster returns an app on scs with that codec.
func onCluster(t *testing.T, c *cluster.Cluster, codec scs.Codec) *instance {
	m := scs.New()
	s := scsstore.New(c)
	s.Logger = slog.New(slog.DiscardHandler)
	m.Store, m.Codec = s, codec
	return &instance{m, s, t}
}

func put(in *instance, key string, v any) func(context.Context) {
	return func(ctx context.Context) { in.Put(ctx, key, v) }
}

func TestCodecThatIsSetLaterLocksNobodyOut(t *testing.T) {
	c := connect(t, threeNodes(t))
	yesterday := onCluster(t, c, scs.GobCodec{})
	token := yesterday.do(t.Context(), "", put(yesterday, "name", "ann"))
	idle := yesterday.do(t.Context(), "", put(yesterday, "name", "bob"))

	_, err := onCluster(t, c, serializer.Codec{}).Load(t.Context(), token)
	if !errors.Is(err, serializer.ErrCorrupt) || !strings.Contains(err.Error(), "Codec.Former") || !strings.Contains(err.Error(), "scsstore.Store.Accept") {
		t.Errorf("the error without Former names no way out: %v", err)
	}

	today := onCluster(t, c, serializer.Codec{Former: scs.GobCodec{}})
	today.holds(token, values{"name": "ann"})
	today.do(t.Context(), token, put(today, "n", 1))

	// From the first save on, parallel requests keep each other's changes.
	one, two := today.load(requestContext(t), token), today.load(requestContext(t), token)
	today.Put(one, "one", 1)
	today.Put(two, "two", 2)
	today.commit(one)
	today.commit(two)
	all := values{"name": "ann", "n": 1, "one": 1, "two": 2}
	today.holds(token, all)
	onCluster(t, c, serializer.Codec{}).holds(token, all) // and Former is no longer needed for it
	today.holds(idle, values{"name": "bob"})
}

// Of two deploys, the first reads both and writes what the instances of before can read.
func TestTwoDeploysMixOldAndNewInstances(t *testing.T) {
	c := connect(t, threeNodes(t))
	old := onCluster(t, c, scs.GobCodec{})
	first := onCluster(t, c, serializer.Codec{Former: scs.GobCodec{}, WriteFormer: true})
	second := onCluster(t, c, serializer.Codec{Former: scs.GobCodec{}})

	token := old.do(requestContext(t), "", put(old, "old", 1))
	first.do(requestContext(t), token, put(first, "first", 2))
	old.do(requestContext(t), token, put(old, "old", 3))
	second.do(requestContext(t), token, put(second, "second", 4))
	first.do(requestContext(t), token, put(first, "first", 5))
	second.do(requestContext(t), token, func(ctx context.Context) { second.Remove(ctx, "old") })
	want := values{"first": 5, "second": 4}
	for _, in := range []*instance{first, second} {
		in.holds(token, want)
	}
}

// What neither codec reads is an error that names the way out, and quotes no value.
func TestWhatFormerCannotReadEither(t *testing.T) {
	c := connect(t, threeNodes(t))
	store := scsstore.New(c)
	if err := store.Commit("token", []byte("hunter2"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	_, err := onCluster(t, c, serializer.Codec{Former: scs.GobCodec{}}).Load(t.Context(), "token")
	if !errors.Is(err, serializer.ErrCorrupt) || !strings.Contains(err.Error(), "Accept") || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	in := onCluster(t, c, serializer.Codec{Former: scs.GobCodec{}, OnDecodeError: func(string, error) error { return nil }})
	in.holds("token", values{})
}

func TestWholeSessionsAreWarnedOfOnce(t *testing.T) {
	c := connect(t, threeNodes(t))
	for _, tt := range []struct {
		codec scs.Codec
		lines int
	}{{scs.GobCodec{}, 1}, {serializer.Codec{}, 0}} {
		in := onCluster(t, c, tt.codec)
		out := new(bytes.Buffer)
		in.store.Logger = slog.New(slog.NewTextHandler(out, nil))
		for range 3 {
			in.do(t.Context(), "", put(in, "name", "ann"))
		}
		if n := strings.Count(out.String(), "committed whole"); n != tt.lines {
			t.Errorf("%T: %d lines, want %d:\n%s", tt.codec, n, tt.lines, out)
		}
	}
}

// requestContext is the context of a request of its own.
func requestContext(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx
}
