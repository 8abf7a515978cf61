package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/owner"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// logIn saves a session that is that owner's.
func (w *world) logIn(c *Cluster, id, owner string) *Record {
	w.Helper()
	r := NewRecord(id)
	r.Attrs, r.Deadline = attrsOf("a=1"), c.cfg.Now().Add(time.Hour)
	r.SetOwner(owner, "label of "+id)
	w.save(c, r)
	return r
}

// destroyAll ends all sessions of an owner, and demands how many of the listed ones were destroyed.
func (w *world) destroyAll(c *Cluster, owner string, want int, except ...string) {
	w.Helper()
	if n, err := c.DestroyAll(context.Background(), owner, except...); n != want || err != nil {
		w.Errorf("DestroyAll: %d, %v, want %d", n, err, want)
	}
}

// lists demands which sessions of an owner are listed, the newest first.
func (w *world) lists(c *Cluster, owner string, ids ...string) []SessionInfo {
	w.Helper()
	all, err := c.Sessions(context.Background(), owner)
	var got []string
	for _, s := range all {
		got = append(got, strings.TrimPrefix(s.Label, "label of "))
		if !s.Is(got[len(got)-1]) || s.Is("other") {
			w.Errorf("the session with the label %q is another one", s.Label)
		}
	}
	if err != nil || !slices.Equal(got, ids) {
		w.Errorf("sessions %q, %v, want %q", got, err, ids)
	}
	return all
}

// evict takes the owner's record off every node.
func (w *world) evict(c *Cluster, owner string) {
	for _, n := range w.env.All() {
		n.Delete(c.ownerKeys(owner)[0].Name(""))
	}
}

// unlist takes one entry out of the owner's record, as one that never came there.
func (w *world) unlist(c *Cluster, user, id string) {
	w.Helper()
	if _, err := c.changeOwner(c.ownerKeys(user)[0], owner.Remove(record.KeyOf(id))); err != nil {
		w.Fatal(err)
	}
}

func TestAnOwnersSessionsAreListedAndEnded(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		began := time.Now()
		for i, id := range []string{"s1", "s2", "s3", "s4", "s5"} {
			w.logIn([]*Cluster{c, other}[i%2], id, "ann")
			time.Sleep(time.Second)
		}
		w.logIn(c, "bob's", "bob")
		w.create(c, "nobody's", "a=1")
		for _, s := range w.lists(other, "ann", "s5", "s4", "s3", "s2", "s1") {
			if s.Created.Before(began) || s.LastSaved.Before(began) || s.Bytes == 0 || !s.Deadline.After(s.Created) || s.Ref == "" {
				w.Errorf("%+v: %v, %v, %d, %v, %q", s, s.Created, s.LastSaved, s.Bytes, s.Deadline, s.Ref)
			}
		}
		w.lists(c, "eve")
		w.delete(c, "s2")
		w.lists(c, "ann", "s5", "s4", "s3", "s1")

		w.destroyAll(c, "ann", 3, "s4", "bob's", "none", "")
		w.lists(c, "ann", "s4")
		time.Sleep(DefaultOwnerCheck)
		for _, in := range []*Cluster{c, other} {
			w.sees(in, "s4", "a=1")
			for _, id := range []string{"s1", "s3", "s5"} {
				w.missing(in, id, ErrNotFound)
			}
			w.sees(in, "bob's", "a=1")
			w.sees(in, "nobody's", "a=1")
		}
		w.destroyAll(c, "ann", 1)
		w.missing(c, "s4", ErrNotFound)
		w.destroyAll(c, "ann", 0)

		w.logIn(c, "s6", "ann")
		w.lists(other, "ann", "s6")
		w.sees(other, "s6", "a=1")
	})
}

