package record

import (
	"testing"
	"time"
)

func TestWhatBecomesOfChangesThatTheNodesDoNotHave(t *testing.T) {
	const me, other = 2, 4
	now := time.UnixMilli(1000)
	known := liveAt(900, value("a", "1", 1))
	known.deadlineSet = Timestamp{1, other}
	holds := Change(known, map[string][]byte{"a": []byte("2")}, 2000, Timestamp{10, me})
	ended := Change(known, known.Values(), 950, Timestamp{5, other})
	endedByMe := Change(known, known.Values(), 950, Timestamp{5, me})
	longer := Change(known, map[string][]byte{"a": []byte("1"), "b": []byte("3")}, 3000, Timestamp{7, other})
	for _, c := range []struct {
		says         string
		found, holds *Record
		ok           bool
		attrs        string
	}{
		{"the nodes are empty", nil, holds, true, "2"},
		{"the nodes have what the process knew", known, holds, true, "2"},
		{"another process has added a value", longer, holds, true, "2"},
		{"the session was destroyed", Tombstone(9000), holds, false, ""},
		{"the process has destroyed it", longer, Tombstone(9000), false, ""},
		{"another process has ended it", ended, holds, false, "2"},
		{"this process has written an earlier change of its own", endedByMe, holds, true, "2"},
		{"it has ended here, too", nil, known, false, "1"},
		{"nothing is held", longer, nil, true, "1"},
	} {
		got, ok := Take(c.found, c.holds, known, now, me)
		if ok != c.ok || c.attrs != string(got.Values()["a"]) {
			t.Errorf("%s: %s, %v", c.says, show(got), ok)
		}
		if !got.Includes(c.found) && c.found != nil || c.holds != nil && !got.Includes(c.holds) {
			t.Errorf("%s: %s lacks something", c.says, show(got))
		}
	}
}

func TestARecordThatIsKeptHasItsOwnValues(t *testing.T) {
	b := plain(liveAt(1000, value("a", "one", 1), removal("b", 2), value("c", "", 3)))
	r, err := read(b)
	if err != nil {
		t.Fatal(err)
	}
	kept := r.Compact()
	want := show(kept)
	clear(b)
	if show(kept) != want || show(r) == want {
		t.Errorf("%s\nwas %s", show(kept), want)
	}
	if kept.Room() < int64(len(b)) {
		t.Errorf("%d bytes of memory for %d bytes", kept.Room(), len(b))
	}
}
