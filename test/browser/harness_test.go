package browser

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// This file decides how a test gets the demo and a browser that looks at it.

// patience bounds every wait. It is far above what any of them takes.
const patience = 40 * time.Second

var (
	demo    string // the built demo
	browser context.Context
	missing string // why there is no browser; empty when there is one
)

func TestMain(m *testing.M) { os.Exit(all(m)) }

func all(m *testing.M) int {
	dir, err := os.MkdirTemp("", "live-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)

	path := chromium()
	if path == "" {
		missing = "no Chromium here: install the package chromium to run the browser tests"
		return m.Run()
	}
	demo = filepath.Join(dir, "demo")
	build := exec.Command("go", "build", "-o", demo, "./demo")
	build.Dir, build.Stderr = "../..", os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "the demo does not build:", err)
		return 1
	}
	opts := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]),
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true),
		chromedp.UserDataDir(filepath.Join(dir, "profile")), chromedp.WSURLReadTimeout(patience))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	defer stop()
	var end context.CancelFunc
	browser, end = chromedp.NewContext(alloc)
	defer end()
	if err := chromedp.Run(browser); err != nil {
		fmt.Fprintln(os.Stderr, "Chromium does not start:", err)
		return 1
	}
	return m.Run()
}

func chromium() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// tab is the demo's page in a tab of its own.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string

	ignore bool // errors in the console are expected

	mu     sync.Mutex // guards below
	errors []string   // in the browser's console
}

// run starts a demo of the test's own and returns its address.
func run(t *testing.T, args ...string) string {
	t.Helper()
	url, _ := begin(t, nil, args...)
	return url
}

// begin is run with variables for the demo's environment; end ends it before the
// test does.
func begin(t *testing.T, env []string, args ...string) (url string, end func()) {
	t.Helper()
	if missing != "" {
		t.Skip(missing)
	}
	cmd := exec.Command(demo, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	cmd.Stderr, cmd.Env = os.Stderr, append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end = sync.OnceFunc(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
	})
	t.Cleanup(end)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if _, rest, ok := strings.Cut(lines.Text(), "http://"); ok {
			url, _, _ = strings.Cut(rest, " ")
			go func() {
				for lines.Scan() { // what it says at its end
				}
			}()
			return "http://" + url, end
		}
	}
	t.Fatal("the demo printed no address")
	return "", nil
}

// open opens the page in a tab. Errors in its console fail the test at its end.
func open(t *testing.T, url string, width, height int64, opts ...chromedp.Action) *tab {
	t.Helper()
	ctx, end := chromedp.NewContext(browser)
	t.Cleanup(end)
	ctx, cancel := context.WithTimeout(ctx, 10*patience)
	t.Cleanup(cancel)
	p := &tab{t: t, ctx: ctx, url: url}
	chromedp.ListenTarget(ctx, p.listen)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range p.errors {
			if p.ignore {
				break
			}
			t.Errorf("in the console: %s", e)
		}
	})
	actions := append([]chromedp.Action{log.Enable(), runtime.Enable(), chromedp.EmulateViewport(width, height)}, opts...)
	p.do(append(actions, chromedp.Navigate(url))...)
	return p
}

func (p *tab) listen(event any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, e.ExceptionDetails.Error())
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.APITypeError {
			p.errors = append(p.errors, fmt.Sprint(e.Args))
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.LevelError {
			p.errors = append(p.errors, e.Entry.Text+" "+e.Entry.URL)
		}
	}
}

func (p *tab) do(actions ...chromedp.Action) {
	p.t.Helper()
	if err := chromedp.Run(p.ctx, actions...); err != nil {
		p.t.Fatal(err)
	}
}

// js returns what the expression is in the page.
func (p *tab) js(expression string) any {
	p.t.Helper()
	var v any
	p.do(chromedp.Evaluate(expression, &v))
	return v
}

// until waits until the expression is true in the page.
func (p *tab) until(what, expression string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for p.js("Boolean("+expression+")") != true {
		if time.Now().After(deadline) {
			p.t.Fatalf("in vain: %s\n%v", what, p.js("document.body.innerText"))
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// press presses a button as a mouse does.
func (p *tab) press(selector string) {
	p.t.Helper()
	p.until("a button "+selector, "document.querySelector('"+selector+"')")
	p.js("document.querySelector('" + selector + "').click()")
}

// logIn logs in and waits until the page shows both copies.
func (p *tab) logIn(name string) {
	p.t.Helper()
	p.js("document.querySelector('#name').value = '" + name + "'")
	p.press("#f-login button")
	p.until("a greeting", "document.querySelector('.hello').innerText === 'Hello, "+name+"'")
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")
}

// count counts one up and waits for the new number.
func (p *tab) count(want int) {
	p.t.Helper()
	p.press("#f-count button")
	p.until(fmt.Sprintf("the counter at %d", want), fmt.Sprintf("document.querySelector('#counter')?.innerText === '%d'", want))
}

// node returns the node that has the role for the visitor's session.
func (p *tab) node(role string) string {
	p.t.Helper()
	id, _ := p.js(`[...document.querySelectorAll('.copy')].find(c => c.querySelector('.role').innerText === '` + role + `')?.dataset.node`).(string)
	if id == "" {
		p.t.Fatalf("no node is the %s", role)
	}
	return id
}

// is waits until the card of the node carries the label.
func (p *tab) is(node, label string) {
	p.t.Helper()
	p.until(node+" is "+label, "document.querySelector('#node-"+node+" .label').innerText === '"+label+"'")
}

// logged waits until the journal has a line with the text.
func (p *tab) logged(text string) {
	p.t.Helper()
	p.until("the journal says "+text, "document.querySelector('#log').innerText.includes('"+text+"')")
}

// state is the part of /api/state that tests look at.
type state struct {
	Users, Exposed, FaultsSoFar int
	TimeoutsOfHealthyNodes      int
	Holdfast, OneCopy           struct {
		Requests, Failed, SessionsLost, ChangesLost, LogoutsUndone, Losses, Excused int
		Idle                                                                        struct{ Users, Lost int }
	}
	Apps []struct{ Local struct{ Copies int } }
	Log  []struct {
		Text   string
		Excuse string
		Detail []string
	}
}

// copies is how many sessions the instances have copies of.
func (s state) copies() (n int) {
	for _, in := range s.Apps {
		n += in.Local.Copies
	}
	return n
}

// untilState waits until the state is so.
func (p *tab) untilState(what string, is func(state) bool) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !is(p.state()); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			p.t.Fatalf("in vain: %s\n%+v", what, p.state())
		}
	}
}

func (p *tab) state() (s state) {
	p.t.Helper()
	res, err := http.Get(p.url + "/api/state")
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		p.t.Fatal(err)
	}
	return s
}
