package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how a node is shown: its state in a word, what the apps think of
// it in a sentence, and what it has of the visitor's session.

// stateNames are what the nodes do, in the words of the page.
var stateNames = map[testenv.State]string{testenv.Up: "up", testenv.Paused: "hung", testenv.Down: "down"}

// card is one node on the page.
type card struct {
	nodeState
	Look    string // up, suspect, hung, down, back, filling or draining: colour and icon
	Label   string
	Fill    string // whole, filling or draining, of a node that is up
	Opinion string
	CutOff  []string // apps that cannot reach it
	CanCut  []string // apps that can
	Role    string   // for the visitor's session
	Copy    string   // what it has of that, in words
	Holds   string   // fresh, old, ended, none or unknown
	Version string
}

// cards returns the cards of the nodes, and a sentence about the copies of the session.
func (d *demo) cards(ctx context.Context, driver, id string, nodes []nodeState) (cards []card, summary string) {
	var places []cluster.Placement
	if id != "" {
		places = d.where(ctx, driver, id)
	}
	copies, ended := 0, false
	var newest int64
	for _, p := range places {
		newest = max(newest, p.Version)
		ended = ended || p.Destroyed
	}
	if ended {
		newest = math.MaxInt64 // no copy that is left counts for anything
	}
	for _, n := range nodes {
		c := newCard(n)
		for _, in := range d.apps {
			switch n.SeenBy[in.name] {
			case "cut off":
				c.CutOff = append(c.CutOff, in.name)
			case "":
			default:
				c.CanCut = append(c.CanCut, in.name)
			}
		}
		for _, p := range places {
			if p.Node.ID == n.ID {
				c.show(p, newest)
			}
		}
		if c.Holds == "fresh" {
			copies++
		}
		cards = append(cards, c)
	}
	if text := hint(cards); text != "" {
		return cards, text
	}
	return cards, summarise(copies, ended, id != "")
}

// hint says what to try where nothing is broken yet.
func hint(cards []card) string {
	primary := ""
	for _, c := range cards {
		if c.Look != "up" || c.Holds == "ended" || c.Holds == "old" {
			return ""
		}
		if c.Role == string(cluster.RolePrimary) && c.Holds == "fresh" {
			primary = c.ID
		}
	}
	if primary == "" {
		return ""
	}
	return "two copies. Try it: kill " + primary + ", then count one up."
}

func summarise(copies int, ended, any bool) string {
	switch {
	case !any:
		return "none yet. Log in, and see where its copies go."
	case ended:
		return "ended. The nodes remember that, so no old copy can bring it back."
	case copies == 0:
		return "no copy within reach."
	case copies == 1:
		return "one copy. Your next request makes the second, or a node that fills."
	}
	return fmt.Sprintf("%d copies, the same on each.", copies)
}

func newCard(n nodeState) card {
	c := card{nodeState: n, Look: n.State, Label: n.State}
	by := map[string][]string{} // apps by what they see
	for app, sees := range n.SeenBy {
		by[sees] = append(by[sees], app)
	}
	c.Opinion = opinion(by)
	if n.State != "up" {
		return c
	}
	switch {
	case n.Draining:
		c.Fill = "draining"
	case n.Whole:
		c.Fill = "whole"
	default:
		c.Fill = "filling"
	}
	if c.Fill != "whole" {
		c.Look = c.Fill
	}
	switch {
	case len(by["cut off"]) > 0:
		c.Look, c.Label = "suspect", "partly cut off"
	case len(by["down"]) > 0:
		c.Look, c.Label = "back", "back, being checked"
	case len(by["suspect"]) > 0:
		c.Look, c.Label = "suspect", "suspect"
	}
	return c
}

// Why says why the node is not whole, as a sentence.
func (c card) Why() string {
	if c.Reason == "" {
		return "It is filling."
	}
	return strings.ToUpper(c.Reason[:1]) + c.Reason[1:] + "."
}

// opinion says what the apps think of a node.
func opinion(by map[string][]string) string {
	words := []struct{ state, all, some string }{
		{"up", "All apps use it.", "in use by"},
		{"suspect", "All apps wait for a sign of life.", "doubted by"},
		{"down", "All apps do without it.", "given up by"},
		{"cut off", "No app can reach it.", "out of reach for"},
	}
	var parts []string
	for _, w := range words {
		apps := by[w.state]
		if len(apps) > 0 && len(by) == 1 {
			return w.all
		}
		if len(apps) > 0 {
			slices.Sort(apps)
			parts = append(parts, w.some+" "+strings.Join(apps, ", "))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	text := strings.Join(parts, "; ") + "."
	return strings.ToUpper(text[:1]) + text[1:]
}

// show puts what the node has of the visitor's session on the card.
func (c *card) show(p cluster.Placement, newest int64) {
	c.Role = string(p.Role)
	home := p.Role == cluster.RolePrimary || p.Role == cluster.RoleBackup
	switch {
	case p.Err != nil && !home:
		c.Role = ""
	case p.Err != nil:
		c.Holds, c.Copy = "unknown", "Out of reach"
	case p.Destroyed:
		c.Holds, c.Copy = "ended", "Knows you logged out"
	case p.Held && p.Version == newest:
		c.Holds, c.Copy = "fresh", "Your session"
	case p.Held:
		c.Holds, c.Copy = "old", "An older copy"
	case home:
		c.Holds, c.Copy = "none", "Empty so far"
	default:
		c.Role = ""
	}
	if p.Held && !p.Destroyed {
		c.Version = time.UnixMicro(p.Version).Format("15:04:05.000")
	}
}
