package discovery

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// nodesIn reads "1 2=x": the nodes 1 at the address 1, and 2 at the address x.
func nodesIn(s string) []Node {
	var nodes []Node
	for field := range strings.FieldsSeq(s) {
		id, addr, moved := strings.Cut(field, "=")
		if !moved {
			addr = id
		}
		nodes = append(nodes, Node{ID: id, Addr: addr})
	}
	return nodes
}

// Each story is a list of answers and of what is in use after each; "-" is a failed answer.
func TestWhenAnAnswerCounts(t *testing.T) {
	for _, c := range []struct{ why, start, story string }{
		{"the first answer counts at once where there is no list", "", "1 2: 1 2"},
		{"another order is no change", "1 2 3", "3 2 1: 1 2 3; 2 1 3: 1 2 3; 1 3 2: 1 2 3"},
		{"a new node counts when it came twice", "1 2", "1 2 3: 1 2; 1 2 3: 1 2 3"},
		{"a new node that came once does not", "1 2", "1 2 3: 1 2; 1 2: 1 2; 1 2 3: 1 2; 1 2: 1 2"},
		{"twice in another order is twice", "1 2", "1 2 3: 1 2; 3 1 2: 1 2 3"},
		{"a node is dropped when it was absent three times", "1 2 3", "1 2: 1 2 3; 1 2: 1 2 3; 1 2: 1 2"},
		{"a node that shows itself stays", "1 2 3", "1 2: 1 2 3; 1 2: 1 2 3; 1 2 3: 1 2 3; 1 2: 1 2 3; 1 2: 1 2 3; 1 2: 1 2"},
		{"absent three times in lists that never come twice is not enough", "1 2 3", "1 2: 1 2 3; 1 2 4: 1 2 3; 1 2: 1 2 3; 1 2: 1 2"},
		{"failed and empty answers change nothing", "1 2 3", "-: 1 2 3; -: 1 2 3; -: 1 2 3; -: 1 2 3"},
		{"failed answers are neither for nor against a node", "1 2 3", "1 2: 1 2 3; -: 1 2 3; 1 2: 1 2 3; -: 1 2 3; -: 1 2 3; 1 2: 1 2"},
		{"a failed answer first, then the list", "", "-: ; 1 2: 1 2"},
		{"half an answer for a while", "1 2 3 4", "1 2: 1 2 3 4; 1 2: 1 2 3 4; 1 2 3 4: 1 2 3 4"},
		{"a new address of a known node counts when it came twice", "1 2", "1 2=x: 1 2; 1 2=x: 1 2=x"},
		{"addresses that change each time do not count", "1 2", "1 2=x: 1 2; 1 2=y: 1 2; 1 2=x: 1 2"},
		{"a replacement joins before the node that it replaces leaves", "1 2 3", "1 2 4: 1 2 3; 1 2 4: 1 2 3 4; 1 2 4: 1 2 4"},
		{"a renamed server is never two nodes", "1 2", "1 9=2: 1 2; 1 9=2: 1 2; 1 9=2: 1 9=2"},
		{"two nodes change their addresses", "1 2", "1=2 2=1: 1 2; 1=2 2=1: 1=2 2=1"},
		{"an id twice is no good answer", "1 2", "1 1=x: 1 2; 1 1=x: 1 2; 1 1=x: 1 2"},
		{"an address twice is no good answer", "1 2", "1 3=1: 1 2; 1 3=1: 1 2; 1 3=1: 1 2"},
		{"nor is it where there is no list", "", "1 1=x: ; 1 3=1: ; 1: 1"},
		{"all nodes are others", "1 2", "3 4: 1 2; 3 4: 1 2 3 4; 3 4: 3 4"},
	} {
		p, inUse := NewPrudent(nodesIn(c.start)), nodesIn(c.start)
		for i, step := range strings.Split(c.story, ";") {
			answer, want, _ := strings.Cut(step, ":")
			list, changed := p.Answer(nodesIn(strings.ReplaceAll(answer, "-", "")))
			if !slices.Equal(list, nodesIn(want)) || changed == slices.Equal(list, inUse) {
				t.Errorf("%s: answer %d, %s: %v, changed %v: want %s", c.why, i+1, answer, list, changed, want)
			}
			if changed {
				p.Use(list)
			}
			inUse = list
		}
	}
}

// A cluster may refuse a list for a while, since too many changes are under way.
func TestAProposalThatWasNotUsedIsMadeAgain(t *testing.T) {
	p := NewPrudent(nodesIn("1 2"))
	p.Answer(nodesIn("1 3"))
	for range 3 {
		if list, changed := p.Answer(nodesIn("1 3")); !changed {
			t.Fatalf("%v is not proposed again", list)
		}
	}
	list, _ := p.Answer(nodesIn("1 3"))
	p.Use(list)
	if list, changed := p.Answer(nodesIn("1 3")); changed || !slices.Equal(list, nodesIn("1 3")) {
		t.Fatalf("%v, changed %v", list, changed)
	}
}

// The caller may do with its lists what it likes.
func TestListsAreNotShared(t *testing.T) {
	answer := nodesIn("1 2")
	p := NewPrudent(nil)
	list, _ := p.Answer(answer)
	p.Use(list)
	answer[0].ID, list[1].ID = "x", "y"
	list, _ = p.Answer(nil)
	list[0].ID = "z"
	if list, _ := p.Answer(nil); !slices.Equal(list, nodesIn("1 2")) {
		t.Fatal(list)
	}
}

// Whatever is answered: a list in use is never empty again, has no server twice, has a new node
// only after two answers with it, and has lost a node only after three without it.
func TestAnyAnswers(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		p, inUse := NewPrudent(nodesIn("1 2 3")), nodesIn("1 2 3")
		with, without := map[Node]int{}, map[string]int{}
		for range 12 {
			var answer []Node
			for _, id := range []string{"1", "2", "3", "4"} {
				if rng.IntN(4) > 0 {
					answer = append(answer, Node{ID: id, Addr: id + []string{"", "", "x"}[rng.IntN(3)]})
				}
			}
			if rng.IntN(5) == 0 {
				answer = nil
			}
			for _, id := range []string{"1", "2", "3", "4"} {
				if len(answer) == 0 {
					break
				}
				if without[id]++; slices.ContainsFunc(answer, func(n Node) bool { return n.ID == id }) {
					without[id] = 0
				}
				for _, addr := range []string{id, id + "x"} {
					n := Node{ID: id, Addr: addr}
					if with[n]++; !slices.Contains(answer, n) {
						with[n] = 0
					}
				}
			}
			list, changed := p.Answer(answer)
			if !changed && !slices.Equal(list, inUse) || len(list) == 0 || hasTwice(list) {
				t.Fatalf("%v: %v becomes %v, changed %v", answer, inUse, list, changed)
			}
			for _, n := range list {
				if !slices.Contains(inUse, n) && with[n] < 2 {
					t.Fatalf("%v is new after %d answers", n, with[n])
				}
			}
			for _, n := range inUse {
				if !slices.ContainsFunc(list, func(m Node) bool { return m.ID == n.ID }) && without[n.ID] < 3 {
					t.Fatalf("%v is dropped after %d answers without it", n, without[n.ID])
				}
			}
			p.Use(list)
			inUse = list
		}
	}
}
