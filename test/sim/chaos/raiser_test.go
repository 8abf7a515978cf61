package main

import (
	"slices"
	"testing"
)

// What is acknowledged is in the number, and what is not in doubt is not.
func TestTheSumOfANumber(t *testing.T) {
	for _, c := range []struct {
		name               string
		acked, doubtful    int
		read               int
		uncounted, surplus int
	}{
		{"all is there", 5, 0, 5, 0, 0},
		{"what is in doubt is there", 5, 2, 7, 0, 0},
		{"what is in doubt is not there", 5, 2, 5, 0, 0},
		{"one is missing", 5, 2, 4, 1, 0},
		{"one too many", 5, 2, 8, 0, 1},
	} {
		n := &number{acked: c.acked, doubtful: c.doubtful}
		if uncounted, surplus := n.sum(c.read); uncounted != c.uncounted || surplus != c.surplus {
			t.Errorf("%s: %d missing and %d too many", c.name, uncounted, surplus)
		}
	}
}

// Two requests that were told the same number have lost one of them, and so has one that was told no
// more than another one knew before it began.
func TestANumberThatIsToldTwiceIsNoticedAtOnce(t *testing.T) {
	s := &session{}
	c := &counter{session: s, numbers: map[string]*number{raisedName: {made: map[int]bool{}}}}
	var got []bool
	for _, told := range []struct{ n, before int }{{1, 0}, {2, 1}, {2, 1}, {4, 2}, {3, 2}, {3, 4}} {
		got = append(got, c.acknowledged(s, raisedName, told.n, told.before))
	}
	if want := []bool{false, false, true, false, false, true}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestCriticalSectionsThatOverlap(t *testing.T) {
	for _, c := range []struct {
		name string
		all  []section
		want int
	}{
		{"one after the other", []section{{10, 20}, {0, 10}, {20, 30}}, 0},
		{"one begins in another", []section{{0, 10}, {9, 20}}, 1},
		{"two begin in a long one", []section{{0, 100}, {10, 20}, {30, 40}}, 2},
		{"its lease was over before it began", []section{{0, 10}, {5, 3}}, 0},
	} {
		if got := overlapsOf(c.all); got != c.want {
			t.Errorf("%s: %d", c.name, got)
		}
	}
}
