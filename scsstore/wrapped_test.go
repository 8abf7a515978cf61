package scsstore_test

// These tests put an app's own codecs and stores around ours.

import (
	"context"
	"maps"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// copying is a codec of the app around serializer.Codec that passes copies on, so that
// only the request tells which find a commit belongs to.
type copying struct{ serializer.Codec }

func (c copying) Decode(b []byte) (time.Time, map[string]any, error) {
	deadline, v, err := c.Codec.Decode(b)
	return deadline, maps.Clone(v), err
}

func (c copying) Encode(deadline time.Time, v map[string]any) ([]byte, error) {
	return c.Codec.Encode(deadline, maps.Clone(v))
}

func TestCodecThatCopies(t *testing.T) {
	in := newInstance(t, copying{})
	token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "start", 0) })
	ctx := in.load(request(t), token)
	in.do(request(t), token, func(ctx context.Context) { in.Put(ctx, "x", 1) })
	in.must(in.MergeSession(ctx, token))
	in.Put(ctx, "y", 2)
	in.commit(ctx)
	in.holds(token, values{"start": 0, "x": 1, "y": 2})
}

// cache is a store of the app that keeps found bytes, and gives the same to many requests.
type cache struct {
	*scsstore.Store
	found []byte
}

func (c *cache) FindCtx(ctx context.Context, token string) (b []byte, found bool, err error) {
	if c.found == nil {
		c.found, _, err = c.Store.FindCtx(ctx, token)
	}
	return c.found, true, err
}

func TestBytesThatAreDecodedTwiceAreTwoRequests(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	token := in.do(withoutDone(t), "", func(ctx context.Context) { in.Put(ctx, "start", 0) })
	in.Store = &cache{Store: in.store}
	one, two := in.load(withoutDone(t), token), in.load(withoutDone(t), token)
	in.Put(one, "x", 1)
	in.commit(one)
	in.Put(two, "y", 2)
	in.commit(two)
	in.Store = in.store
	in.holds(token, values{"start": 0, "x": 1, "y": 2})
}

// moving is a store of an app that moves to other nodes: it reads from the old ones, and
// writes to both.
type moving struct {
	*scsstore.Store
	to *scsstore.Store
}

func (m moving) CommitCtx(ctx context.Context, token string, b []byte, expiry time.Time) error {
	if err := m.Store.CommitCtx(ctx, token, b, expiry); err != nil {
		return err
	}
	return m.to.CommitCtx(ctx, token, b, expiry)
}

func TestEachStoreHasItsOwnBase(t *testing.T) {
	in := newInstance(t, serializer.Codec{})
	token := in.do(request(t), "", func(ctx context.Context) { in.Put(ctx, "start", 0) })
	to := scsstore.New(connect(t, threeNodes(t)))
	in.Store = moving{in.store, to}
	ctx := in.load(request(t), token)
	for _, key := range []string{"x", "y"} {
		in.Put(ctx, key, 1)
		in.commit(ctx)
	}
	for _, s := range []*scsstore.Store{in.store, to} {
		in.Store = s
		in.holds(token, values{"start": 0, "x": 1, "y": 1})
	}
}
