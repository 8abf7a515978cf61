package cluster

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

func TestAHandleOpensItsSessionInOneClusterOnly(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{KeyPrefix: "app:"}), w.cluster(Config{KeyPrefix: "app:"})
		w.create(c, "kept", "a=1")
		w.create(c, "ended", "a=1")
		w.logIn(c, "owned", "ann")
		w.logIn(c, "logged out", "bob")
		w.unlist(c, "bob", "logged out")
		w.destroyAll(c, "bob", 0)
		n := 0
		for r, err := range c.Records(context.Background()) {
			if err != nil {
				w.Fatal(err)
			}
			n++
			w.same(r.Attrs, "a=1")
			handle := r.Key()
			w.missing(other, handle, ErrNotFound)
			key := c.handles.keyOf(handle)
			dumped := strings.TrimPrefix(key.Name(""), "")
			for _, made := range []string{
				dumped, handlePrefix + dumped, handlePrefix + base64.RawURLEncoding.EncodeToString(append(key[:], make([]byte, 32)...)), handle + "A", handle[:len(handle)-1],
			} {
				w.missing(c, made, ErrNotFound)
			}
			switch key {
			case record.KeyOf("ended"):
				w.delete(c, handle)
				w.missing(c, "ended", ErrNotFound)
				w.missing(other, "ended", ErrNotFound)
			default:
				r.Attrs["b"] = []byte("2")
				w.save(c, r)
				w.change(c, handle, "c", "3")
				w.sees(c, handle, "a=1 b=2 c=3")
			}
		}
		if n != 3 {
			w.Errorf("%d sessions, want three: those that live, and no owners", n)
		}
		w.sees(other, "kept", "a=1 b=2 c=3")
		w.sees(other, "owned", "a=1 b=2 c=3")
		if n, err := countAll(other, nil); n != 2 || err != nil {
			w.Errorf("%d sessions, %v", n, err)
		}
	})
}

// The key of an owner's record is that of no session.
func TestAnOwnersRecordIsNoSession(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		key := c.ownerKeys("ann")[0]
		if !key.IsOwner() || record.KeyOf("s1").IsOwner() {
			w.Error("which key is an owner's cannot be told")
		}
		for _, id := range []string{"ann", key.Name(""), string(key[:]), handlePrefix + key.Name("")} {
			w.missing(c, id, ErrNotFound)
		}
		for s, err := range c.All(context.Background()) {
			if err != nil || !s.Is("s1") || s.Ref == "" {
				w.Errorf("%v, %v", s, err)
			}
		}
	})
}
