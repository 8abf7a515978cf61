package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"
)

// These stories hold that no panic leaves a public function, whatever it is given.

// calls are all that an app can call, with what is as good as nothing.
func calls(c *Cluster, ctx context.Context, id string, d time.Duration) map[string]func() {
	return map[string]func(){
		"Load":        func() { _, _ = c.Load(ctx, id) },
		"LoadVersion": func() { _, _ = c.LoadVersion(ctx, id, id) },
		"Save":        func() { r := NewRecord(id); r.Deadline = time.Time{}.Add(d); _ = c.Save(ctx, r) },
		"Save nil":    func() { _ = c.Save(ctx, nil) },
		"Save zero":   func() { _ = c.Save(ctx, &Record{}) },
		"Save without attributes": func() {
			r := NewRecord(id)
			r.Attrs, r.Deadline = nil, time.Unix(math.MaxInt64, 0)
			_ = c.Save(ctx, r)
		},
		"Save of an owner": func() {
			r := NewRecord(id)
			r.SetOwner(strings.Repeat("o", 1<<14), "\xff"+strings.Repeat("l", 1<<14))
			r.Succeeds(nil)
			_ = c.Save(ctx, r)
		},
		"Delete": func() { _ = c.Delete(ctx, id) },
		"Update": func() { _ = c.Update(ctx, id, func(r *Record) error { r.Attrs = nil; return nil }) },
		"Update zero": func() {
			_ = c.Update(ctx, id, func(r *Record) error { *r = Record{}; return nil })
		},
		"Update nil": func() { _ = c.Update(ctx, id, nil) },
		"Lock": func() {
			held, unlock, _ := c.Lock(ctx, id, d)
			_, _ = c.Load(held, id)
			unlock()
		},
		"Lock and save": func() {
			held, unlock, _ := c.Lock(ctx, id, time.Second)
			r := NewRecord(id)
			r.Attrs = nil
			_ = c.Save(held, r)
			unlock()
			unlock()
		},
		"Sessions":   func() { _, _ = c.Sessions(ctx, id) },
		"Destroy":    func() { _ = c.Destroy(ctx, id, id) },
		"DestroyAll": func() { _, _ = c.DestroyAll(ctx, id, id, "", id) },
		"All": func() {
			for s, err := range c.All(ctx) {
				_ = fmt.Sprint(s, err, s.Is(id))
				break
			}
		},
		"Records": func() {
			for r, err := range c.Records(ctx) {
				_ = fmt.Sprint(r, err)
			}
		},
		"Where":          func() { _, _ = c.Where(ctx, id) },
		"Memory":         func() { _, _ = c.Memory(ctx, id) },
		"Ping":           func() { _ = c.Ping(ctx) },
		"Nodes":          func() { _ = c.Nodes() },
		"Stats":          func() { _ = c.Stats() },
		"SetNodes":       func() { _ = c.SetNodes(nil) },
		"SetNodes zero":  func() { _ = c.SetNodes([]Node{{}, {ID: id, Addr: id, Zone: id}}) },
		"Heal":           func() { _, _ = c.Heal(ctx, id) },
		"Drain":          func() { _ = c.Drain(ctx, id) },
		"Undrain":        func() { _ = c.Undrain(ctx, id) },
		"WaitNodesWhole": func() { _ = c.WaitNodesWhole(ctx, id) },
		"print":          func() { _ = fmt.Sprintf("%v %+v %#v %s", c, c, c, c) },
	}
}

