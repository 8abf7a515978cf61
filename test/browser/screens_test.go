package browser

// These tests look at the page in every state that it has, as a phone, a laptop and a
// projector show it, light and dark.

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// shotsVariable names a directory that the tests of this file fill with pictures, to
// be looked at by somebody. Without it they judge what can be judged without eyes.
const shotsVariable = "HOLDFAST_SHOTS"

// readmeVariable names the directory of the two pictures that the README shows.
const readmeVariable = "HOLDFAST_README_SHOTS"

//go:embed audit.js
var audit string

// screens are what the page is shown on. From the back of a room small letters cannot
// be read, so a projector has none.
var screens = []struct {
	kind          string
	width, height int64
	smallest      float64 // letters, in pixels
}{{"phone", 390, 844, 11}, {"laptop", 1280, 800, 11}, {"projector", 1920, 1080, 14}}

var schemes = []string{"light", "dark"}

func scheme(name string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
}

// still waits until nothing moves any more.
func (p *tab) still() {
	p.t.Helper()
	p.until("nothing moves", "document.getAnimations().every((a) => a.playState !== 'running')")
}

// shoot judges the page as it is now on every screen, and takes the pictures.
func (p *tab) shoot(name string) {
	p.t.Helper()
	for _, s := range screens {
		for _, light := range schemes {
			p.do(scheme(light), chromedp.EmulateViewport(s.width, s.height))
			p.still()
			var bad []string
			p.do(chromedp.Evaluate(fmt.Sprintf("(() => {%s; return audit(%v)})()", audit, s.smallest), &bad))
			for _, what := range bad {
				p.t.Errorf("%s, %s, %s: %s", name, s.kind, light, what)
			}
			dir := os.Getenv(shotsVariable)
			if dir == "" {
				continue
			}
			var png []byte
			p.do(chromedp.FullScreenshot(&png, 100))
			if err := os.WriteFile(filepath.Join(dir, name+"-"+s.kind+"-"+light+".png"), png, 0o644); err != nil {
				p.t.Fatal(err)
			}
		}
	}
}

// TestScreens goes through every state of the page.
func TestScreens(t *testing.T) {
	p := open(t, run(t, "-users", "30"), 1280, 800, scheme("light"))
	p.until("users", "document.querySelector('.safety.all')")
	p.shoot("1-stranger")
	p.logIn("Ann")
	p.press("#f-add button")
	p.count(1)
	p.shoot("2-logged-in")
	primary, backup := p.node("primary"), p.node("backup")
	p.press("#" + primary + "-kill button")
	p.logged("Every app knows that " + primary)
	p.shoot("3-killed")
	p.count(2)
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")
	p.shoot("4-moved")
	p.press("#" + primary + "-start button")
	p.logged("Every app uses " + primary + " again")
	p.shoot("5-back-empty")
	p.count(3)
	p.until("whole nodes", "document.querySelector('.safety.all')")
	p.press("#" + backup + "-hang button")
	p.logged("Every app knows that " + backup)
	p.count(4)
	p.shoot("6-hung")
	p.press("#" + backup + "-resume button")
	p.logged("Every app uses " + backup + " again")
	p.shoot("7-old-memory")
	p.count(5)
	p.until("whole nodes", "document.querySelector('.safety.all')")
	p.js("document.querySelector('#" + primary + "-more').open = true")
	p.press("#" + primary + "-cut button")
	p.logged("can no longer reach")
	p.is(primary, "partly cut off")
	p.shoot("8-cut-off")
	p.press("#add-standby button")
	p.logged("n4 was added")
	p.press("#scs-2-kill button")
	p.logged("scs-2 was killed")
	p.until("scs-2 down", "document.querySelector('#scs-2-start')")
	p.shoot("9-standby-app-killed")
	p.press("#scs-2-start button")
	p.press("#add-node button")
	p.logged("n5 was added")
	p.press("#add-node button")
	p.logged("n6 was added")
	p.press("#add-node button")
	p.until("an explanation", "document.querySelector('#said').innerText.includes('no room')")
	p.count(6)
	p.press("#faults-form button")
	p.until("faults", "document.querySelector('.toggle[aria-pressed=true]')")
	p.js("document.querySelectorAll('details').forEach((d) => d.open = true)")
	p.shoot("10-six-nodes-all-open")
	p.js("document.querySelectorAll('details').forEach((d) => d.open = false)")
	p.press("#f-logout button")
	p.until("a stranger", "document.querySelector('.hello').innerText === 'Hello, stranger'")
	p.shoot("11-logged-out")
}

// TestScreensOfARollingRestart shows a node that fills, and what the idle users have lost. The page
// is held still while it is judged: it would not wait.
func TestScreensOfARollingRestart(t *testing.T) {
	p := open(t, run(t, "-users", "60"), 1280, 800, scheme("light"))
	p.logIn("Ann")
	p.until("users", "Number(document.querySelector('.ours td:nth-of-type(4) small').innerText.replace(/\\D/g, '')) > 120")
	p.until("whole nodes", "document.querySelectorAll('.fill.whole').length === 3")
	p.shoot("14-whole")
	p.press("#roll button")
	p.until("a node that fills", "document.querySelector('#rolling') && document.querySelector('.far progress') && !document.querySelector('.card.back, .card.suspect')")
	p.js("window.moving = put; put = () => {}; draw()")
	p.shoot("15-filling")
	p.js("put = moving")
	p.logged("The rolling restart is over")
	p.until("the button again", "document.querySelector('#roll')")
	p.until("whole nodes", "document.querySelectorAll('.fill.whole').length === 3")
	p.shoot("16-rolled")
}

