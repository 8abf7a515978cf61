package main

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how the page is put together. The server renders all of it; the
// script asks for the moving parts again and again and puts them in place.

//go:embed static
var static embed.FS

var pages = template.Must(template.New("").Funcs(template.FuncMap{
	"clock": func(t time.Time) string { return t.Format("15:04:05") },
	"ms":    inMS,
	"dict": func(kv ...any) map[string]any {
		m := map[string]any{}
		for i := 0; i+1 < len(kv); i += 2 {
			m[fmt.Sprint(kv[i])] = kv[i+1]
		}
		return m
	},
	"plural": func(n int, word string) string {
		if n == 1 {
			return "1 " + word
		}
		return fmt.Sprintf("%d %ss", n, word)
	},
}).ParseFS(static, "static/*.html"))

func inMS(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// page is what the template of the whole page gets.
type page struct {
	Panel panel
	Live  live
	What  string
}

// panel is the visitor's session.
type panel struct {
	Driver string
	Answer answer
	Error  string // why there is no answer
	Kept   bool   // but a session, as far as is known
	Gone   bool   // there was a session, and there is none any more
	Took   string
	Goods  []string
}

// live is the parts that change by themselves.
type live struct {
	state
	Driver  string
	Own     bool // the nodes can be broken here
	OwnApps bool // and the instances
	Most    int
	Cards   []card
	Yours   string // the visitor's session, in a sentence
	HasID   bool
	AllUp   bool // every node
	Chart   chart
	Entries []entry
}

// drivers are the apps that a visitor can use.
var drivers = map[string]bool{withSCS: true, withGorilla: true}

// goods are what the shop sells.
var goods = []string{"Apple", "Teapot", "Umbrella", "Violin"}

// whereCookie holds the id of the visitor's session, for the picture. After a logout
// the picture goes on to show that session, marked as left: that every node knows of
// its end is worth seeing.
func whereCookie(driver string) string { return "live_where_" + driver }

const leftMark = "left."

// shownID returns the id of the session that the picture shows, and whether the
// visitor has logged out of it.
func shownID(r *http.Request, driver string) (id string, left bool) {
	c, err := r.Cookie(whereCookie(driver))
	if err != nil {
		return "", false
	}
	return strings.CutPrefix(c.Value, leftMark)
}

func showID(w http.ResponseWriter, driver, value string) {
	c := &http.Cookie{Name: whereCookie(driver), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func driverOf(r *http.Request) string {
	if driver := r.FormValue("driver"); drivers[driver] {
		return driver
	}
	return withSCS
}

func (d *demo) servePage(w http.ResponseWriter, r *http.Request) {
	driver := driverOf(r)
	p, id := d.ask(w, r, driver, http.MethodGet, "/session", "")
	d.render(w, "page", page{
		Panel: p, Live: d.live(r.Context(), driver, id), What: d.nodes.what(),
	})
}

func (d *demo) serveLive(w http.ResponseWriter, r *http.Request) {
	driver := driverOf(r)
	id, _ := shownID(r, driver)
	d.render(w, "live", d.live(r.Context(), driver, id))
}

// serveSession does something with the visitor's session.
func (d *demo) serveSession(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, largestBody)
	driver, action := r.PathValue("driver"), r.PathValue("action")
	form := url.Values{}
	switch action {
	case "login":
		form.Set("name", clip(strings.TrimSpace(r.FormValue("name"))))
	case "add":
		form.Set("item", clip(r.FormValue("item")))
	case "count", "logout":
	default:
		buttons := "login, count, add, logout"
		http.Error(w, "There is no such button. There are "+buttons+".", http.StatusNotFound)
		return
	}
	if !drivers[driver] {
		http.Error(w, "There is no such app. There are scs and gorilla.", http.StatusNotFound)
		return
	}
	var p panel
	if action == "login" && form.Get("name") == "" {
		p = panel{Driver: driver, Error: "A name, please: any will do.", Goods: goods}
	} else {
		p, _ = d.ask(w, r, driver, http.MethodPost, "/"+action, form.Encode())
	}
	if !scripted(r) {
		http.Redirect(w, r, "/?driver="+driver+"#you", http.StatusSeeOther)
		return
	}
	d.render(w, "panel", p)
}

// ask has the visitor's app answer a request, and hands its cookies on.
func (d *demo) ask(w http.ResponseWriter, r *http.Request, driver, method, path, form string) (p panel, id string) {
	p = panel{Driver: driver, Goods: goods}
	id, left := shownID(r, driver)
	began := time.Now()
	res, body, err := d.proxy.ask(r.Context(), method, driver, path, form, r.Cookies())
	p.Took = inMS(float64(time.Since(began).Microseconds()) / 1000)
	if err == nil {
		err = json.Unmarshal(body, &p.Answer)
	}
	if err != nil {
		p.Error, p.Kept = plain(err), id != "" && !left
		return p, id
	}
	for _, c := range res.Cookies() {
		http.SetCookie(w, c)
	}
	switch {
	case p.Answer.Name != "":
		id = p.Answer.ID
		showID(w, driver, id)
	case path == "/logout" && id != "":
		showID(w, driver, leftMark+id)
	case id != "" && !left:
		p.Gone = true
		showID(w, driver, "")
	}
	return p, id
}

func (d *demo) live(ctx context.Context, driver, id string) live {
	now := time.Now()
	l := live{state: d.state(), Driver: driver, Own: d.nodes.own(), OwnApps: d.ownApps(), Most: mostUsers, HasID: id != ""}
	l.AllUp = !slices.ContainsFunc(l.Nodes, func(n nodeState) bool { return n.State != stateNames[testenv.Up] })
	l.Entries = l.Log[:min(len(l.Log), 40)]
	l.Cards, l.Yours = d.cards(ctx, driver, id, l.Nodes)
	l.Chart = newChart(now, d.crowd.holdfast.seconds(now), d.crowd.oneCopy.seconds(now), d.journal.marks(now.Add(-chartSeconds*time.Second)))
	return l
}

func (d *demo) render(w http.ResponseWriter, name string, data any) {
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, name, data); err != nil {
		http.Error(w, "the page could not be rendered: "+err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = b.WriteTo(w)
}
