package main

import (
	"fmt"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how the cost of owners is measured: sessions that belong to a user against sessions
// that belong to nobody, in one cluster each. A user has four sessions.

var ownedGroups = []webGroup{
	{"owned load", ownedGroup("cluster.Load", false)},
	{"owned load+save", ownedGroup("cluster.Load + Save", true)},
}

// ownerOf is whose the i-th session is.
func ownerOf(i int) string { return fmt.Sprintf("user%d", i/4) }

const label = "Firefox on Linux, 192.0.2.7"

func ownedGroup(name string, writes bool) func(*rig, cell) ([]*contender, error) {
	return func(r *rig, c cell) ([]*contender, error) {
		var all []*contender
		for _, owned := range []bool{false, true} {
			prefix, title := "nobodys:", name
			if owned {
				prefix, title = "owned:", name+", with an owner"
			}
			cl, w, err := r.holdfastWith(c, cluster.Config{KeyPrefix: prefix})
			if err != nil {
				return all, err
			}
			all = append(all, &contender{
				name: title, wire: w,
				op: func(w, i int) error { return ownedRequest(cl, c.session(w, i), owned, writes) },
			})
			if !owned {
				continue
			}
			if err := inParallel(c.sessions(), func(i int) error { return ownedRequest(cl, i, true, true) }); err != nil {
				return all, err
			}
		}
		return all, nil
	}
}

// ownedRequest is what a request of an app does whose store has an OwnerKey, or has none.
func ownedRequest(cl *cluster.Cluster, i int, owned, writes bool) error {
	rec, err := cl.Load(background, ids[i])
	if err != nil || !writes {
		return err
	}
	change(rec)
	if owned {
		rec.SetOwner(ownerOf(i), label)
	}
	return cl.Save(background, rec)
}