// TestScreensOfStickyMode shows what the instances serve from their copies, and all nodes killed, with sticky
// mode and without.
func TestScreensOfStickyMode(t *testing.T) {
	p := open(t, run(t, "-users", "30", "-sticky"), 1280, 800, scheme("light"))
	p.until("users", "[...document.querySelectorAll('.from')].reduce((n, e) => n + Number(e.dataset.here), 0) > 60")
	p.logIn("Ann")
	p.press("#f-add button")
	p.count(1)
	p.shoot("17-sticky")
	p.press("#every-kill button")
	p.until("sessions that no node has", "document.querySelector('#unwritten')")
	p.count(2)
	p.shoot("18-sticky-no-node")
	p.press("#every-start button")
	p.logged("All nodes are whole again")
	p.press("#sticky-form button")
	p.until("no sticky mode", "document.querySelector('#sticky-form button[aria-pressed=false]')")
	p.press("#every-kill button")
	p.until("an outage", "document.querySelector('.safety.out')")
	p.press("#f-count button")
	p.until("an error", "document.querySelector('.answer.bad')")
	p.shoot("19-no-node")
}

// TestScreensOfAnOutage shows nodes that run elsewhere, and all of them down.
func TestScreensOfAnOutage(t *testing.T) {
	elsewhere, end := begin(t, nil, "-users", "0")
	res, err := http.Get(elsewhere + "/api/state")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var s struct{ Nodes []struct{ ID, Addr string } }
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		t.Fatal(err)
	}
	var nodes []string
	for _, n := range s.Nodes {
		nodes = append(nodes, n.ID+":"+n.Addr)
	}
	url, _ := begin(t, []string{"MEMCACHED_NODES=" + strings.Join(nodes, ",")}, "-users", "12")
	p := open(t, url, 1280, 800, scheme("light"))
	p.logIn("Ann")
	p.count(1)
	p.shoot("12-elsewhere")
	end()
	for _, n := range s.Nodes {
		p.is(n.ID, "down")
	}
	p.press("#f-count button")
	p.until("an error", "document.querySelector('.answer.bad')")
	p.shoot("13-all-down")
}

// TestPicturesForTheReadme lets things go wrong for a while, so that the chart has
// something to tell, and takes the two pictures while a node is down.
func TestPicturesForTheReadme(t *testing.T) {
	dir := os.Getenv(readmeVariable)
	if dir == "" {
		t.Skipf("%s is not set: no pictures are taken", readmeVariable)
	}
	p := open(t, run(t, "-users", "200"), 1280, 1000, scheme("light"))
	p.until("the users", "document.querySelector('.safety.all')")
	p.logIn("Ann")
	p.press("#f-add button")
	p.count(1)
	primary, backup := p.node("primary"), p.node("backup")
	other := "n1n2n3"
	for _, id := range []string{primary, backup} {
		other = strings.Replace(other, id, "", 1)
	}
	calm := func(long time.Duration) {
		t.Helper()
		p.until("a request of everyone who works", "document.querySelector('.safety:not(.some)')")
		time.Sleep(long) // for the chart to have a width
	}
	whole := func() {
		t.Helper()
		p.until("two copies of every session", "document.querySelector('.safety.all')")
	}
	calm(15 * time.Second)
	p.press("#roll button")
	p.logged("The rolling restart is over")
	calm(10 * time.Second)
	p.press("#" + other + "-kill button")
	calm(12 * time.Second)
	p.press("#" + other + "-start button")
	p.logged("Every app uses " + other + " again")
	whole()
	calm(10 * time.Second)
	p.press("#" + backup + "-hang button")
	calm(10 * time.Second)
	p.press("#" + backup + "-resume button")
	p.logged("Every app uses " + backup + " again")
	p.count(2)
	whole()
	calm(10 * time.Second)
	p.press("#gorilla-2-kill button")
	calm(8 * time.Second)
	p.press("#gorilla-2-start button")
	calm(12 * time.Second)
	p.press("#" + primary + "-kill button")
	p.logged("Every app knows that " + primary)
	p.count(3)
	calm(6 * time.Second)
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")
	s := p.state()
	switch {
	case s.Holdfast.Losses+s.Holdfast.Failed > 0:
		t.Fatalf("%d times a healthy node did not answer: this machine is too busy for a picture. With holdfast: %+v", s.TimeoutsOfHealthyNodes, s.Holdfast)
	case s.OneCopy.SessionsLost == 0:
		t.Fatalf("with one copy nothing was lost: %+v", s.OneCopy)
	}
	for _, name := range schemes {
		var png []byte
		p.do(scheme(name))
		p.still()
		p.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
			bottom, _ := p.js("document.querySelector('#users').getBoundingClientRect().bottom + scrollY + 11").(float64)
			png, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).
				WithClip(&page.Viewport{Width: 1280, Height: bottom, Scale: 1}).Do(ctx)
			return err
		}))
		if err := os.WriteFile(filepath.Join(dir, "live-"+name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
