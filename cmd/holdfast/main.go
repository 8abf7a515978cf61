package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// This file decides which subcommand runs, and what people read who ask for help or mistype.

// The exit codes.
const (
	exitDone   = 0 // it is so, or it was done
	exitNotYet = 1 // it is not so yet: try again, or wait
	exitError  = 2 // waiting will not help
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command is one subcommand.
type command struct {
	name  string
	args  string // as in the usage line
	short string // what it does, in one line
	long  string // the rest of its help, below the usage line
	// prepare declares the flags and returns what runs with them.
	prepare func(c *call) func() int
}

// commands are all subcommands, in the order of the help. It is a function because their help
// refers to them.
func commands() []command {
	return []command{statusCommand, whereCommand, waitCommand, drainCommand, undrainCommand, healCommand, sessionsCommand, logoutCommand}
}

// run runs the command with these arguments, after the program's name, and returns the exit code.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	c := &call{ctx: ctx, getenv: getenv, stdin: stdin, stdout: stdout, stderr: stderr, terminal: isTerminal(stderr)}
	return c.run(args)
}

func (c *call) run(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(c.stderr, overview())
		return exitError
	}
	name, rest := args[0], args[1:]
	if name == "-h" || name == "-help" || name == "--help" {
		name = "help"
	}
	if name == "help" {
		if len(rest) == 0 {
			fmt.Fprint(c.stdout, overview())
			return exitDone
		}
		name, rest = rest[0], []string{"--help"}
	}
	for _, cmd := range commands() {
		if cmd.name == name {
			return c.begin(cmd, rest)
		}
	}
	if strings.HasPrefix(name, "-") {
		fmt.Fprintf(c.stderr, "holdfast: %s. Flags stand behind the command, as in: holdfast status --json\n", unknown("flag", name))
		return exitError
	}
	fmt.Fprintf(c.stderr, "holdfast: %s%s\nThe commands are %s. \"holdfast help\" explains them.\n", unknown("command", name), nearest(name, names()), strings.Join(names(), ", "))
	return exitError
}

// unknown names a word that was not understood, unless it is long: it may be a session's id.
func unknown(what, word string) string {
	const mostShown = 16
	if len(word) > mostShown {
		return "there is no such " + what
	}
	return fmt.Sprintf("there is no %s %q", what, word)
}

func names() (all []string) {
	for _, cmd := range commands() {
		all = append(all, cmd.name)
	}
	return all
}

// nearest is a question that names the known word that was probably meant; empty: none is near.
func nearest(word string, known []string) string {
	best, least := "", 3 // more than two letters wrong is another word
	for _, k := range known {
		if d := distance(word, k); d < least && d < len(k)-1 {
			best, least = k, d
		}
	}
	if best == "" {
		return "."
	}
	return fmt.Sprintf(". Did you mean %q?", best)
}

// distance is how many letters must be added, removed or replaced to make b of a.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// overview is the help of the whole.
func overview() string {
	var b strings.Builder
	b.WriteString(`holdfast looks after web sessions on memcached nodes.

Usage: holdfast COMMAND [ARGUMENTS]

`)
	var rows [][]string
	for _, cmd := range commands() {
		arguments, _, _ := strings.Cut(cmd.args, "[--")
		rows = append(rows, []string{"  " + strings.TrimSpace(cmd.name+" "+arguments), cmd.short})
	}
	writeRows(&b, rows)
	b.WriteString(`
A node is up when it answers. It is whole when it holds a current copy of every session that
belongs on it. While all nodes are whole, any one may fail, or be stopped, without a loss.

The nodes and all other settings are read from the environment variables that the app has:

  export MEMCACHED_NODES=n1:10.0.0.1:11211,n2:10.0.0.2:11211,n3:10.0.0.3:11211
  export MEMCACHED_DISCOVERY=srv:_memcached._tcp.mc.web.svc.cluster.local   # or elasticache:, file:

Set what the app has set, above all MEMCACHED_SEAL_KEYS, MEMCACHED_KEY_PREFIX and
MEMCACHED_REPLICAS: else the command looks for sessions in other places than the app.

All commands take --json: one JSON document on standard output, for scripts.
Exit codes: 0 it is so, or it was done; 1 not yet; 2 an error.

"holdfast help COMMAND" explains a command.
`)
	return b.String()
}

// sorted returns the words in order, each once.
func sorted(words []string) []string { return slices.Compact(slices.Sorted(slices.Values(words))) }
