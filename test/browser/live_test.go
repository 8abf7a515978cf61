package browser

// These are the stories that the page is for, told in a browser.

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestTheCartOutlivesThePrimary kills the node that a session was read from, then
// the one that it was saved by.
func TestTheCartOutlivesThePrimary(t *testing.T) {
	p := open(t, run(t, "-users", "4"), 1280, 900)
	p.logIn("Ann")
	p.press("#f-add button")
	p.until("a cart", "document.querySelector('#cart').innerText === 'Apple'")
	p.count(1)
	primary, backup := p.node("primary"), p.node("backup")

	p.press("#" + primary + "-kill button")
	p.is(primary, "down")
	p.count(2)
	p.until("the cart", "document.querySelector('#cart').innerText === 'Apple'")
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")

	p.press("#" + primary + "-start button")
	p.is(primary, "up")
	p.count(3)
	p.until("the primary at home", "document.querySelector('#copy-"+primary+".fresh')")
	p.press("#" + backup + "-kill button")
	p.is(backup, "down")
	p.count(4)
	p.do(chromedp.Reload())
	p.until("the login after a reload", "document.querySelector('.hello').innerText === 'Hello, Ann'")
	p.until("the cart", "document.querySelector('#cart').innerText === 'Apple'")
}

// TestALogoutOutlivesAHungNode logs out while a node that has the session hangs.
func TestALogoutOutlivesAHungNode(t *testing.T) {
	p := open(t, run(t, "-users", "0"), 1280, 900)
	p.do(chromedp.Navigate(p.url + "/?driver=gorilla"))
	p.logIn("Ben")
	p.count(1)
	primary := p.node("primary")
	p.press("#" + primary + "-hang button")
	p.is(primary, "hung")
	p.press("#f-logout button")
	p.until("a stranger", "document.querySelector('.hello').innerText === 'Hello, stranger'")
	p.press("#" + primary + "-resume button")
	p.is(primary, "up")
	p.until("no copy passes for the session", "document.querySelector('.copy') && !document.querySelector('.copy.fresh')")
	p.do(chromedp.Reload())
	p.until("a stranger still", "document.querySelector('.hello').innerText === 'Hello, stranger'")
}

// TestNobodyInTheBackgroundLosesAnything breaks one thing after the other under users
// who check every answer.
func TestNobodyInTheBackgroundLosesAnything(t *testing.T) {
	p := open(t, run(t, "-users", "20"), 1280, 900)
	everyone := func() {
		t.Helper()
		p.until("a request of everyone who works", "document.querySelector('.safety:not(.some)')")
	}
	whole := func() {
		t.Helper()
		p.until("two copies of every session", "document.querySelector('.safety.all')")
	}
	p.until("users", "Number(document.querySelector('.ours td:nth-of-type(4) small').innerText.replace(/\\D/g, '')) > 20")
	everyone()
	p.press("#n1-kill button")
	p.logged("Every app knows that n1 does not answer")
	everyone()
	p.logged("that belonged on n1 have the second copy elsewhere")
	p.press("#n1-start button")
	p.logged("Every app uses n1 again")
	whole()
	p.press("#n2-restart button")
	p.logged("n2 was restarted") // else everyone was asked before it
	whole()
	p.press("#n3-hang button")
	p.logged("Every app knows that n3 does not answer")
	everyone()
	p.press("#n3-resume button")
	p.logged("Every app uses n3 again")
	whole()
	p.press("#scs-1-kill button")
	p.until("scs-1 down", "document.querySelector('#scs-1-start')")
	everyone()
	p.press("#scs-1-start button")
	p.until("scs-1 up", "document.querySelector('#scs-1-kill')")
	s := p.state()
	if s.Holdfast.SessionsLost != 0 || s.Holdfast.ChangesLost != 0 || s.Holdfast.LogoutsUndone != 0 {
		if s.Holdfast.Losses == s.Holdfast.Excused {
			t.Skipf("this machine is too busy to tell: each time something was lost, a healthy node had not answered while another was broken: %+v", s.Log)
		}
		t.Errorf("with holdfast: %+v\n%v", s.Holdfast, s.Log)
	}
	if s.OneCopy.SessionsLost == 0 {
		t.Errorf("with one copy, a node killed and another emptied: %+v", s.OneCopy)
	}
	lost := func(row, column int) string {
		return fmt.Sprintf("Number(document.querySelector('.figures tbody tr:nth-child(%d) td:nth-of-type(%d)').innerText)", row, column)
	}
	p.until("the page says so too", fmt.Sprintf("%s === %d && %s === %d && %s >= %d", lost(1, 1), s.Holdfast.SessionsLost,
		lost(1, 2), s.Holdfast.ChangesLost, lost(2, 1), s.OneCopy.SessionsLost))
}

