package turns

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
)

// These tests tell whose turn it is, and how a wait for one ends.

// queue has those that have the same first letter go together.
func queue() *Queue[string, string] {
	return &Queue[string, string]{Together: func(first, next string) bool { return first[0] == next[0] }}
}

// stand has each wait in this order. Each tells with whom it goes, or that it was taken along.
func stand(q *Queue[string, string], ctx context.Context, closing chan struct{}, all ...string) (told *[]string) {
	told = &[]string{}
	var mu sync.Mutex
	for _, w := range all {
		go func() {
			together, waited, err := q.Enter(ctx, closing, "k", w)
			mu.Lock()
			*told = append(*told, fmt.Sprint(w, together, waited, err))
			mu.Unlock()
			if together != nil {
				q.Leave("k")
			}
		}()
		synctest.Wait()
	}
	return told
}

func TestThoseThatWaitGoTogetherInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue()
		if together, waited, err := q.Enter(t.Context(), nil, "k", "a0"); !slices.Equal(together, []string{"a0"}) || waited || err != nil {
			t.Fatalf("%q, %t, %v", together, waited, err)
		}
		if _, waited, _ := q.Enter(t.Context(), nil, "other", "a0"); waited {
			t.Error("another key is another matter")
		}
		told := stand(q, t.Context(), nil, "a1", "a2", "b1", "a3")
		if len(*told) != 0 {
			t.Errorf("while the first is under way: %q", *told)
		}
		q.Leave("k")
		synctest.Wait()
		slices.Sort(*told)
		want := []string{"a1[a1 a2] true <nil>", "a2[] true <nil>", "a3[a3] true <nil>", "b1[b1] true <nil>"}
		if !slices.Equal(*told, want) {
			t.Errorf("told %q", *told)
		}
		if len(q.busy) != 1 {
			t.Errorf("lines are left: %v", q.busy)
		}
	})
}

func TestAWaitEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := queue()
		_, _, _ = q.Enter(t.Context(), nil, "k", "a0")
		ctx, cancel := context.WithCancel(t.Context())
		closing := make(chan struct{})
		ends := stand(q, ctx, closing, "a1", "a2")
		stays := stand(q, t.Context(), closing, "b1")
		cancel()
		synctest.Wait()
		if want := fmt.Sprint("a1[] true ", context.Canceled); len(*ends) != 2 || !slices.Contains(*ends, want) || len(*stays) != 0 {
			t.Errorf("the context has ended: %q, %q", *ends, *stays)
		}
		close(closing)
		synctest.Wait()
		if want := fmt.Sprint("b1[] true ", ErrClosing); !slices.Equal(*stays, []string{want}) {
			t.Errorf("the process ends: %q", *stays)
		}
		q.Leave("k")
		if len(q.busy) != 0 {
			t.Errorf("lines are left: %v", q.busy)
		}
	})
}

// Whose turn comes in the moment in which its wait ends has it, and the next one comes after it.
func TestATurnThatComesWhenTheWaitEndsIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			var q Queue[string, string]
			_, _, _ = q.Enter(t.Context(), nil, "k", "a0")
			ctx, cancel := context.WithCancel(t.Context())
			late, next := stand(&q, ctx, nil, "a1"), stand(&q, t.Context(), nil, "a2")
			q.mu.Lock()
			cancel()
			for range 10 { // meanwhile it finds that its wait has ended, and wants to leave the line
				runtime.Gosched()
			}
			l := q.busy["k"]
			q.busy["k"] = line[string]{waiting: l.waiting[1:]}
			l.waiting[0].turn <- []string{"a1"}
			q.mu.Unlock()
			synctest.Wait()
			if !slices.Equal(*late, []string{"a1[a1] true <nil>"}) || !slices.Equal(*next, []string{"a2[a2] true <nil>"}) {
				t.Fatalf("%q, then %q", *late, *next)
			}
			if len(q.busy) != 0 {
				t.Fatalf("lines are left: %v", q.busy)
			}
		}
	})
}
