package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/journal"
	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// These stories tell what an app's Trace is told.

// diary is a Trace that notes all that it is told, a line for each.
type diary struct {
	mu    sync.Mutex // guards below
	lines []string
	heals []string
	all   string // every field of everything
	last  OperationDone
}

type diaryKey struct{}

func (d *diary) note(all any, format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if format != "" {
		d.lines = append(d.lines, fmt.Sprintf(format, args...))
	}
	d.all += fmt.Sprintf("%+v\n", all)
}

// trace tells of each operation, and of its requests where the context is that which its start
// returned.
func (d *diary) trace() *Trace {
	return &Trace{
		OperationStart: func(ctx context.Context, op Operation) context.Context {
			return context.WithValue(ctx, diaryKey{}, op)
		},
		OperationDone: func(ctx context.Context, o OperationDone) {
			d.note(o, "%v %s found %d written %d%s%s", ctx.Value(diaryKey{}), o.Outcome, o.Found, o.Written, word(o.WideRead, " wide"), word(o.Joined, " joined"))
			d.mu.Lock()
			d.last = o
			d.mu.Unlock()
		},
		RequestDone: func(ctx context.Context, r RequestDone) {
			d.note(r, "%v: %s %s %s", ctx.Value(diaryKey{}), r.Command, r.Node, r.Outcome)
		},
		ExchangeDone: func(e ExchangeDone) { d.note(e, "") },
		HealDone: func(r HealReport, err error) {
			d.note(r, "")
			d.mu.Lock()
			d.heals = append(d.heals, fmt.Sprintf("%s %d: %v", r.Node, r.Written, err))
			d.mu.Unlock()
		},
	}
}

func word(is bool, word string) string {
	if is {
		return word
	}
	return ""
}

// tells fails unless these lines were noted since it was last asked, those of one operation in any
// order.
func (d *diary) tells(t testing.TB, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	got := slices.Clone(d.lines)
	d.lines = nil
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("told:\n\t%s\nwant:\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

func TestTraceTellsOfEachOperationAndItsRequests(t *testing.T) {
	story(t, 4, func(w *world) {
		d := &diary{}
		c := w.cluster(Config{Trace: d.trace()})
		p := w.preference("s")
		one, two, three, four := p[0].ID(), p[1].ID(), p[2].ID(), p[3].ID()

		w.create(c, "s", "a=1")
		d.tells(t, "save: add "+one+" ok", "save: add "+two+" ok", "save ok found 0 written 2")
		w.change(c, "s", "a", "2")
		d.tells(t, "load: gets "+one+" ok", "load: gets "+two+" ok", "load ok found 2 written 0",
			"save: cas "+one+" ok", "save: cas "+two+" ok", "save ok found 0 written 2")

		p[1].Kill()
		w.load(c, "s") // the fallback is asked, has nothing, and gets a copy
		d.tells(t, "load: gets "+one+" ok", "load: gets "+two+" no_connection", "load: gets "+three+" ok",
			"load: gets "+four+" ok", "load: add "+three+" ok", "load ok found 1 written 1 wide")

		r := w.load(c, "s")
		w.put(p[0], "s", w.on(p[0], "s")) // as another process that writes what is there
		d.tells(t, "load: gets "+one+" ok", "load: gets "+three+" ok", "load: gets "+two+" no_connection", "load: gets "+four+" ok", "load ok found 2 written 0 wide")
		r.Attrs["a"] = []byte("3")
		w.save(c, r)
		d.mu.Lock()
		if !slices.Contains(d.lines, "save: cas "+one+" conflict") || d.last.Outcome != OutcomeOK || d.last.Found != 2 {
			t.Errorf("a save that lost a cas: %v, %+v", d.lines, d.last)
		}
		d.lines = nil
		d.mu.Unlock()

		w.delete(c, "s")
		if d.last.Operation != OperationDelete || d.last.Written < 2 {
			t.Errorf("a deletion: %+v", d.last)
		}
		w.missing(c, "s", ErrNotFound)
		if d.last.Outcome != OutcomeNotFound {
			t.Errorf("a load of nothing: %+v", d.last)
		}
	})
}

// What the caller's context has, callbacks see, also when it has ended; their own values are handed
// on to them.
func TestTraceCarriesTheContextOfItsCaller(t *testing.T) {
	story(t, 2, func(w *world) {
		type key struct{}
		seen := map[string]int{}
		see := func(what string, ctx context.Context) {
			if ctx.Value(key{}) == "the caller's" && ctx.Err() == nil {
				seen[what]++
			}
		}
		var mu sync.Mutex
		c := w.cluster(Config{Trace: &Trace{
			OperationStart: func(ctx context.Context, op Operation) context.Context {
				see("start "+string(op), ctx)
				return nil // stands for the same
			},
			OperationDone: func(ctx context.Context, d OperationDone) { see("done "+string(d.Operation), ctx) },
			RequestDone: func(ctx context.Context, d RequestDone) {
				mu.Lock()
				defer mu.Unlock()
				see("request of "+string(d.Operation), ctx)
			},
		}})
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), key{}, "the caller's"))
		cancel()
		r := NewRecord("s")
		if err := c.Save(ctx, r); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Load(context.WithoutCancel(ctx), "s"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Load(ctx, "s"); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
		if err := c.Delete(ctx, "s"); err != nil {
			t.Fatal(err)
		}
		for what, want := range map[string]int{
			"start save": 1, "done save": 1, "request of save": 2, "start load": 2, "done load": 2,
			"request of load": 2, "start delete": 1, "done delete": 1,
		} {
			if seen[what] != want {
				t.Errorf("%s: seen %d times with the caller's context, want %d", what, seen[what], want)
			}
		}
	})
}

