package cluster

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/record"
)

// A save that meets a newer record moves behind that. What is saved behind in that moment has the earlier
// timestamp, so the save takes it along: else its later timestamp would say that the change is there.
func TestASaveThatMovesBehindTakesAlongWhatIsPending(t *testing.T) {
	story(t, 3, func(w *world) {
		var atOnce func()
		cfg := sticky(Local{WriteBehind: true})
		cfg.Now = func() time.Time {
			if do := atOnce; do != nil && isCalledBy("(*operation).stampAfter", "(*save).plan") {
				atOnce = nil
				do()
			}
			return time.Now()
		}
		app1 := w.cluster(cfg)
		app2 := w.cluster(Config{Now: func() time.Time { return time.Now().Add(time.Minute) }})
		w.create(app2, "s", "a=0 b=0")
		two := w.load(app1, "s")
		w.change(app2, "s", "c", "1")
		one := w.load(app1, "s")
		one.Attrs["a"] = []byte("1")
		two.Attrs["b"] = []byte("1")
		s := app1.newSave(two)
		atOnce = func() { w.save(app1, one) }
		if err := app1.takeTurn(w.Context(), s); err != nil {
			w.Fatal(err)
		}
		v, ok := record.ParseVersion(one.Version(), s.hash, time.Now())
		if !ok || !v.Pending || atOnce != nil {
			w.Fatalf("%+v", v)
		}
		if a := string(s.last.merged.Values()["a"]); s.last.merged.Shows(v) && a != "1" {
			w.Errorf("what stands says that the change is there, and a is %s", a)
		}
		w.written(app1)
	})
}

// isCalledBy reports whether functions with these names are on the stack.
func isCalledBy(names ...string) bool {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if len(names) > 0 && strings.HasSuffix(f.Function, names[0]) {
			names = names[1:]
		}
		if !more {
			return len(names) == 0
		}
	}
}
