package baseline

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// begin returns a store of so many copies on three nodes.
func begin(t *testing.T, copies int) (*Store, *testenv.Env, []cluster.Node) {
	t.Helper()
	env := testenv.Start(t, 3, testenv.InMemory())
	nodes, err := cluster.ParseNodes(env.Nodes())
	if err != nil {
		t.Fatal(err)
	}
	s := New(Config{Nodes: nodes, Prefix: "base:", Timeout: 10 * time.Second, Copies: copies, DialContext: env.DialContext})
	t.Cleanup(s.Close)
	return s, env, nodes
}

// fill stores some sessions and returns their tokens.
func fill(t *testing.T, s *Store) (tokens []string) {
	t.Helper()
	for i := range 30 {
		token := fmt.Sprint("token", i)
		if err := s.Commit(token, []byte(token), time.Now().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		tokens = append(tokens, token)
	}
	return tokens
}

// missing counts the tokens that are not found. A node that does not answer is a failure.
func missing(t *testing.T, s *Store, tokens []string) (n int) {
	t.Helper()
	for _, token := range tokens {
		data, found, err := s.Find(token)
		switch {
		case err != nil:
			t.Fatalf("%s: %v", token, err)
		case !found:
			n++
		case string(data) != token:
			t.Errorf("%s holds %q", token, data)
		}
	}
	return n
}

func TestEachSessionHasSoManyCopies(t *testing.T) {
	for copies := 1; copies <= 2; copies++ {
		s, env, _ := begin(t, copies)
		tokens, held := fill(t, s), 0
		for _, n := range env.All() {
			if len(n.Keys()) == 0 {
				t.Errorf("%d copies: nothing lies on %s", copies, n.ID())
			}
			held += len(n.Keys())
		}
		if held != copies*len(tokens) || s.Commands() != uint64(held) {
			t.Errorf("%d copies of %d sessions are %d items, by %d commands", copies, len(tokens), held, s.Commands())
		}
	}
}

func TestANodeThatRestartsEmptyTakesItsSessionsAlong(t *testing.T) {
	s, env, _ := begin(t, 1)
	tokens := fill(t, s)
	gone := len(env.Node(0).Keys())
	env.Node(0).Kill()
	failed := 0
	for _, token := range tokens {
		if _, _, err := s.Find(token); err != nil {
			failed++
		}
	}
	if failed != gone {
		t.Errorf("with a dead node %d of its %d sessions are errors", failed, gone)
	}
	env.Node(0).Restart()
	if n := missing(t, s, tokens); n != gone {
		t.Errorf("%d sessions are lost, of %d on the node", n, gone)
	}
}

func TestASecondCopyServesWhereTheFirstIsGone(t *testing.T) {
	s, env, _ := begin(t, 2)
	tokens := fill(t, s)
	env.Node(0).Kill()
	if n := missing(t, s, tokens); n != 0 {
		t.Errorf("%d sessions are lost", n)
	}
	if err := s.Commit("new", nil, time.Now().Add(time.Hour)); err != nil {
		t.Error(err)
	}
}

func TestAnotherListMovesMostSessions(t *testing.T) {
	s, _, nodes := begin(t, 1)
	tokens := fill(t, s)
	s.SetNodes(nodes[:2])
	if n := missing(t, s, tokens); n < len(tokens)/2 {
		t.Errorf("%d of %d sessions moved", n, len(tokens))
	}
	s.SetNodes(nodes)
	if n := missing(t, s, tokens); n != 0 {
		t.Errorf("with the list from before %d are missing", n)
	}
}

func TestDeletedIsGone(t *testing.T) {
	s, env, _ := begin(t, 2)
	for _, token := range fill(t, s) {
		if err := s.Delete(token); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(token); err != nil {
			t.Errorf("a second time: %v", err)
		}
	}
	for _, n := range env.All() {
		if len(n.Keys()) > 0 {
			t.Errorf("%s holds %q", n.ID(), n.Keys())
		}
	}
}

func TestWhatNoNodeTakes(t *testing.T) {
	s, _, _ := begin(t, 1)
	for _, token := range []string{"two words", strings.Repeat("x", 300), "a\r\nflush_all"} {
		if data, found, err := s.Find(token); found || err != nil {
			t.Errorf("%.20q: %q, %v, %v", token, data, found, err)
		}
		if err := s.Delete(token); err != nil {
			t.Errorf("delete %.20q: %v", token, err)
		}
	}
	err := s.Commit("token", bytes.Repeat([]byte("x"), 2<<20), time.Now().Add(time.Hour))
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("two megabytes: %v", err)
	}
}