// TestARollingRestartCostsNobodyTheSession restarts all nodes with one button. The visitor and the
// idle users do nothing meanwhile.
func TestARollingRestartCostsNobodyTheSession(t *testing.T) {
	p := open(t, run(t, "-users", "24"), 1280, 900)
	p.logIn("Ann")
	p.count(1)
	p.until("users", "Number(document.querySelector('.ours td:nth-of-type(4) small').innerText.replace(/\\D/g, '')) > 48")
	p.until("whole nodes", "document.querySelectorAll('.fill.whole').length === 3")
	p.until("idle users", "document.querySelector('#idle').innerText.startsWith('8 users of the 24 are idle')")
	p.js(`window.seen = {}; new MutationObserver(() => {
		for (const e of document.querySelectorAll(".fill.filling")) seen[e.closest(".card").id] = true;
		for (const e of document.querySelectorAll(".far progress")) seen[e.getAttribute("aria-label").replace(/\d+/g, "#")] = true;
		for (const e of document.querySelectorAll("#rolling progress")) seen.done = Math.max(seen.done ?? 0, e.value);
	}).observe(document.querySelector("#live"), {childList: true, subtree: true, attributes: true, characterData: true})`)
	p.press("#roll button")
	p.until("a way to cancel it", "document.querySelector('#roll-cancel')")
	p.press("#n1-kill button")
	p.until("an explanation", "document.querySelector('#said').innerText.includes('rolling restart of all nodes is under way')")
	p.logged("The rolling restart is over")
	p.until("the button again", "document.querySelector('#roll')")
	p.until("whole nodes", "document.querySelectorAll('.fill.whole').length === 3")
	for _, want := range []string{"node-n1", "node-n2", "node-n3", "How far n#"} {
		if p.js("Object.keys(seen).some((k) => k.startsWith('"+want+"'))") != true {
			t.Errorf("%s was not seen while it was filling: %v", want, p.js("Object.keys(seen)"))
		}
	}
	if done := p.js("seen.done"); done == nil || done.(float64) < 2 {
		t.Errorf("the bar showed that %v nodes were done", done)
	}
	s := p.state()
	if s.OneCopy.Idle.Users != 8 || s.OneCopy.Idle.Lost != 8 {
		t.Errorf("with one copy: %+v", s.OneCopy)
	}
	if s.Holdfast.Idle.Users != 8 || s.Holdfast.Idle.Lost != 0 || s.Holdfast.SessionsLost > 0 {
		if s.Holdfast.Losses > 0 && s.Holdfast.Losses == s.Holdfast.Excused {
			t.Skipf("this machine is too busy to tell: %+v", s.Log)
		}
		t.Errorf("with holdfast: %+v\n%+v", s.Holdfast, s.Log)
	}
	p.until("the page says so too", fmt.Sprintf("document.querySelector('#idle').innerText.includes('holdfast had lost %d of 8, the one-copy store 8 of 8')", s.Holdfast.Idle.Lost))
	p.count(2)
}

