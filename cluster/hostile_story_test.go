package cluster

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what users notice of one hostile node, whatever it says: they read, save,
// log in and log out as ever, soon, and nothing of it stays where it is gone.

// hostileCase is one hostile node: what it says, and where it stands.
type hostileCase struct {
	name         string
	nodes, place int
	sealed       bool
	policy       policy
	forged       bool // its lies may be records of an attacker
	why          exception
}

func (c hostileCase) String() string {
	kind := "plain"
	if c.sealed {
		kind = "sealed"
	}
	return fmt.Sprintf("%s, %d of %d, %s", c.name, c.place+1, c.nodes, kind)
}

var hostileSeeds = flag.Int("hostile-seeds", 20, "how many hostile nodes that answer by chance the stories try")

// everywhere tries the policy in every place of a session's preference list; in runs that are not
// long, in an eighth of them.
func everywhere(t *testing.T, name string, why exception, p func() policy) {
	t.Helper()
	for _, nodes := range []int{2, 3} {
		for place := range nodes {
			for _, sealed := range []bool{false, true} {
				c := hostileCase{name: name, nodes: nodes, place: place, sealed: sealed, policy: p(), why: why}
				c.forged = why != "" && !sealed
				if *long || record.KeyOf(c.String())[0]%8 == 0 {
					t.Run(c.String(), c.run)
				}
			}
		}
	}
}

// hostileScene is one hostile node among good ones, and two instances of an app.
type hostileScene struct {
	*world
	hostileCase
	h        *hostileNode
	one, two *Cluster
	later    time.Duration // Timeouts more, since it changed once more
}

// run tells the story.
func (c hostileCase) run(t *testing.T) {
	story(t, c.nodes, func(w *world) {
		s := &hostileScene{world: w, hostileCase: c, h: &hostileNode{seal: mustSealer(t, false, 9), policy: c.policy}}
		cfg := Config{DialContext: w.takeOver(c.place, "s", s.h), Logger: slog.New(slog.DiscardHandler), UnknownPerSecond: -1}
		if c.sealed {
			cfg.SealKeys = [][]byte{sealKeyOf(1)}
		}
		s.one, s.two = w.cluster(cfg), w.cluster(cfg)
		s.tell()
	})
}

func (s *hostileScene) loads(c *Cluster, id, attrs string, want ...error) (r *Record) {
	s.Helper()
	s.measured("a load", func() (err error) {
		r, err = c.Load(context.Background(), id)
		return err
	}, want...)
	if r != nil && attrs != "" && !s.forged {
		s.same(r.Attrs, attrs)
	}
	return r
}

// saves reports whether the session is there after it.
func (s *hostileScene) saves(c *Cluster, r *Record, attrs string, want ...error) bool {
	s.Helper()
	r.Attrs = attrsOf(attrs)
	var err error
	s.measured("a save", func() error {
		err = c.Save(context.Background(), r)
		return err
	}, want...)
	return err == nil
}

// logsIn creates a session.
func (s *hostileScene) logsIn(c *Cluster, id, attrs string) *Record {
	s.Helper()
	r := newcomer(id)
	s.saves(c, r, attrs)
	return r
}

func newcomer(id string) *Record {
	r := NewRecord(id)
	r.Deadline = time.Now().Add(time.Hour)
	return r
}

func (s *hostileScene) logsOut(c *Cluster, id string) {
	s.Helper()
	s.measured("a logout", func() error { return c.Delete(context.Background(), id) })
}

// disturb has a good home lose its memory, where the hostile node is none: it is asked then.
func (s *hostileScene) disturb() {
	if s.place > 1 {
		s.preference("s")[0].Flush()
	}
}

func (s *hostileScene) tell() {
	s.Helper()
	ended, endedSave, gone := []error{nil}, []error{nil}, []error{ErrNotFound}
	if s.forged {
		ended, endedSave, gone = append(ended, ErrNotFound), append(endedSave, ErrDestroyed), append(gone, nil)
	}
	if s.place > 1 { // then a home forgets all, and is not whole: only the hostile one could know better
		gone = append(gone, ErrUnavailable)
	}
	// While it is good.
	user, out := "s", s.like("s")
	r := s.logsIn(s.one, user, "a=1 b=1")
	s.saves(s.one, r, "a=2 b=1")
	s.saves(s.one, r, "a=3 b=1")
	s.logsIn(s.two, out, "a=1")
	s.loads(s.two, user, "a=3 b=1")
	s.h.turned.Store(true)

	// While it is not.
	s.disturb()
	if got := s.loads(s.one, user, "a=3 b=1", ended...); got != nil {
		r = got
	}
	s.disturb()
	s.saves(s.one, r, "a=4 b=1", endedSave...)
	s.loads(s.two, user, "a=4 b=1", ended...)
	s.saves(s.one, r, "a=5 b=1", endedSave...)
	s.disturb()
	if got := s.loads(s.two, user, "a=5 b=1", ended...); got != nil {
		s.saves(s.two, got, "a=6 b=1", endedSave...)
	}
	s.loads(s.one, "nobody"+s.like("s"), "", gone...)
	s.logsOut(s.one, out)
	s.disturb()
	s.loads(s.two, out, "", gone...)
	in := s.likeBoth("s", out)
	s.saves(s.two, newcomer(in), "a=7", endedSave...)
	s.loads(s.one, in, "a=7", ended...)

	// It is gone, and another node has its address, with what it held or without.
	s.h.turned.Store(false)
	s.later = 2 // to find out
	time.Sleep(5 * time.Second)
	s.loads(s.one, out, "", gone...)
	for _, id := range []string{user, in} {
		got := s.loads(s.one, id, "", ended...)
		if got == nil {
			continue
		}
		want := "a=6 b=1"
		if id == in {
			want = "a=7"
		}
		if !s.forged {
			s.same(got.Attrs, want)
		}
		s.saves(s.one, got, "a=8")
		s.heals(id, "a=8")
	}
}