func TestNoPanicLeavesAPublicFunction(t *testing.T) {
	try := func(w *world, what string, f func()) {
		defer func() {
			if v := recover(); v != nil {
				w.Errorf("%s panics: %v", what, v)
			}
		}()
		f()
	}
	story(t, 3, func(w *world) {
		open, closed := w.cluster(Config{OwnerCheck: -1, RefreshSlack: math.MaxInt64}), w.cluster(sticky(Local{Bytes: 1, Outage: time.Minute, WriteBehind: true}))
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		late, cancelLate := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancelLate()
		if err := closed.Close(); err != nil {
			w.Error(err)
		}
		w.create(open, "n1", "a=1")
		for name, c := range map[string]*Cluster{"nil": nil, "zero": {}, "closed": closed, "open": open} {
			for way, ctx := range map[string]context.Context{"no context": nil, "ended": ended, "a context": late} {
				for _, id := range []string{"", "n1", strings.Repeat("\x00\xff", 1<<14), handlePrefix + "x"} {
					for _, d := range []time.Duration{-1, math.MinInt64, math.MaxInt64} {
						for call, f := range calls(c, ctx, id, d) {
							if call == "Drain" && name == "open" && ctx == nil {
								continue // it waits until the node is drained
							}
							try(w, fmt.Sprintf("%s of a Cluster that is %s, with %s, an id of %d bytes, %v", call, name, way, len(id), d), f)
						}
					}
				}
			}
		}
		var r *Record
		for call, f := range map[string]func(){
			"Key": func() { _ = r.Key() }, "SetOwner": func() { r.SetOwner("", "") }, "Succeeds": func() { r.Succeeds(r) },
			"Version": func() { _ = r.Version() }, "Behind": func() { _ = r.Behind() }, "print": func() { _ = fmt.Sprintf("%v %+v", r, r) },
			"WaitWhole": func() { var c *Cluster; var ctx context.Context; _ = c.WaitWhole(ctx); _ = c.Close() },
		} {
			try(w, call+" of nothing", f)
		}
	})
}

// Numbers of a Config that make no sense are refused, and those that are only large are taken.
func TestEveryNumberOfAConfigIsRefusedOrTaken(t *testing.T) {
	story(t, 2, func(w *world) {
		nodes, err := ParseNodes(w.env.Nodes())
		if err != nil {
			w.Fatal(err)
		}
		for _, v := range []int64{math.MinInt64, -1, 1, math.MaxInt64/2 + 1, math.MaxInt64} {
			for i := range reflect.TypeFor[Config]().NumField() {
				w.takes(nodes, v, reflect.TypeFor[Config]().Field(i).Name, func(cfg *Config) reflect.Value {
					return reflect.ValueOf(cfg).Elem().Field(i)
				})
			}
			for i := range reflect.TypeFor[Local]().NumField() {
				w.takes(nodes, v, reflect.TypeFor[Local]().Field(i).Name, func(cfg *Config) reflect.Value {
					cfg.Local.Sessions = 1
					return reflect.ValueOf(cfg).Elem().FieldByName("Local").Field(i)
				})
			}
		}
	})
}

// takes makes a Cluster with the field set, and uses it.
func (w *world) takes(nodes []Node, v int64, name string, field func(*Config) reflect.Value) {
	cfg := Config{Nodes: nodes, DialContext: w.dial, Logger: slog.New(slog.DiscardHandler)}
	if f := field(&cfg); f.CanInt() && f.CanSet() {
		f.SetInt(v)
	} else {
		return
	}
	defer func() {
		if p := recover(); p != nil {
			w.Errorf("%s %d: panic: %v", name, v, p)
		}
	}()
	c, err := New(cfg)
	if err != nil {
		if !strings.Contains(err.Error(), name) {
			w.Errorf("%s %d: the error does not name the field: %v", name, v, err)
		}
		return
	}
	defer c.Close()
	id := fmt.Sprint(name, v)
	r := NewRecord(id)
	r.Attrs["a"] = []byte("1")
	if err := c.Save(w.Context(), r); err != nil && name != "MaxRecordBytes" && name != "Timeout" {
		w.Errorf("%s %d: save: %v", name, v, err)
		return
	}
	if r, err := c.LoadVersion(w.Context(), id, r.Version()); err != nil && name != "MaxRecordBytes" && name != "Timeout" && name != "Lifetime" {
		w.Errorf("%s %d: load: %v, %v", name, v, r, err)
	}
}
