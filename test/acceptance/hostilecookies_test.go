package acceptance

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file tells what becomes of cookies that nobody has given out.

// knock has the app answer a request with that Cookie header, whatever bytes it
// holds: also those that a client's own library would refuse to send.
func knock(t *testing.T, a *app, path, header string) reply {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	req := httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx)
	req.Header["Cookie"] = []string{header}
	rec := httptest.NewRecorder()
	a.handler.ServeHTTP(rec, req)
	return reply{status: rec.Code, body: rec.Body.String(), cookies: rec.Result().Cookies()}
}

func TestHostileIDs(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		wire := &tap{}
		a := w.start(options{config: func(c *cluster.Config) { quick.config(c); c.DialContext = wire.over(c.DialContext) }})

		// An id that is as good as any, but of an app on the same nodes with another prefix.
		other := &world{t: t, env: w.env, driver: d, nodes: w.nodes, prefix: "other-" + w.prefix, said: w.said}
		neighbour := other.newUser()
		neighbour.logIn(other.start(options{}), "neighbour")
		a.whole(w) // no session is healed meanwhile

		ids := map[string]string{
			"of another app": neighbour.cookie(d.cookie),
			"random":         "mJ0YdQhF3uI1b2aVtq6Yq9Xw7Zs4Rk8Pn5Lc2Tg0EoA",
			"empty":          "",
			"one byte":       "x",
			"10 kB":          strings.Repeat("x", 10_000),
			"spaces":         "a b  c",
			"quoted":         `"a b"`,
			"control bytes":  "a\x00b\x01\x7f",
			"line breaks":    "a\r\nflush_all\r\nb",
			"high bytes":     "\xff\xfe\x80",
			"a command":      "version\r\n",
			"percents":       "%00%0d%0a",
			"separators":     "a|b|c;d=e,f",
			"a path":         "../../../../etc/passwd",
		}
		for name, id := range ids {
			t.Run(name, func(t *testing.T) {
				header := d.cookie + "=" + id
				before := wire.commands()
				r := knock(t, a, "/status", header)
				if !r.ok() || r.body != "new" {
					t.Fatalf("it is not a new session: %v", r)
				}
				// Two rounds, to 2 × Replicas nodes, and there are three.
				spent, most := wire.commands()-before, 3
				if name == "empty" || name == "10 kB" {
					most = 0
				}
				if spent > most {
					t.Errorf("it cost %d commands, want at most %d", spent, most)
				}
				// Who brings it can work with the app, under an id that the app has chosen.
				r = knock(t, a, "/set?key=a&value=1", header)
				c := r.cookie(d.cookie)
				if !r.ok() || c == nil || c.Value == "" || c.Value == id {
					t.Fatalf("no session of its own: %v, cookie %v", r, c)
				}
				u := w.newUser()
				u.present(d.cookie, c.Value)
				u.finds(a, "a", "1")
				if r := knock(t, a, "/status", header); !r.ok() || r.body != "new" {
					t.Errorf("the app has adopted the id: %v", r)
				}
				if r := knock(t, a, "/logout", header); !r.ok() {
					t.Errorf("a logout with it: %v", r)
				}
			})
		}
	})
}

// A random id costs the nodes four gets at most, each time: two of the targets, two behind them.
func TestUnknownIDAskedForAgainAndAgain(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		a := w.start(options{})
		other := &world{t: t, env: w.env, driver: d, nodes: w.nodes, prefix: "other-" + w.prefix, said: w.said}
		neighbour := other.newUser()
		neighbour.logIn(other.start(options{}), "neighbour")
		for range 50 {
			if r := knock(t, a, "/status", d.cookie+"="+neighbour.cookie(d.cookie)); !r.ok() || r.body != "new" {
				t.Fatal(r)
			}
		}
		var commands uint64
		for _, n := range a.cluster.Nodes() {
			commands += n.Commands
		}
		if s := a.cluster.Stats(); s.NotFound != 50 || commands > 4*50 {
			t.Errorf("%d ids that were not found cost %d commands", s.NotFound, commands)
		}
	})
}

func TestTamperedCookies(t *testing.T) {
	each(t, all, func(t *testing.T, d driver) {
		w := newWorld(t, d, 3)
		a := w.start(options{})
		u := w.newUser()
		u.logIn(a, "ann")
		good := u.cookie(d.cookie)
		for name, bad := range map[string]string{
			"cut off":   good[:len(good)-2],
			"longer":    good + "AA",
			"changed":   changed(good, len(good)/2),
			"first bit": changed(good, 0),
			"twice":     good + good,
		} {
			if r := knock(t, a, "/whoami", d.cookie+"="+bad); !r.ok() || r.body != "nobody" {
				t.Errorf("%s: %v", name, r)
			}
		}
		u.is("ann", a)
	})
}

func changed(s string, at int) string {
	b := []byte(s)
	if b[at] == 'A' {
		b[at] = 'B'
	} else {
		b[at] = 'A'
	}
	return string(b)
}