// TestAllNodesAreKilledBeforeOnesEyes has a visitor go on without any node in sticky mode, and get errors, but no
// logout, without it.
func TestAllNodesAreKilledBeforeOnesEyes(t *testing.T) {
	p := open(t, run(t, "-users", "9"), 1280, 900)
	p.logIn("Ann")
	p.count(1)
	p.until("a session of the nodes", "document.querySelector('.source').innerText === 'which asked the nodes'")
	p.press("#sticky-form button")
	p.until("sticky mode", "document.querySelector('#sticky-form button[aria-pressed=true]')")
	p.count(2)
	p.until("a session from here", "document.querySelector('.source.here')")
	p.until("counters of all instances", "document.querySelectorAll('.from').length === 4")
	p.until("everybody served from here", "[...document.querySelectorAll('.from')].reduce((n, e) => n + Number(e.dataset.here), 0) > 20")
	// The page says that the mode is sticky before the idle users' sessions were loaded, too. What no
	// instance has a copy of would be lost.
	p.untilState("a copy of the sessions of nine users, and of Ann's", func(s state) bool { return s.copies() >= 10 })
	failed := p.state().Holdfast.Failed
	p.press("#every-kill button")
	p.until("an outage that is survived", "document.querySelector('.safety.out.on')")
	p.count(3)
	p.press("#f-add button")
	p.until("a cart", "document.querySelector('#cart').innerText === 'Apple'")
	p.until("a session from here", "document.querySelector('.source.here')")
	p.until("sessions that no node has", "document.querySelector('#unwritten')")
	p.press("#sticky-form button")
	p.until("an explanation", "document.querySelector('#said').innerText.includes('without what only it has')")
	if s := p.state(); s.Holdfast.Failed > failed {
		t.Errorf("%d requests failed before the outage, and %d with it", failed, s.Holdfast.Failed)
	}
	p.press("#every-start button")
	p.logged("All nodes are whole again")
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length >= 2") // a node that came back first may have one, too
	p.count(4)
	s := p.state()
	if s.Holdfast.Idle.Users != 3 || s.Holdfast.SessionsLost > 0 || s.Holdfast.ChangesLost > 0 {
		t.Errorf("users have lost something: %+v\n%v", s.Holdfast, s.Log)
	}

	p.press("#sticky-form button")
	p.until("no sticky mode", "document.querySelector('#sticky-form button[aria-pressed=false]')")
	p.press("#every-hang button")
	p.until("an outage", "document.querySelector('.safety.out:not(.on)')")
	p.press("#f-count button")
	p.until("an error that is no logout", "document.querySelector('.answer.bad')?.innerText.includes('not a logout')")
	p.press("#every-start button")
	p.logged("with the memory that they had")
	p.until("Ann, as she was", "document.querySelector('#counter')?.innerText === '5' || (document.querySelector('#f-count button').click(), false)")
}

// TestWrongButtonsAreAnsweredKindly presses what makes no sense.
func TestWrongButtonsAreAnsweredKindly(t *testing.T) {
	p := open(t, run(t, "-users", "0"), 1280, 900)
	p.press("#n1-kill button")
	p.is("n1", "down")
	p.press("#n2-kill button")
	p.is("n2", "down")
	p.press("#n3-kill button")
	p.until("an explanation", "document.querySelector('#said').innerText.includes('n3 is the last node that is up')")
	p.is("n3", "up")

	for path, want := range map[string]string{
		"/nodes?id=n1":         "n1 is part of the cluster already",
		"/nodes/n9/kill":       "no node \"n9\". There are n1, n2, n3",
		"/nodes/n1/explode":    "no button",
		"/apps/scs-9/kill":     "no app instance",
		"/nodes/n3/cut":        "no app instance",
		"/nodes/n3/resume":     "does not hang",
		"/users?n=-1":          "from 0 to",
		"/rolling/start":       "n1 is down, and would be missing",
		"/rolling/cancel":      "No rolling restart is under way",
		"/session/scs/steal":   "no such button",
		"/session/other/count": "no such app",
	} {
		status, body := post(t, p.url+path, nil)
		if status < 400 || status >= 500 || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), want) {
			t.Errorf("POST %s: %d %s, want a 4xx that says %q", path, status, body, want)
		}
	}
}

// TestOtherSitesCannotPressTheButtons sends what browsers send from another origin.
func TestOtherSitesCannotPressTheButtons(t *testing.T) {
	p := open(t, run(t, "-users", "0"), 1280, 900)
	for name, header := range map[string]http.Header{
		"another site":        {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://example.com"}},
		"another port":        {"Sec-Fetch-Site": {"same-site"}, "Origin": {"http://127.0.0.1:1"}},
		"an old browser":      {"Origin": {"https://example.com"}},
		"a name that rebinds": {"Host": {"example.com"}},
	} {
		status, body := post(t, p.url+"/nodes/n1/kill", header)
		if status != http.StatusForbidden && status != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
	// And in a browser, from a page of another origin.
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>elsewhere</title><link rel=icon href='data:,'>")
	}))
	defer elsewhere.Close()
	other := open(t, elsewhere.URL, 1280, 900)
	other.ignore = true // the browser writes down that it was refused
	answered := func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }
	var sent string
	other.do(chromedp.Evaluate(fmt.Sprintf(`fetch("%s/nodes/n1/kill", {method: "POST", mode: "no-cors"}).then(() => "sent")`, p.url), &sent, answered))
	if sent != "sent" {
		t.Fatalf("the other page could not even send: %s", sent)
	}
	if s := p.state(); s.FaultsSoFar != 0 {
		t.Errorf("%d faults were made by another origin", s.FaultsSoFar)
	}
}

