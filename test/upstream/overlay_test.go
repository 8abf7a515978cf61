package upstream

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	_ "github.com/gorilla/sessions"
	_ "github.com/labstack/echo-contrib/session"
	_ "github.com/labstack/echo/v4"
	_ "github.com/stretchr/testify/assert"

	"github.com/holdfast-go/holdfast/test/upstream/swap"
)

// This file decides how tests that lie in a module's own package get another store: see the package
// comment.

// swapped is a text in a file of a library, and what stands there for the tests.
type swapped struct{ file, old, now string }

const swapPath = "github.com/holdfast-go/holdfast/test/upstream/swap"

// leftOut is scs's test of what scsstore refuses: a session under the empty token would belong to
// everybody who has none.
const leftOut = "^TestSessionManager_Load$/^with_empty_token$"

// scs's tests call scs.New, which makes a memstore.
func TestSCS(t *testing.T) {
	overlay := show(t, "github.com/alexedwards/scs/v2", "", "scs",
		swapped{"session.go", `"github.com/alexedwards/scs/v2/memstore"`, `memstore "` + swapPath + `"`},
		swapped{"session.go", "GobCodec{}", "memstore.Codec()"},
	)
	bin := build(t, overlay, "./scs")
	for _, codec := range []string{"holdfast", "gob"} {
		t.Run(codec, func(t *testing.T) {
			run(t, bin, 30, []string{swap.CodecVariable + "=" + codec}, "-test.skip", leftOut)
		})
	}
}

// echo-contrib's tests make a CookieStore.
func TestEchoContribSession(t *testing.T) {
	overlay := show(t, "github.com/labstack/echo-contrib", "session", "echo",
		swapped{"session_test.go", `"github.com/gorilla/sessions"`, `sessions "` + swapPath + `"`},
		swapped{"session_test.go", `sessions.NewCookieStore([]byte("secret"))`, "sessions.Gorilla()"},
	)
	run(t, build(t, overlay, "./echo"), 2, nil)
}

// show writes an overlay in which the folder of a module's package is a folder of this module, as,
// with the changes. It returns the overlay's path.
func show(t *testing.T, module, folder, as string, changes ...swapped) string {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(dirOf(t, module), folder)
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	replace := map[string]string{}
	for _, file := range files {
		replace[filepath.Join(here, as, filepath.Base(file))] = file
	}
	temp := t.TempDir()
	for _, c := range changes {
		at := filepath.Join(here, as, c.file)
		b, err := os.ReadFile(replace[at])
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(b), c.old); n != 1 {
			t.Fatalf("%s of %s holds %q %d times; want once: it has changed, so look how its tests make a store now", c.file, module, c.old, n)
		}
		replace[at] = filepath.Join(temp, c.file)
		if err := os.WriteFile(replace[at], []byte(strings.Replace(string(b), c.old, c.now, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		t.Fatal(err)
	}
	overlay := filepath.Join(temp, "overlay.json")
	if err := os.WriteFile(overlay, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

// dirOf returns the folder of a module in the module cache.
func dirOf(t *testing.T, module string) string {
	out, err := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module).Output()
	var found struct{ Dir string }
	if err == nil {
		err = json.Unmarshal(out, &found)
	}
	if err != nil || found.Dir == "" {
		t.Fatalf("go mod download %s: %v\n%s", module, err, out)
	}
	return found.Dir
}

// build compiles the tests of a package that the overlay shows.
func build(t *testing.T, overlay, pkg string) (bin string) {
	bin = filepath.Join(t.TempDir(), "tests")
	if out, err := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-overlay", overlay, "-o", bin, pkg).CombinedOutput(); err != nil {
		t.Fatalf("go test -c: %v\n%s", err, out)
	}
	return bin
}

// run runs tests that build has compiled, and demands that at least so many pass and none fails. They
// are run once more where they fail: scs's tests assert what passes within 200 ms, which a busy
// machine does not keep to.
func run(t *testing.T, bin string, least int, variables []string, flags ...string) {
	if err := tried(t, bin, least, variables, flags...); err == nil {
		return
	}
	if err := tried(t, bin, least, variables, flags...); err != nil {
		t.Error(err)
	}
}

func tried(t *testing.T, bin string, least int, variables []string, flags ...string) error {
	cmd := exec.CommandContext(t.Context(), bin, append([]string{"-test.v"}, flags...)...)
	cmd.Dir = filepath.Dir(bin)
	cmd.Env = append(os.Environ(), variables...)
	out, err := cmd.CombinedOutput()
	passed := 0
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "--- PASS: ") {
			passed++
		}
	}
	if err != nil || passed < least {
		return fmt.Errorf("%d tests passed, want at least %d; %v\n%s", passed, least, err, out)
	}
	return nil
}
