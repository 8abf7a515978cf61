package main

import (
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/test/sim/check"
)

// This file decides which broken promises are counted of one session's history.

// judge counts the broken promises of one session's history, each change once:
// a change that is gone is missed by every read that follows.
func (t *tally) judge(k kind, h *check.History) {
	opts := check.Options{Errors: true, Genuine: genuine}
	if k.promising() && t.orders(h) {
		opts.Linear = patience
	}
	found := h.Verify(opts)
	gone := map[string]bool{}
	for _, v := range found {
		t.count(v.At, k, func(c *counts, p *phase) {
			seen := string(v.Rule) + " " + v.Attr
			if gone[seen] {
				return
			}
			gone[seen] = true
			if p.promised {
				t.tellLocked(p.name, k, v, h)
			}
			switch v.Rule {
			case check.Resurrected:
				c.revived++
			case check.FalseAbsent:
				c.absent++
			case check.Foreign:
				c.foreign++
			default:
				if v.At >= p.reads {
					c.lost++
				} else {
					c.stale++
				}
			}
		})
	}
}

// orderable is how many loads and saves a session may have to be searched for their order:
// the time that takes grows without bound.
const orderable = 200

// orders reports whether an order of the session's requests is to be searched, and counts that.
// Where the whole of a session fell into times in which nothing may be lost, there must be one for
// each attribute that explains every answer.
func (t *tally) orders(h *check.History) bool {
	ops := h.Ops()
	if len(ops) == 0 {
		return false
	}
	end := time.Duration(0)
	for _, op := range ops {
		end = max(end, op.Return)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	p := t.atLocked(ops[0].Call)
	for i := slices.Index(t.phases, p); i < len(t.phases) && t.phases[i].begin <= end; i++ {
		if !t.phases[i].promised {
			return false
		}
	}
	if len(ops) > orderable {
		t.tooLong++
		return false
	}
	t.ordered++
	return true
}

// tellLocked keeps the first few broken promises of this library, with the story of
// the session.
func (t *tally) tellLocked(when string, k kind, v check.Violation, h *check.History) {
	if !k.promising() || len(t.broken) >= 10 {
		return
	}
	var story strings.Builder
	h.Print(&story, v.Key)
	t.broken = append(t.broken, when+", "+string(k)+": "+v.String()+"\n"+story.String())
}