// TestNothingIsWiderThanAPhone looks at the page as narrow screens show it.
func TestNothingIsWiderThanAPhone(t *testing.T) {
	p := open(t, run(t, "-users", "10"), 360, 740)
	p.logIn("A name that is as long as it may")
	p.press("#add-standby button")
	p.logged("n4 was added")
	p.js("document.querySelectorAll('details').forEach((d) => d.open = true)")
	for _, width := range []int64{320, 360, 390, 600, 820, 1000} {
		p.do(chromedp.EmulateViewport(width, 740))
		if over, _ := p.js("document.documentElement.scrollWidth - innerWidth").(float64); over > 0 {
			t.Errorf("at %d px the page is %.0f px too wide", width, over)
		}
	}
}

// TestTheKeyboardIsEnough logs in and kills a node without a mouse, for somebody who
// wants nothing to move.
func TestTheKeyboardIsEnough(t *testing.T) {
	still := emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-reduced-motion", Value: "reduce"}})
	p := open(t, run(t, "-users", "0"), 1280, 900, still)
	where := `document.activeElement.closest("header, section")?.id || document.activeElement.closest("header, footer")?.localName || ""`
	var order []string
	for range 60 {
		p.do(chromedp.KeyEvent(kb.Tab))
		at, _ := p.js(where).(string)
		if at == "" {
			break // out of the page, into the browser
		}
		if len(order) == 0 || order[len(order)-1] != at {
			order = append(order, at)
		}
		if p.js(`document.activeElement.matches(":focus-visible") && getComputedStyle(document.activeElement).outlineStyle !== "none"`) != true {
			t.Errorf("the focus cannot be seen on %v", p.js("document.activeElement.outerHTML"))
		}
	}
	if got := strings.Join(order, " "); got != "header you nodes apps users log footer" {
		t.Errorf("Tab leads through %s", got)
	}
	p.js("window.moved = 0; new MutationObserver((l) => l.forEach((r) => r.addedNodes.forEach((n) => { if (n.className === 'traveller') moved++ }))).observe(document.querySelector('main'), {childList: true})")
	p.do(chromedp.Focus("#name"), chromedp.KeyEvent(kb.Enter))
	p.until("a greeting", "document.querySelector('.hello').innerText === 'Hello, Ann'")
	p.until("the focus is still in the panel", "document.activeElement.closest('#you')")
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")
	primary := p.node("primary")
	p.do(chromedp.Focus("#"+primary+"-kill button"), chromedp.KeyEvent(kb.Enter))
	p.is(primary, "down")
	p.until("the focus is still on the card", "document.activeElement.closest('#node-"+primary+"')")
	p.do(chromedp.Focus("#f-count button"), chromedp.KeyEvent(" "))
	p.until("the counter", "document.querySelector('#counter').innerText === '1'")
	p.until("two copies", "document.querySelectorAll('.copy.fresh').length === 2")
	if n := p.js("moved + document.getAnimations().length"); n != 0.0 {
		t.Errorf("%v things moved", n)
	}
}

// TestThePageWorksWithoutScript presses buttons as a browser without script does.
func TestThePageWorksWithoutScript(t *testing.T) {
	base := run(t, "-users", "0")
	for path, want := range map[string]string{"/nodes/n1/kill": "n1 was killed", "/nodes/n7/kill": "There is no node"} {
		status, body := post(t, base+path, http.Header{"Accept": {"text/html"}, "Sec-Fetch-Site": {"same-origin"}})
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("POST %s led to %d, and a page that does not say %q", path, status, want)
		}
	}
}

func post(t *testing.T, to string, header http.Header) (status int, body string) {
	t.Helper()
	u, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	form := strings.NewReader(u.RawQuery)
	u.RawQuery = ""
	req, err := http.NewRequest(http.MethodPost, u.String(), form)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header.Clone()
	if req.Header == nil {
		req.Header = http.Header{}
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Host = header.Get("Host")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestFastFingersSeeEveryChange presses three buttons at once: what is shown in the end
// is the session with all three changes.
func TestFastFingersSeeEveryChange(t *testing.T) {
	p := open(t, run(t, "-users", "0"), 1280, 900)
	p.logIn("Ann")
	for range 5 {
		p.js("for (const f of ['#f-add', '#f-count', '#f-count']) document.querySelector(f + ' button').click()")
	}
	p.until("ten counts and five apples", "document.querySelector('#counter').innerText === '10' && document.querySelector('#cart').innerText.split(',').length === 5")
	p.do(chromedp.Reload())
	p.until("the same after a reload", "document.querySelector('#counter').innerText === '10' && document.querySelector('#cart').innerText.split(',').length === 5")
}