func TestOneSessionOfAnOwnerIsEnded(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		w.logIn(c, "s2", "ann")
		ref := refOf(record.KeyOf("s1"))
		for _, owner := range []string{"bob", "an"} {
			if err := c.Destroy(context.Background(), owner, ref); err != ErrNotFound {
				w.Errorf("%s ends a session of ann's: %v", owner, err)
			}
		}
		if err := c.Destroy(context.Background(), "ann", ref); err != nil {
			w.Error(err)
		}
		if err := c.Destroy(context.Background(), "ann", ref); err != ErrNotFound {
			w.Errorf("it is ended twice: %v", err)
		}
		w.missing(c, "s1", ErrNotFound)
		w.lists(c, "ann", "s2")
		for _, err := range []error{
			c.Destroy(context.Background(), "", ref), second(c.DestroyAll(context.Background(), "")), second(c.Sessions(context.Background(), "")),
		} {
			if err != errNoOwner {
				w.Errorf("an owner without a name: %v", err)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

// An epoch ends what no record lists.
func TestASessionThatIsNotListedEndsToo(t *testing.T) {
	for _, lost := range []string{"its entry", "the whole record"} {
		t.Run(lost, func(t *testing.T) {
			story(t, 3, func(w *world) {
				c, other := w.cluster(Config{}), w.cluster(Config{})
				w.logIn(c, "s1", "ann")
				w.logIn(c, "s2", "ann")
				w.sees(other, "s1", "a=1") // has read the owner's record
				left := 1
				if w.unlist(c, "ann", "s1"); lost == "the whole record" {
					w.evict(c, "ann")
					left = 0
				}
				w.destroyAll(c, "ann", left)
				w.missing(c, "s1", ErrNotFound) // here at once
				time.Sleep(DefaultOwnerCheck)
				w.missing(other, "s1", ErrNotFound)
				w.missing(other, "s2", ErrNotFound)

				// The load has destroyed them: they stay ended when the epoch is lost.
				w.evict(c, "ann")
				time.Sleep(DefaultOwnerCheck)
				w.missing(other, "s1", ErrNotFound)
				w.logIn(other, "s3", "ann")
				w.sees(c, "s3", "a=1")
			})
		})
	}
}

func TestAnOwnersRecordThatIsLostLogsNobodyOut(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		w.destroyAll(c, "ann", 1)
		w.logIn(c, "s2", "ann") // has seen the epoch begin
		w.evict(c, "ann")
		time.Sleep(DefaultOwnerCheck)
		r := w.sees(c, "s2", "a=1")
		w.lists(c, "ann")

		// The next save lists it again, and with its first time and label.
		r.SetOwner("ann", "another label")
		w.save(c, r)
		w.lists(c, "ann", "s2")
		w.destroyAll(c, "ann", 1)
		w.missing(c, "s2", ErrNotFound)
	})
}

// The instance that logs in has not heard of the epoch that another one has just begun: it reads the
// owner's record anew.
func TestALoginAfterDestroyAllLives(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		for i := range 5 {
			w.logIn(other, fmt.Sprintf("old%d", i), "ann")
			w.destroyAll(c, "ann", 1)
			w.logIn(other, fmt.Sprintf("new%d", i), "ann")
			w.sees(other, fmt.Sprintf("new%d", i), "a=1")
			w.sees(c, fmt.Sprintf("new%d", i), "a=1")
			w.destroyAll(other, "ann", 1)
		}
	})
}

// A reading of before the newest epoch shows an older one, which that session has never seen.
func TestAnOldReadingEndsNoSession(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.destroyAll(c, "ann", 0)
		w.logIn(other, "s1", "ann")
		w.sees(other, "s1", "a=1")
		w.destroyAll(c, "ann", 1)
		w.logIn(c, "s2", "ann")
		w.sees(other, "s2", "a=1")
	})
}

// Two who log out everywhere, each except himself, log each other out.
func TestTwoEpochsAtOnceSpareNobody(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		w.logIn(c, "s2", "ann")
		w.unlist(c, "ann", "s1")
		w.unlist(c, "ann", "s2")
		key := c.ownerKeys("ann")[0]
		o, err := c.readOwner(context.Background(), key)
		if err != nil {
			w.Fatal(err)
		}
		for i, spared := range []string{"s1", "s2"} { // both have read before the other one writes
			spare := []record.Key{record.KeyOf(spared)}
			if _, err := c.changeOwner(key, o.BeginEpoch(owner.Epoch{byte(i)}, spare, time.Now().Add(time.Hour).UnixMilli())); err != nil {
				w.Fatal(err)
			}
		}
		w.missing(c, "s1", ErrNotFound)
		w.missing(c, "s2", ErrNotFound)
		w.logIn(c, "s3", "ann")
		w.sees(c, "s3", "a=1")
		w.destroyAll(c, "ann", 0, "s3")
		w.sees(c, "s3", "a=1")
		if o, _ := c.readOwner(context.Background(), key); len(o.Epochs()) != 1 {
			w.Errorf("%d epochs are in force", len(o.Epochs()))
		}
	})
}