// heals fails unless a good home of the session holds these attributes and nothing that lasts
// longer than it should.
func (s *hostileScene) heals(id, attrs string) {
	s.Helper()
	for place, n := range s.preference(id)[:2] {
		if place == s.place {
			continue
		}
		b, ok := n.Get(record.KeyOf(id).Name(""))
		rec, err := record.Decode(b, record.KeyOf(id), s.one.seal, readAt)
		if !ok || err != nil || rec.IsTombstone() {
			s.Errorf("%s holds %s: %v", n.ID(), show(rec), err)
			continue
		}
		s.same(rec.Values(), attrs)
		if ahead := time.Duration(rec.Newest()-time.Now().UnixMicro()) * time.Microsecond; ahead > 24*time.Hour {
			s.Errorf("%s holds a record that is %v ahead", n.ID(), ahead)
		}
	}
}

// likeBoth is like, for a third id.
func (w *world) likeBoth(id, other string) string {
	for i := 0; ; i++ {
		if third := fmt.Sprint("like", i); third != other && slices.Equal(w.preference(third), w.preference(id)) {
			return third
		}
	}
}

// truthfully has it tell the truth to all else.
func truthfully(p policy) policy {
	for _, choose := range []*func() lie{&p.reads, &p.writes, &p.deletes, &p.versions} {
		if *choose == nil {
			*choose = always(truth)
		}
	}
	return p
}

func TestAHostileNodeLiesToReads(t *testing.T) {
	for _, l := range readLies() {
		everywhere(t, l.name, l.why, func() policy { return truthfully(policy{reads: always(l)}) })
	}
}

func TestAHostileNodeLiesToWrites(t *testing.T) {
	for _, l := range writeLies() {
		everywhere(t, l.name, l.why, func() policy { return truthfully(policy{writes: always(l), deletes: always(l)}) })
	}
}

// It says its version, and to all else the same.
func TestAHostileNodeLiesToAllButProbes(t *testing.T) {
	for _, l := range append(said(false), endings...) {
		everywhere(t, l.name, l.why, func() policy {
			return truthfully(policy{reads: always(l), writes: always(l), deletes: always(l)})
		})
	}
}

func TestAHostileNodeLiesByChance(t *testing.T) {
	for seed := range uint64(*hostileSeeds) {
		everywhere(t, fmt.Sprint("seed ", seed), isForged, func() policy {
			r := rand.New(rand.NewPCG(seed, 1))
			return policy{reads: anyOf(r, readLies()), writes: anyOf(r, writeLies()), deletes: anyOf(r, writeLies()), versions: anyOf(r, versionLies())}
		})
	}
}

// One lie for reads and one for writes, each just in time.
func TestAHostileNodeLiesJustInTime(t *testing.T) {
	for seed := range uint64(*hostileSeeds) {
		r := rand.New(rand.NewPCG(seed, 2))
		read, write := readLies()[r.IntN(len(readLies()))], writeLies()[r.IntN(len(writeLies()))]
		everywhere(t, read.name+" and "+write.name, isJustInTime, func() policy {
			return truthfully(policy{reads: always(read), writes: always(write), deletes: always(write), pace: DefaultTimeout * 9 / 10})
		})
	}
}

// The same, at once.
func TestAHostileNodeHasOneLieForReadsAndOneForWrites(t *testing.T) {
	for seed := range uint64(*hostileSeeds) {
		r := rand.New(rand.NewPCG(seed, 3))
		read, write := readLies()[r.IntN(len(readLies()))], writeLies()[r.IntN(len(writeLies()))]
		everywhere(t, read.name+" and "+write.name, read.why, func() policy {
			return truthfully(policy{reads: always(read), writes: always(write), deletes: always(write)})
		})
	}
}
