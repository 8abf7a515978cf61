package cluster

import (
	"context"
	"slices"
	"testing"

	"github.com/holdfast-go/holdfast/cluster/internal/marker"
	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// Which home decides on an update is known from what the homes have answered (rule 31). Each case is
// one read of two homes that are whole and hold the session, with something of it taken away.
func TestWhichHomeDecidesOnAnUpdate(t *testing.T) {
	const primary, backup, nobody = 0, 1, -1
	for _, c := range []struct {
		what string
		take func(op *operation, v *view, p, b *answer)
		want int
	}{
		{"all is well", func(op *operation, v *view, p, b *answer) {}, primary},
		{"the primary holds nothing", func(op *operation, v *view, p, b *answer) { p.rec, p.item = nil, nil }, backup},
		{"the primary holds an orphan", func(op *operation, v *view, p, b *answer) { p.item = &memcached.Copy{Orphan: true} }, backup},
		{"the primary's copy was tampered with", func(op *operation, v *view, p, b *answer) { p.tampered = true }, backup},
		{"nobody holds anything", func(op *operation, v *view, p, b *answer) {
			p.rec, p.item, b.rec, b.item = nil, nil, nil, nil
		}, nobody},
		{"the primary's copy cannot be read, and the backup is whole", func(op *operation, v *view, p, b *answer) { p.unreadable = true }, backup},
		{"the primary has not answered, and the backup is whole", func(op *operation, v *view, p, b *answer) {
			v.answers = []answer{*b}
		}, backup},
		{"the same, and the backup has lost its marker", func(op *operation, v *view, p, b *answer) {
			b.marker = nil
			v.answers = []answer{*b}
		}, nobody},
		{"the same, and the backup is not whole for the list", func(op *operation, v *view, p, b *answer) {
			b.marker = &marker.Marker{Node: b.marker.Node, Incarnation: b.marker.Incarnation}
			v.answers = []answer{*b}
		}, nobody},
		{"the same, and the primary's marker, as it was last read, says that the backup is behind", func(op *operation, v *view, p, b *answer) {
			m := *p.marker
			m.SetBehind(b.node.ID, "another process", 1)
			p.node.noteMarker(&m, p.node.epochNow(), nil)
			v.answers = []answer{*b}
		}, nobody},
		{"the primary's copy cannot be read, and its marker says that the backup is behind", func(op *operation, v *view, p, b *answer) {
			m := *p.marker
			m.SetBehind(b.node.ID, "another process", 1)
			p.unreadable, p.marker = true, &m
		}, nobody},
	} {
		story(t, 2, func(w *world) {
			cl := w.cluster(Config{})
			w.create(cl, "s", "a=1")
			w.whole(cl)
			op := cl.newOperation("s", intent{unverifiedID: true, decides: true})
			v, err := op.read(context.Background())
			if err != nil {
				w.Fatal(err)
			}
			homes := op.homes(op.decidesBy())
			c.take(op, v, v.on(homes[primary]), v.on(homes[backup]))
			n, by, err := op.decider(v)
			switch {
			case c.want == nobody && err == nil:
				w.Errorf("%s: %v decides", c.what, n)
			case c.want != nobody && (err != nil || n != homes[c.want]):
				w.Errorf("%s: %v decides, %v; want %v", c.what, n, err, homes[c.want])
			case c.want == primary && by != record.AtPrimary, c.want == backup && by != record.PastPrimary:
				w.Errorf("%s: its versions are those of %v", c.what, by)
			}
		})
	}
}

// A primary that this process takes for down is asked: others may go by what it says.
func TestAPrimaryThatIsThoughtDownIsAskedForAnUpdate(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{})
		w.create(c, "s", "a=1")
		n := w.preference("s")[0]
		n.Pause()
		w.until(c, n, StateDown)
		op := c.newOperation("s", intent{unverifiedID: true, decides: true})
		primary := op.preferred(0)
		v := &view{targets: op.targets(nil)}
		if step := op.decidersStep(v); !slices.Contains(slices.Concat(step.ask, step.brief), primary) || slices.Contains(v.targets, primary) {
			w.Errorf("asked: %v and, briefly, %v", step.ask, step.brief)
		}
		n.Resume()
	})
}
