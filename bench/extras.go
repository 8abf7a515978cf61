package main

import (
	"context"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
)

// This file decides how it is measured what a whole request pays for what an app may ask for beside
// its sessions: that they have owners, and that it is told of everything (Trace). One request in ten
// writes.

var extraGroups = []webGroup{
	{"scs request, with an owner", extraGroup("scsstore, OwnerKey", cluster.Config{}, "userID")},
	{"scs request, traced", extraGroup("scsstore, Trace", cluster.Config{Trace: silent}, "")},
}

// silent has all callbacks and does nothing in them.
var silent = &cluster.Trace{
	OperationStart: func(ctx context.Context, _ cluster.Operation) context.Context { return ctx },
	OperationDone:  func(context.Context, cluster.OperationDone) {},
	RequestDone:    func(context.Context, cluster.RequestDone) {},
	ExchangeDone:   func(cluster.ExchangeDone) {},
	HealDone:       func(cluster.HealReport, error) {},
}

// extraGroup has requests on a plain store, and on one with cfg and ownerKey.
func extraGroup(name string, cfg cluster.Config, ownerKey string) func(*rig, cell) ([]*contender, error) {
	return func(r *rig, c cell) (all []*contender, err error) {
		plain := cluster.Config{KeyPrefix: "plain:"}
		cfg.KeyPrefix = "extra:"
		for i, cfg := range []cluster.Config{plain, cfg} {
			cl, w, err := r.settledWith(c, cfg, 0)
			if err != nil {
				return all, err
			}
			store, title := scsstore.New(cl), "scsstore"
			if i > 0 {
				store.OwnerKey, title = ownerKey, name
			}
			all = append(all, web(title, c, scsApp(store, serializer.Codec{}, 0, c.payload), w, tenth, nil))
		}
		return all, nil
	}
}