// Whom an epoch has ended cannot be spared by the next one.
func TestAnEndedSessionCannotBeSpared(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		w.unlist(c, "ann", "s1")
		w.destroyAll(c, "ann", 0)
		w.destroyAll(c, "ann", 0, "s1")
		w.missing(c, "s1", ErrNotFound)
	})
}

func TestASessionThatHasChangedItsOwnerStays(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		r := w.logIn(c, "s1", "ann")
		r.SetOwner("bob", "label of s1")
		w.save(c, r)
		left := w.logIn(c, "s2", "ann")
		left.SetOwner("", "")
		w.save(c, left)
		w.lists(c, "bob", "s1")
		if err := c.Destroy(context.Background(), "ann", refOf(record.KeyOf("s1"))); err != ErrNotFound {
			w.Errorf("ann ends a session that is bob's now: %v", err)
		}
		w.lists(c, "ann")
		w.destroyAll(c, "ann", 0)
		w.sees(c, "s1", "a=1")
		w.sees(c, "s2", "a=1")
		w.destroyAll(c, "bob", 1)
		w.missing(c, "s1", ErrNotFound)
		w.sees(c, "s2", "a=1")
	})
}

// A commit that knows nothing of the session replaces its values. It is no new login.
func TestAReplacementDoesNotRenewALogin(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		w.sees(other, "s1", "a=1")
		w.unlist(c, "ann", "s1")
		w.destroyAll(c, "ann", 0)
		w.logIn(other, "s1", "ann") // as a Store does that has not found it before
		time.Sleep(DefaultOwnerCheck)
		w.missing(other, "s1", ErrNotFound)
	})
}

// A renewal in the seconds in which an instance has not heard of the epoch is none.
func TestAnEndedSessionHasNoSuccessor(t *testing.T) {
	story(t, 3, func(w *world) {
		c, other := w.cluster(Config{}), w.cluster(Config{})
		w.logIn(c, "s1", "ann")
		w.unlist(c, "ann", "s1")
		old := w.sees(other, "s1", "a=1")
		renew := func(id, owner string) error {
			r := NewRecord(id)
			r.Attrs = old.Attrs
			r.Succeeds(old)
			r.SetOwner(owner, "")
			return other.Save(context.Background(), r)
		}
		if err := renew("s2", "ann"); err != nil {
			w.Errorf("before: %v", err)
		}
		w.destroyAll(c, "ann", 1)
		if err := renew("s3", "ann"); err != ErrDestroyed {
			w.Errorf("after: %v", err)
		}
		w.missing(other, "s3", ErrNotFound)
		if err := renew("s4", "bob"); err != nil {
			w.Errorf("as somebody else: %v", err)
		}
	})
}

// A session that is nobody's and replaces one that was somebody's is nobody's: DestroyAll does not end it.
func TestAReplacementMayBeNobodys(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{OwnerCheck: -1})
		w.logIn(c, "s", "ann")
		w.logIn(c, "s", "")
		w.lists(c, "ann")
		w.destroyAll(c, "ann", 0)
		w.sees(c, "s", "a=1")
	})
}

// Readings are forgotten when they are of no use any more.
func TestReadingsOfOwnersAreFewAndNewest(t *testing.T) {
	os := &owners{keep: time.Hour}
	at := time.Now()
	first, later := &owner.Record{}, &owner.Record{}
	os.put(record.Key{1}, later, at)
	os.put(record.Key{1}, first, at.Add(-time.Second))
	if o, _ := os.get(record.Key{1}); o != later {
		t.Error("an older reading has taken the place of a newer one")
	}
	large := &owner.Record{Sessions: make([]owner.Entry, owner.MostListed+7)}
	for i := range 10 * mostOwned / owner.MostListed {
		os.put(record.Key{9, byte(i >> 16), byte(i >> 8), byte(i)}, large, at)
	}
	if held := len(os.read.young) + len(os.read.old); held > mostOwned/owner.MostListed || held < mostOwned/owner.MostListed/4 {
		t.Errorf("%d large records are kept", held)
	}
	for range 2 * mostOwned / owner.MostListed { // the same one again and again takes no more room
		os.put(record.Key{8}, large, at)
	}
	if held := len(os.read.young) + len(os.read.old); held < mostOwned/owner.MostListed/4 {
		t.Errorf("%d are left", held)
	}
	os.put(record.Key{1}, later, at)
	os.keep = 0
	os.put(record.Key{2}, later, at)
	os.put(record.Key{3}, later, at)
	if o, _ := os.get(record.Key{1}); o != nil {
		t.Error("an old reading is kept")
	}
}