// Saves of one session that go together are one operation's requests and several operations.
func TestTraceTellsOfSavesThatGoTogether(t *testing.T) {
	story(t, 2, func(w *world) {
		d := &diary{}
		c := w.cluster(Config{Trace: d.trace()})
		w.create(c, "s", "a=1")
		var records []*Record
		for range 3 {
			records = append(records, w.load(c, "s"))
		}
		d.mu.Lock()
		d.lines = nil
		d.mu.Unlock()
		for _, n := range w.env.All() {
			n.Pause()
		}
		var wg sync.WaitGroup
		for i, r := range records {
			r.Attrs[fmt.Sprint(i)] = []byte("x")
			wg.Go(func() { w.save(c, r) })
			synctest.Wait()
		}
		for _, n := range w.env.All() {
			n.Resume()
		}
		wg.Wait()
		d.tells(t, "save: cas n1 ok", "save: cas n2 ok", "save ok found 0 written 2",
			"save: gets n1 ok", "save: gets n2 ok", "save: cas n1 ok", "save: cas n2 ok",
			"save ok found 2 written 2", "save ok found 2 written 2 joined")
	})
}

// A caller that goes away is told of as such, and so is what nobody waits for any more.
func TestTraceTellsOfWhatIsAbandoned(t *testing.T) {
	story(t, 2, func(w *world) {
		d := &diary{}
		c := w.cluster(Config{Trace: d.trace()})
		w.create(c, "s", "a=1")
		d.tells(t, "save: add n1 ok", "save: add n2 ok", "save ok found 0 written 2")
		for _, n := range w.env.All() {
			n.Pause()
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		if _, err := c.Load(ctx, "s"); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		d.tells(t, "load: gets n1 abandoned", "load: gets n2 abandoned", "load canceled found 0 written 0")
		w.missing(c, "s", ErrUnavailable)
		d.mu.Lock()
		if !slices.Contains(d.lines, "load: gets n1 timeout") || d.last.Outcome != OutcomeUnavailable || d.last.Took < DefaultTimeout/2 {
			t.Errorf("nodes that hang: %v, %+v", d.lines, d.last)
		}
		d.mu.Unlock()
	})
}

// An update is one operation, however often its change is made, also where that panics.
func TestTraceTellsOfUpdates(t *testing.T) {
	story(t, 2, func(w *world) {
		d := &diary{}
		c := w.cluster(Config{Trace: d.trace()})
		w.create(c, "s", "a=1")
		update := func(change func(*Record) error) {
			defer func() { _ = recover() }()
			_ = c.Update(context.Background(), "s", change)
		}
		update(func(r *Record) error { r.Attrs["a"] = []byte("2"); return nil })
		if d.last.Operation != OperationUpdate || d.last.Outcome != OutcomeOK || d.last.Found != 2 || d.last.Written != 2 {
			t.Errorf("an update: %+v", d.last)
		}
		if !slices.Contains(d.lines, "update: gets n1 ok") || !slices.Contains(d.lines, "update: cas n1 ok") {
			t.Errorf("its requests: %q", d.lines)
		}
		update(func(*Record) error { return errors.New("of the app") })
		if d.last.Outcome != OutcomeError {
			t.Errorf("one that the app ends: %+v", d.last)
		}
		d.last = OperationDone{}
		update(func(*Record) error { panic("of the app") })
		if d.last.Outcome != OutcomeError {
			t.Errorf("one that panics: %+v", d.last)
		}
	})
}

func TestTraceTellsOfHealing(t *testing.T) {
	story(t, 3, func(w *world) {
		d := &diary{}
		c := w.cluster(Config{Trace: d.trace()})
		w.create(c, "s", "a=1")
		p := w.preference("s")
		p[0].Kill()
		p[0].Restart()
		w.until(c, p[0], StateUp)
		if err := c.WaitWhole(context.Background()); err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		if want := p[0].ID() + " 1: <nil>"; !slices.Contains(d.heals, want) {
			t.Errorf("told %q, want %q", d.heals, want)
		}
	})
}

// An exchange takes along what has arrived while the one before it was under way, and is told of
// once. Those that fail are told of by their class.
func TestTraceTellsOfExchanges(t *testing.T) {
	story(t, 1, func(w *world) {
		var mu sync.Mutex
		var told []string
		c := w.cluster(Config{unwatched: true, Trace: &Trace{ExchangeDone: func(e ExchangeDone) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, fmt.Sprintf("%s %s %d %s", e.Node, e.Kind, e.Requests, e.Outcome))
		}}})
		n := w.env.Node(0)
		want := func(lines ...string) {
			t.Helper()
			synctest.Wait()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(told, lines) {
				t.Errorf("told %q, want %q", told, lines)
			}
			told = nil
		}
		w.create(c, "s", "a=1")
		want("n1 write 1 ok")
		large := NewRecord("large")
		large.Attrs["a"] = make([]byte, 100<<10)
		w.save(c, large)
		want("n1 write 1 ok")
		if err := c.Save(context.Background(), NewRecord("s")); err != nil { // add, a conflict, read, cas
			t.Fatal(err)
		}
		want("n1 write 1 ok", "n1 read 1 ok", "n1 write 1 ok")

		n.Pause()
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() { w.load(c, "s") })
			synctest.Wait()
		}
		n.Resume()
		wg.Wait()
		want("n1 read 1 ok", "n1 read 3 ok")

		n.Kill()
		w.missing(c, "s", ErrUnavailable)
		want("n1 read 1 broken", "n1 read 1 no_connection") // it is sent once more, over a new connection
	})
}

