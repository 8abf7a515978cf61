package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how a run goes, and what it prints.

// settings say how long and how hard.
type settings struct {
	calls      int64
	users      int
	ownerCheck time.Duration
	timeout    time.Duration
	seed       uint64
}

func main() {
	var s settings
	flag.Int64Var(&s.calls, "calls", 2000, "how many calls of DestroyAll that return nil")
	flag.IntVar(&s.users, "users", 24, "users at once; half of them with scs, half with gorilla")
	flag.DurationVar(&s.ownerCheck, "ownercheck", time.Second, "Config.OwnerCheck of all instances")
	flag.DurationVar(&s.timeout, "timeout", 150*time.Millisecond, "Config.Timeout of all instances")
	flag.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()%1_000_000), "decides what users do and which nodes fail")
	flag.Parse()
	_ = os.Unsetenv(testenv.NodesVariable) // nodes that others use are not for this
	program := testenv.NewProgram("everywhere", os.Stderr)
	t, err := run(program, s)
	program.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "everywhere:", err)
		os.Exit(1)
	}
	t.print(os.Stdout)
	if t.broken() > 0 {
		os.Exit(1)
	}
}

// instances is how many instances of the app there are.
const instances = 3

// run has users log out everywhere until that was done often enough.
func run(tb testenv.TB, s settings) (*tally, error) {
	env := testenv.Start(tb, 3, testenv.Real())
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		return nil, err
	}
	fmt.Printf("seed %d, %d users, OwnerCheck %v\n", s.seed, s.users, s.ownerCheck)
	var all []*app
	for range instances {
		c, err := cluster.New(cluster.Config{
			Nodes: nodes, Timeout: s.timeout, OwnerCheck: s.ownerCheck, Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			return nil, err
		}
		defer c.Close()
		a, err := newApp(c)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := all[0].cluster.WaitWhole(ctx); err != nil {
		return nil, err
	}
	t := &tally{began: time.Now()}
	users, stop := context.WithCancel(context.Background())
	defer stop()
	var fire, busy sync.WaitGroup
	fire.Go(func() { burn(users, env, all[0].cluster, t, s) })
	for i := range s.users {
		u := newUser(i, env, all, t, s)
		busy.Go(func() {
			for users.Err() == nil && t.calls.Load() < s.calls {
				u.round()
			}
		})
	}
	busy.Wait()
	stop()
	fire.Wait()
	return t, nil
}
