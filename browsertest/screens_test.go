package browsertest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// shotsVariable names a directory that TestScreens fills with pictures, to be looked
// at by somebody.
const shotsVariable = "HOLDFAST_SHOTS"

// readmeVariable names the directory of the two pictures that the README shows.
const readmeVariable = "HOLDFAST_README_SHOTS"

func scheme(name string) chromedp.Action {
	return emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}})
}

// TestScreens takes a picture of every state, light and dark, and as a phone shows it.
func TestScreens(t *testing.T) {
	dir := os.Getenv(shotsVariable)
	if dir == "" {
		t.Skipf("%s is not set: no pictures are taken", shotsVariable)
	}
	url := run(t, "-users", "30")
	p := open(t, url, 1280, 960, scheme("light"))
	shoot := func(name string) {
		t.Helper()
		for _, k := range []struct {
			kind, scheme  string
			width, height int64
		}{{"dark", "dark", 1280, 960}, {"phone", "light", 390, 844}, {"light", "light", 1280, 960}} {
			var png []byte
			p.do(scheme(k.scheme), chromedp.EmulateViewport(k.width, k.height))
			time.Sleep(900 * time.Millisecond) // for the movements to end: nothing depends on it
			p.do(chromedp.FullScreenshot(&png, 100))
			if err := os.WriteFile(filepath.Join(dir, name+"-"+k.kind+".png"), png, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	shoot("1-stranger")
	p.logIn("Ann")
	p.press("#f-add button")
	p.count(1)
	shoot("2-logged-in")
	primary, backup := p.node("primary"), p.node("backup")
	p.press("#" + primary + "-kill button")
	p.logged("Every app knows that " + primary)
	shoot("3-killed")
	p.count(2)
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")
	shoot("4-moved")
	p.press("#" + primary + "-start button")
	p.logged("Every app uses " + primary + " again")
	shoot("5-back-empty")
	p.count(3)
	p.press("#" + backup + "-hang button")
	p.logged("Every app knows that " + backup)
	p.count(4)
	shoot("6-hung")
	p.press("#" + backup + "-resume button")
	p.logged("Every app uses " + backup + " again")
	shoot("7-old-memory")
	p.count(5)
	p.js("document.querySelector('#" + primary + "-more').open = true")
	p.press("#" + primary + "-cut button")
	p.logged("can no longer reach")
	p.press("#add-standby button")
	p.logged("n4 was added")
	p.press("#scs-2-kill button")
	p.logged("scs-2 was killed")
	shoot("8-cut-standby-app")
	p.press("#scs-2-start button")
	p.press("#add-node button")
	p.logged("n5 was added")
	p.count(6)
	p.press("#faults-form button")
	p.js("document.querySelector('.how').open = true")
	shoot("9-five-nodes")
	p.press("#f-logout button")
	p.until("a stranger", "document.querySelector('.hello').innerText === 'Hello, stranger'")
	shoot("10-logged-out")
}

// TestPicturesForTheReadme lets things go wrong for a while, so that the chart has
// something to tell, and takes the two pictures while a node is down.
func TestPicturesForTheReadme(t *testing.T) {
	dir := os.Getenv(readmeVariable)
	if dir == "" {
		t.Skipf("%s is not set: no pictures are taken", readmeVariable)
	}
	p := open(t, run(t, "-users", "30"), 1280, 1000, scheme("light"))
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
		p.until("a request of everyone", "document.querySelector('.safety.all')")
		time.Sleep(long) // for the chart to have a width
	}
	calm(12 * time.Second)
	p.press("#" + other + "-kill button")
	calm(12 * time.Second)
	p.press("#" + other + "-start button")
	p.logged("Every app uses " + other + " again")
	calm(12 * time.Second)
	p.press("#" + backup + "-hang button")
	calm(10 * time.Second)
	p.press("#" + backup + "-resume button")
	p.logged("Every app uses " + backup + " again")
	p.count(2)
	calm(12 * time.Second)
	p.press("#" + primary + "-kill button")
	p.logged("Every app knows that " + primary)
	p.count(3)
	calm(6 * time.Second)
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")
	if s := p.state(); s.Holdfast.SessionsLost+s.Holdfast.ChangesLost > 0 {
		t.Fatalf("%d times a healthy node did not answer: this machine is too busy for a picture. With holdfast: %+v", s.TimeoutsOfHealthyNodes, s.Holdfast)
	}
	for _, name := range []string{"light", "dark"} {
		var png []byte
		p.do(scheme(name))
		time.Sleep(300 * time.Millisecond)
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
