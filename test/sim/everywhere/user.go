package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what a user does, and what he finds afterwards.

// user has several devices.
type user struct {
	name      string
	driver    int
	env       *testenv.Env
	apps      []*app
	tally     *tally
	rand      *rand.Rand
	check     time.Duration
	forgotten bool       // what is known of his sessions is evicted now and then
	live      []*browser // of the round before
}

func newUser(i int, env *testenv.Env, apps []*app, t *tally, s settings) *user {
	return &user{
		name: fmt.Sprintf("user%d", i), driver: i % 2, forgotten: i%4 < 2, env: env, apps: apps, tally: t, check: s.ownerCheck,
		rand: rand.New(rand.NewPCG(s.seed, uint64(100+i))),
	}
}

func (u *user) anyone() *app { return u.apps[u.rand.IntN(len(u.apps))] }

// patience is for what nodes that fail refuse.
const patience = 10 * time.Second

// logIn begins a session on a device; nil: it was refused for as long as anybody would wait.
func (u *user) logIn(a *app) *browser {
	b := &browser{driver: u.driver}
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if _, ok := b.ask(a, "/login?user="+u.name); ok && b.cookies != nil {
			u.tally.logins.Add(1)
			return b
		}
		u.tally.refused.Add(1)
	}
	return nil
}

// round is: log in on some devices, use them, log out everywhere while others log in and renew their
// ids, log in again, and look OwnerCheck later who is in.
func (u *user) round() {
	before := u.live
	for range 2 + u.rand.IntN(4) {
		if b := u.logIn(u.anyone()); b != nil {
			before = append(before, b)
		}
	}
	for _, b := range before { // instances know them
		for _, a := range u.apps {
			b.ask(a, "/who")
		}
	}
	var except string
	var spared *browser
	if u.rand.IntN(2) == 0 && len(before) > 0 {
		b := before[u.rand.IntN(len(before))]
		if id, ok := b.ask(u.anyone(), "/id"); ok && id != "" {
			if name, ok := b.ask(u.anyone(), "/who"); ok && name == u.name {
				except, spared = id, b
			}
		}
	}
	var meanwhile sync.WaitGroup
	either := make([]*browser, 2)
	for i := range either {
		a, wait := u.anyone(), time.Duration(u.rand.IntN(4000))*time.Microsecond
		meanwhile.Go(func() {
			time.Sleep(wait)
			b := &browser{driver: u.driver}
			if _, ok := b.ask(a, "/login?user="+u.name); ok && b.cookies != nil {
				either[i] = b
			}
		})
	}
	var renewed *browser
	if len(before) > 1 {
		old := before[u.rand.IntN(len(before))]
		if old != spared {
			renewed = &browser{driver: u.driver, cookies: slices.Clone(old.cookies)}
			a, wait := u.anyone(), u.check/2
			meanwhile.Go(func() { // on an instance that may not have heard of it
				time.Sleep(wait)
				renewed.ask(a, "/renew")
			})
		}
	}
	evicted := u.forgotten && u.rand.IntN(2) == 0 && calm.TryRLock()
	if evicted {
		u.tally.evicted.Add(int64(evict(u.env, u.name)))
	}
	err := u.destroyAll(except)
	if evicted {
		calm.RUnlock()
	}
	returned := time.Now()
	after := u.logIn(u.anyone())
	meanwhile.Wait()
	if err != nil { // nothing is promised: once more, and for good
		u.tally.failed.Add(1)
		u.live = nil
		return
	}
	u.tally.calls.Add(1)
	time.Sleep(time.Until(returned.Add(u.check)))
	for _, b := range before {
		if b != spared {
			u.isOut(b, "a session of before")
		}
	}
	if renewed != nil {
		u.isOut(renewed, "a renewed session of before")
	}
	if spared != nil {
		u.isIn(spared, "the one that was excepted")
	}
	if after != nil {
		u.isIn(after, "a login of afterwards")
	}
	u.live = nil
	for _, b := range append(either, spared, after) {
		if b != nil && u.rand.IntN(2) == 0 {
			u.live = append(u.live, b)
		}
	}
}

// destroyAll calls it again where nodes refuse.
func (u *user) destroyAll(except string) (err error) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		var n int
		if n, err = u.anyone().stores[u.driver].DestroyAll(context.Background(), u.name, except); err == nil {
			u.tally.destroyed.Add(int64(n))
			return nil
		}
		u.tally.refused.Add(1)
	}
	return err
}

// isOut demands that no instance knows the user by that session.
func (u *user) isOut(b *browser, what string) {
	for i, a := range u.apps {
		u.tally.asked.Add(1)
		if name, ok := b.ask(a, "/who"); ok && name != "" {
			u.tally.alive.Add(1)
			fmt.Printf("%s: %s lives on instance %d\n", u.name, what, i)
		}
	}
}

// isIn demands that an instance does.
func (u *user) isIn(b *browser, what string) {
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		name, ok := b.ask(u.anyone(), "/who")
		if ok && name == u.name {
			return
		}
		if ok {
			if u.forgotten {
				u.tally.goneEvicted.Add(1)
				return
			}
			u.tally.gone.Add(1)
			fmt.Printf("%s: %s is gone\n", u.name, what)
			return
		}
	}
}
