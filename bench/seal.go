package main

import (
	"crypto/rand"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how the cost of seal keys is measured: a cluster with one against
// one without. Both keep sessions of their own.

var sealGroups = []webGroup{
	{"sealed load", sealGroup("cluster.Load", loading)},
	{"sealed save", sealGroup("cluster.Save", saving)},
}

func sealGroup(name string, held func(c cell, cl *cluster.Cluster) contender) func(*rig, cell) ([]*contender, error) {
	return func(r *rig, c cell) ([]*contender, error) {
		key := make([]byte, 32)
		_, _ = rand.Read(key)
		var all []*contender
		for _, side := range []struct {
			name string
			cfg  cluster.Config
		}{
			{name, cluster.Config{KeyPrefix: "plain:"}},
			{name + ", SealKeys", cluster.Config{KeyPrefix: "sealed:", SealKeys: [][]byte{key}}},
		} {
			cl, w, err := r.holdfastWith(c, side.cfg)
			if err != nil {
				return all, err
			}
			k := held(c, cl)
			k.name, k.wire = side.name, w
			all = append(all, &k)
		}
		return all, nil
	}
}
