// Command rolling restarts every memcached node in turn, empty, under sessions that nobody uses, and
// counts which of them are lost: by a Cluster that heals, and by a plain store that keeps two copies.
//
//	go run ./rolling -sessions 100000 -gaps whole,1s,5s,10s,20s
//	go run ./rolling -sessions 1000000 -gaps whole -users 16
//
// With -into FILE -table NAME the tables take the place of those that stand in the file between
// <!-- rolling NAME --> and <!-- end of rolling NAME -->.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

var (
	sessions = flag.Int("sessions", 100_000, "how many sessions there are")
	size     = flag.Int("bytes", 300, "the size of each session's value")
	gapList  = flag.String("gaps", "whole,1s,5s,10s,20s", "what comes between two restarts: whole, or a time")
	users    = flag.Int("users", 0, "how many users are at work meanwhile, on sessions of their own")
	memory   = flag.Int("memory", 1024, "megabytes of each node")
	rate     = flag.Int("heal", 0, "sessions healed a second at most, in each instance; 0: as Config.HealPerSecond says by default")
	calm     = flag.Duration("calm", 10*time.Second, "how long users are at work before and after the restarts")
	into     = flag.String("into", "", "a file whose tables are replaced, such as ../docs/scale.md")
	table    = flag.String("table", "", "the name that these tables have in the file")
)

func main() {
	flag.Parse()
	if err := checkTable(*into, *table); err != nil { // before minutes of work
		fmt.Fprintln(os.Stderr, "rolling:", err)
		os.Exit(1)
	}
	os.Unsetenv(testenv.NodesVariable) // these nodes are killed
	program := testenv.NewProgram("rolling", os.Stderr)
	err := run(program)
	program.Close()
	if err != nil {
		fmt.Fprintln(os.Stderr, "rolling:", err)
		os.Exit(1)
	}
}

func run(tb testenv.TB) error {
	var all []result
	for _, gap := range strings.Split(*gapList, ",") {
		fmt.Fprintf(os.Stderr, "rolling: between two restarts: %s\n", gap)
		r, err := roll(tb, gap)
		if err != nil {
			return fmt.Errorf("%s: %w", gap, err)
		}
		all = append(all, r)
	}
	text := tables(conditions{*sessions, *size, *users, runtime.NumCPU(), time.Now()}, all)
	fmt.Print(text)
	if *into == "" {
		return nil
	}
	return replaceTable(*into, *table, text)
}