// Callbacks that panic cost what they would have been told, and a log line each; their panic's value
// is not in it.
func TestTraceThatPanics(t *testing.T) {
	story(t, 3, func(w *world) {
		c := w.cluster(Config{Trace: &Trace{
			OperationStart: func(context.Context, Operation) context.Context { panic(planted) },
			OperationDone:  func(context.Context, OperationDone) { panic(errors.New(planted)) },
			RequestDone:    func(_ context.Context, d RequestDone) { _ = []string{}[len(d.Node)] },
			ExchangeDone:   func(ExchangeDone) { panic(planted) },
			HealDone:       func(HealReport, error) { panic(planted) },
		}})
		w.create(c, "s", "a=1")
		w.change(c, "s", "a", "2")
		p := w.preference("s")
		p[0].Kill()
		w.sees(c, "s", "a=2")
		p[0].Restart()
		w.until(c, p[0], StateUp)
		if err := c.WaitWhole(context.Background()); err != nil {
			t.Fatal(err)
		}
		w.delete(c, "s")
		w.missing(c, "s", ErrNotFound)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		logs := w.logs.String()
		for _, callback := range []string{"OperationStart", "OperationDone", "RequestDone", "ExchangeDone", "HealDone"} {
			if !strings.Contains(logs, "Config.Trace."+callback+" panicked") {
				t.Errorf("no line about %s", callback)
			}
		}
		if !strings.Contains(logs, "trace_test.go:") || strings.Contains(logs, planted) {
			t.Errorf("the log does not tell where, or tells too much:\n%s", logs)
		}
	})
}

// A callback that always panics writes a line a second.
func TestTraceThatPanicsDoesNotFillTheLog(t *testing.T) {
	story(t, 2, func(w *world) {
		c := w.cluster(Config{Trace: &Trace{OperationDone: func(context.Context, OperationDone) { panic(planted) }}})
		w.create(c, "s", "a=1")
		began := time.Now()
		for range 500 {
			w.load(c, "s")
			time.Sleep(10 * time.Millisecond)
		}
		time.Sleep(2 * journal.Every)
		mustBeFew(t, w.logs, time.Since(began), linesOfTraces...)
	})
}

