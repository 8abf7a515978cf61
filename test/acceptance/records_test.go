package acceptance

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"net/http"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/gorillastore"
)

// This file tells what becomes of records that are damaged, belong to somebody else,
// or were written by a newer version.

// rewrite changes the session's copies on its primary and backup, as many as told.
func (w *world) rewrite(id string, copies int, change func(record []byte) []byte) {
	w.t.Helper()
	for _, n := range w.preferred(id)[:copies] {
		b, held := n.Get(w.key(id))
		if !held {
			w.t.Fatalf("%s holds no copy", n.ID())
		}
		n.Set(w.key(id), change(b))
	}
}

func TestOneDamagedCopyIsReplacedByTheOther(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		id := u.id(app1)
		for name, change := range damages {
			w.rewrite(id, 1, change)
			u.is("ann", app2)
			w.isHome(id)
			if t.Failed() {
				t.Fatalf("after a copy was %s", name)
			}
		}
		u.set(app1, "a", "1")
		u.finds(app2, "a", "1")
		if s := app2.cluster.Stats(); s.Damaged == 0 {
			t.Error("no damaged copy was counted")
		}
	})
}

var damages = map[string]func([]byte) []byte{
	"emptied":     func([]byte) []byte { return nil },
	"cut off":     func(b []byte) []byte { return b[:len(b)/2] },
	"cut to 1":    func(b []byte) []byte { return b[:1] },
	"made longer": func(b []byte) []byte { return append(slices.Clone(b), 0) },
	"zeroed":      func(b []byte) []byte { return make([]byte, len(b)) },
	"replaced":    func([]byte) []byte { return []byte("hello, world\r\nEND\r\n") },
	"flipped": func(b []byte) []byte {
		b = slices.Clone(b)
		b[len(b)*2/3] ^= 0x10
		return b
	},
}

// Whatever stands on the nodes, nobody sees another user's session, and no request
// crashes.
func TestDamagedSessionIsAFreshOne(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(quick)
		app1.whole(w) // nobody copies what is damaged
		random := rand.New(rand.NewPCG(1, 2))
		for i := range 40 {
			damages := damages
			if i > 0 {
				damages = map[string]func([]byte) []byte{fmt.Sprint("changed at random, no. ", i): func(b []byte) []byte {
					b = slices.Clone(b)
					for _, at := range random.Perm(len(b))[:1+random.IntN(3)] {
						b[at] ^= byte(1 + random.IntN(255))
					}
					return b[:len(b)-random.IntN(2)]
				}}
			}
			for name, change := range damages {
				u := w.newUser()
				u.logIn(app1, "ann")
				w.rewrite(u.id(app1), 2, change)
				u.is("nobody", app2)
				u.logIn(app2, "ann") // and the user can go on
				u.is("ann", app1)
				if t.Failed() {
					t.Fatalf("after both copies were %s", name)
				}
			}
		}
	})
}

func TestRecordOfAnotherUserIsNeverServed(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(quick)
		app1.whole(w) // nobody heals a record that is overwritten here
		ann, eve := w.newUser(), w.newUser()
		ann.logIn(app1, "ann")
		eve.logIn(app1, "eve")
		idOfAnn, idOfEve := ann.id(app1), eve.id(app1)
		record, held := w.preferred(idOfAnn)[0].Get(w.key(idOfAnn))
		if !held {
			t.Fatal("the primary holds no copy")
		}
		w.rewrite(idOfEve, 2, func([]byte) []byte { return record })
		eve.is("nobody", app2, app1)
		ann.is("ann", app1, app2)
		eve.logIn(app1, "eve")
		eve.is("eve", app2)
		ann.is("ann", app1, app2)
	})
}

// newer makes the record one of the next version: the second byte tells it, and the
// last four are the checksum.
func newer(b []byte) []byte {
	b = slices.Clone(b)
	b[1]++
	end := len(b) - crc32.Size
	binary.BigEndian.PutUint32(b[end:], crc32.Checksum(b[:end], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func TestRecordOfANewerVersionIsAnErrorAndLeftAlone(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		app1, app2 := w.pair(options{})
		u := w.newUser()
		u.logIn(app1, "ann")
		id := u.id(app1)
		before, _ := w.preferred(id)[0].Get(w.key(id))
		w.rewrite(id, 2, newer)
		for _, a := range []*app{app1, app2} {
			for _, path := range []string{"/whoami", "/set", "/logout"} {
				if r := u.ask(a, path, "key", "a", "value", "1"); r.status != http.StatusInternalServerError || r.cookie(d.cookie) != nil {
					t.Errorf("%s: %v", path, r)
				}
			}
		}
		for _, n := range w.preferred(id)[:2] {
			if b, _ := n.Get(w.key(id)); string(b) != string(newer(before)) {
				t.Errorf("%s: the record has been touched", n.ID())
			}
		}
		w.rewrite(id, 2, func([]byte) []byte { return before })
		u.is("ann", app1, app2)
	})
}

func TestRecordOfANewerVersionIsAFreshSessionWhereTheAppSaysSo(t *testing.T) {
	each(t, []driver{gorillaDriver}, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		a := w.start(options{gorilla: func(s *gorillastore.Store) {
			s.OnDecodeError = func(string, any, error) error { return nil }
		}})
		u := w.newUser()
		u.logIn(a, "ann")
		w.rewrite(u.id(a), 2, newer)
		u.is("nobody", a)
		u.logIn(a, "ann")
		u.is("ann", a)
	})
}
