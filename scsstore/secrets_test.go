package scsstore_test

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells that a store, however it is printed, does not tell the tokens of the
// requests under way.

func TestPrintedStoreShowsNoToken(t *testing.T) {
	env := testenv.Start(t, 2, testenv.Embedded())
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	seal := []byte("SEALplantedSEALplantedSEAL012345")
	c, err := cluster.New(cluster.Config{
		Nodes: nodes, Timeout: 10 * time.Second, SealKeys: [][]byte{seal}, DialContext: env.DialContext, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	store := scsstore.New(c)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	const token, value = "TOKENplantedTOKEN", "VALUEplantedVALUE"
	if err := store.CommitCtx(ctx, token, []byte(value), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, found, err := store.FindCtx(ctx, token); !found || err != nil {
		t.Fatal(found, err)
	}
	// Nor those of sessions that have ended.
	for _, ctx := range []context.Context{ctx, context.Background()} {
		if err := store.DeleteCtx(ctx, token); err != nil {
			t.Fatal(err)
		}
	}
	c.Close() // what is printed must not change meanwhile
	var logged strings.Builder
	slog.New(slog.NewTextHandler(&logged, nil)).Info("x", "store", store)
	slog.New(slog.NewJSONHandler(&logged, nil)).Info("x", "store", store)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x", "%X"} {
		fmt.Fprintf(&logged, verb+"\n", store)
		fmt.Fprintf(&logged, verb+"\n", []any{reflect.ValueOf(store).Elem().Interface()}) // a copy
	}
	for _, secret := range []string{token, value, string(seal)} {
		for _, form := range []string{secret, fmt.Sprintf("%x", secret), fmt.Sprintf("%X", secret), strings.Trim(fmt.Sprint([]byte(secret)), "[]")} {
			if strings.Contains(logged.String(), form) {
				t.Errorf("%q is shown: %s", form, &logged)
			}
		}
	}
}