var linesOfTraces = []string{"Config.Trace."}

// Nothing that a Trace is told has a session's id, its key on the nodes or a value in it.
func TestTraceIsToldNoSecret(t *testing.T) {
	story(t, 3, func(w *world) {
		d := &diary{}
		c := w.cluster(Config{Trace: d.trace(), KeyPrefix: planted + ":"})
		r := NewRecord(planted)
		r.Attrs[planted] = []byte(planted)
		w.save(c, r)
		w.preference(planted)[0].Kill()
		w.change(c, planted, planted, planted)
		w.preference(planted)[1].Pause()
		_, _ = c.Load(context.Background(), planted)
		_ = c.Save(context.Background(), r)
		w.preference(planted)[1].Resume()
		_ = c.Delete(context.Background(), planted)
		d.mu.Lock()
		defer d.mu.Unlock()
		if len(d.all) < 1000 {
			t.Errorf("too little was told to show anything: %s", d.all)
		}
		for _, secret := range []string{planted, record.KeyOf(planted).Name("")} {
			if strings.Contains(d.all, secret) {
				t.Errorf("%s in what a Trace is told:\n%s", secret, d.all)
			}
		}
	})
}

func TestJoinTraces(t *testing.T) {
	story(t, 2, func(w *world) {
		one, two := &diary{}, &diary{}
		c := w.cluster(Config{Trace: JoinTraces(nil, one.trace(), &Trace{}, two.trace())})
		w.create(c, "s", "a=1")
		for _, d := range []*diary{one, two} {
			d.tells(t, "save: add n1 ok", "save: add n2 ok", "save ok found 0 written 2")
		}
	})
	all := reflect.ValueOf(*JoinTraces())
	for i := range all.NumField() {
		if all.Field(i).IsNil() {
			t.Errorf("JoinTraces leaves out %s", all.Type().Field(i).Name)
		}
	}
}

// Without a Trace an operation takes no memory for it.
func TestATraceOfNilTakesNoAllocations(t *testing.T) {
	if poolsForget() {
		t.Skip("allocations differ from run to run under the race detector")
	}
	without, with := allocations(t, nil), allocations(t, &Trace{})
	if most := 27.0; without > most || with <= without {
		t.Errorf("a load and a save take %v allocations without a Trace, want %v at most; %v with one", without, most, with)
	}
}

// allocations are those of a load and a save where nothing goes wrong.
func allocations(t *testing.T, trace *Trace) float64 {
	c, load, save := quickCluster(t, Config{Trace: trace, Logger: slog.New(slog.DiscardHandler)})
	defer c.Close()
	return testing.AllocsPerRun(200, func() { load(); save() })
}

// Each error of the package has an Outcome of its own kind, and each word for a request's failure is
// one.
func TestOutcomes(t *testing.T) {
	for err, want := range map[error]Outcome{
		nil: OutcomeOK, ErrNotFound: OutcomeNotFound, ErrUnavailable: OutcomeUnavailable, ErrDestroyed: OutcomeDestroyed,
		ErrConflict: OutcomeConflict, ErrTooLarge: OutcomeTooLarge, ErrVersion: OutcomeUnreadable, ErrSealed: OutcomeUnreadable,
		ErrLockLost: OutcomeLockLost,
		ErrClosed:   OutcomeCanceled, context.Canceled: OutcomeCanceled, context.DeadlineExceeded: OutcomeCanceled,
		ErrEmptyKey: OutcomeError, errors.New("of the app"): OutcomeError,
	} {
		if err != nil {
			err = fmt.Errorf("cluster: load: %w", err)
		}
		if got := outcomeOf(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
	b, err := os.ReadFile("internal/memcached/tell.go")
	if err != nil {
		t.Fatal(err)
	}
	words := regexp.MustCompile(`return "(\w+)"`).FindAllStringSubmatch(string(b), -1)
	known := []Outcome{
		OutcomeOK, OutcomeConflict, OutcomeBusy, OutcomeTimeout, OutcomeNoConnection, OutcomeBroken, OutcomeRefused,
		OutcomeFull, OutcomeSenseless,
	}
	if len(words) != len(known) {
		t.Errorf("%d words for %d outcomes", len(words), len(known))
	}
	for _, word := range words {
		if !slices.Contains(known, Outcome(word[1])) {
			t.Errorf("%q is no Outcome of a request", word[1])
		}
	}
}
