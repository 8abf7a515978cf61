package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how a subcommand reads its arguments, and how it gets its Cluster.

// nodeVariable names the node that a command stands beside, as in a container next to it.
const nodeVariable = "HOLDFAST_NODE"

// call is one run of the command.
type call struct {
	ctx            context.Context
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // somebody looks at stderr

	command command
	flags   *flag.FlagSet
	json    bool
	args    []string // those that are no flags
}

// begin reads the arguments of a subcommand and runs it.
func (c *call) begin(cmd command, args []string) int {
	c.command = cmd
	c.flags = flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	c.flags.SetOutput(io.Discard)
	c.flags.BoolVar(&c.json, "json", false, "print one JSON document in the place of a table")
	do := cmd.prepare(c)
	for rest := args; ; {
		err := c.flags.Parse(rest)
		switch {
		case errors.Is(err, flag.ErrHelp):
			fmt.Fprint(c.stdout, c.help())
			return exitDone
		case err != nil:
			return c.usage("%s", c.explain(err, rest))
		}
		left := c.flags.Args()
		if ended := len(rest) - len(left); len(left) == 0 || ended > 0 && rest[ended-1] == "--" {
			c.args = append(c.args, left...)
			if f := c.flags.Lookup("timeout"); f != nil && f.Value.(flag.Getter).Get().(time.Duration) <= 0 {
				return c.usage("%s", wantsTimeout)
			}
			return do()
		}
		c.args, rest = append(c.args, left[0]), left[1:] // flags may stand behind
	}
}

// explain says what is wrong with a flag, in words that teach. It never shows an argument of where:
// an id may begin with a hyphen.
func (c *call) explain(err error, args []string) string {
	if c.command.name == whereCommand.name {
		return `this is no flag. If it is a session id that begins with a hyphen, use standard input: printf %s "$ID" | holdfast where -`
	}
	name, unknownFlag := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknownFlag {
		if strings.Contains(err.Error(), "flag -timeout") {
			return err.Error() + ": " + wantsTimeout
		}
		return err.Error()
	}
	var known []string
	c.flags.VisitAll(func(f *flag.Flag) { known = append(known, "--"+f.Name) })
	flags := "Its flags are " + strings.Join(known, ", ")
	if len(known) == 1 {
		flags = "Its only flag is " + known[0]
	}
	return unknown("flag", "--"+name) + nearest("--"+name, known) + " " + flags
}

// wantsTimeout says how --timeout is written.
const wantsTimeout = "--timeout wants a time above zero with its unit, such as 90s or 10m"

// usage reports wrong arguments.
func (c *call) usage(format string, args ...any) int {
	fmt.Fprintf(c.stderr, "holdfast %s: %s\nUsage: %s\n\"holdfast help %s\" explains it.\n", c.command.name, fmt.Sprintf(format, args...), c.usageLine(), c.command.name)
	return exitError
}

func (c *call) usageLine() string {
	return strings.Join(slices.DeleteFunc([]string{"holdfast", c.command.name, c.command.args}, func(s string) bool { return s == "" }), " ")
}

// help is the help of the subcommand.
func (c *call) help() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Usage: %s\n\n%s\n\nFlags:\n", c.usageLine(), strings.TrimSpace(c.command.long))
	var rows [][]string
	c.flags.VisitAll(func(f *flag.Flag) {
		value, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0s" {
			text += " (default " + f.DefValue + ")"
		}
		rows = append(rows, []string{"  " + strings.TrimSpace("--"+f.Name+" "+value), text})
	})
	writeRows(&b, rows)
	return b.String()
}

// fail reports an error.
func (c *call) fail(err error) int {
	fmt.Fprintf(c.stderr, "holdfast %s: %s\n", c.command.name, strings.TrimPrefix(words(err), c.command.name+": "))
	return exitError
}

// words is an error without the name of the package that it comes from.
func words(err error) string {
	return strings.ReplaceAll(strings.TrimPrefix(err.Error(), "cluster: "), ": cluster: ", ": ")
}

// config reads the environment. A node whose name is not known at the moment is one that is down:
// it is for the command to show that.
func (c *call) config() (cluster.Config, error) {
	cfg, err := cluster.ConfigFromEnv(c.getenv)
	if err != nil && c.getenv("MEMCACHED_NODES") == "" && c.getenv("MEMCACHED_DISCOVERY") == "" {
		return cfg, fmt.Errorf("%w. Set what the app has set, as: export MEMCACHED_NODES=n1:10.0.0.1:11211,n2:10.0.0.2:11211", err)
	}
	if err != nil {
		return cfg, err
	}
	cfg.AllowUnresolved = true
	cfg.Logger = slog.New(slog.DiscardHandler)
	return cfg, nil
}

// open makes a Cluster that heals nothing by itself.
func (c *call) open() (*cluster.Cluster, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	cfg.HealPerSecond = -1
	return begun(cfg)
}

// openHealing makes a Cluster as the app has one.
func (c *call) openHealing() (*cluster.Cluster, error) {
	cfg, err := c.config()
	if err != nil {
		return nil, err
	}
	return begun(cfg)
}

// begun makes the Cluster. An error of a source names it: the app, which has begun, goes on with the list
// that it has.
func begun(cfg cluster.Config) (*cluster.Cluster, error) {
	cl, err := cluster.New(cfg)
	if err != nil && strings.HasPrefix(err.Error(), "cluster: Discover: ") {
		return nil, fmt.Errorf("MEMCACHED_DISCOVERY: %w. Instances of the app that run go on with the list that they have; to look at nodes now, list them in MEMCACHED_NODES", err)
	}
	return cl, err
}

// node is the node that the command is about: its argument, or else that of the environment.
func (c *call) node() (id string, from string) {
	if len(c.args) > 0 {
		return c.args[0], "the argument"
	}
	return c.getenv(nodeVariable), nodeVariable
}

// knownNode returns an error that lists the nodes where none has that ID.
func knownNode(id, from string, nodes []string) error {
	if slices.Contains(nodes, id) {
		return nil
	}
	return fmt.Errorf("%s (%s)%s The nodes of the list are %s", unknown("node", id), from, nearest(id, nodes), strings.Join(nodes, ", "))
}

// idsOf are the ids of the nodes on the present list. Those that leave it are never whole, and nobody
// waits for them.
func idsOf(nodes []cluster.NodeStatus) (ids []string) {
	for _, n := range nodes {
		if !n.Leaving {
			ids = append(ids, n.ID)
		}
	}
	return ids
}

// print writes the result: as JSON where that is asked for, else by table.
func (c *call) print(result any, table func(w io.Writer)) {
	if !c.json {
		table(c.stdout)
		return
	}
	e := json.NewEncoder(c.stdout)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	_ = e.Encode(result)
}

// progress is the line that shows how far it is.
func (c *call) progress() *progress { return &progress{w: c.stderr, on: c.terminal} }
