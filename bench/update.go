package main

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how a value is measured that many change at once: all workers raise one counter of
// one session, half of them by each of two instances. Redis has WATCH and MULTI for that. Load and Save
// beside it lose most of what they count: they are the price of not asking.

var updateGroups = []struct {
	name  string
	enter func(*rig, cell) ([]*contender, error)
}{{"raise one counter", raiseOne}}

// contending are how many raise the counter at once. One shows what an update costs that meets nobody.
var contending = []int{1, 2, 8, 32}

// counterID is the session that has the counter.
const counterID = "session-with-a-counter-abcdefghijklmnopqrstuvwxyz"

func raiseOne(r *rig, c cell) (all []*contender, err error) {
	var instances []*cluster.Cluster
	var w *wire
	for i := range 2 {
		var cl *cluster.Cluster
		if cl, w, err = r.settledWith(c, cluster.Config{}, i); err != nil {
			return nil, err
		}
		instances = append(instances, cl)
	}
	rec := cluster.NewRecord(counterID)
	rec.Attrs, rec.Deadline = attrs(c.payload), time.Now().Add(lifetime)
	if err := instances[0].Save(background, rec); err != nil {
		return nil, err
	}
	in := func(worker int) *cluster.Cluster { return instances[worker%2] }
	all = []*contender{
		{name: "Update", wire: w, op: func(worker, _ int) error {
			return in(worker).Update(background, counterID, raise)
		}},
		{name: "Load + Save, which loses updates", wire: w, op: func(worker, _ int) error {
			return loadRaiseSave(background, in(worker))
		}},
		{name: "Lock, Load + Save", wire: w, op: func(worker, _ int) error {
			held, unlock, err := in(worker).Lock(background, counterID, time.Minute)
			if err != nil {
				return err
			}
			defer unlock()
			return loadRaiseSave(held, in(worker))
		}},
	}
	const watched = "Redis WATCH, MULTI"
	if r.redis == nil {
		return append(all, &contender{name: watched, missing: r.noRedis}), nil
	}
	redisWire := &wire{rtt: c.rtt}
	client := r.goRedis(redisWire)
	if err := client.HSet(background, counterID, "n", 0, "rest", string(make([]byte, c.payload))).Err(); err != nil {
		return nil, err
	}
	return append(all, &contender{name: watched, wire: redisWire, close: func() { client.Close() }, op: func(int, int) error {
		return watchAndRaise(client)
	}}), nil
}

func raise(r *cluster.Record) error {
	n, _ := strconv.Atoi(string(r.Attrs["n"]))
	r.Attrs["n"] = []byte(strconv.Itoa(n + 1))
	return nil
}

func loadRaiseSave(ctx context.Context, cl *cluster.Cluster) error {
	rec, err := cl.Load(ctx, counterID)
	if err != nil {
		return err
	}
	_ = raise(rec)
	return cl.Save(ctx, rec)
}

// watchAndRaise reads the whole session and raises its counter, and again until nobody was faster.
func watchAndRaise(client *redis.Client) error {
	for {
		err := client.Watch(background, func(tx *redis.Tx) error {
			session, err := tx.HGetAll(background, counterID).Result()
			if err != nil {
				return err
			}
			n, _ := strconv.Atoi(session["n"])
			_, err = tx.TxPipelined(background, func(p redis.Pipeliner) error {
				p.HSet(background, counterID, "n", n+1)
				p.Expire(background, counterID, lifetime)
				return nil
			})
			return err
		}, counterID)
		if !errors.Is(err, redis.TxFailedErr) {
			return err
		}
	}
}
