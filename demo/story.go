package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells the demo as a story in the terminal.

// story is the demo for a terminal: one user, two app instances, three nodes, and
// one thing after the other going wrong. Every step says what was done, what the
// user saw, and where the copies of the session are.
type story struct {
	out   io.Writer
	env   *testenv.Env
	apps  [2]*instance
	user  *http.Client
	token string
	step  int
	count int
}

// patience ends a story in which something that must come does not.
const patience = 30 * time.Second

// tell runs the story. The error is the first thing that did not go as promised.
func tell(ctx context.Context, out io.Writer, tb testenv.TB, opts ...testenv.Option) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	s := &story{out: out, env: testenv.Start(tb, 3, opts...)}
	kind := "Three memcached nodes inside this program, since memcached is not installed"
	if s.env.Node(0).Real() {
		kind = "Three memcached processes"
	}
	fmt.Fprintf(out, "%s: %s\n", kind, s.env.Nodes())
	list, err := cluster.ParseNodes(s.env.Nodes())
	if err != nil {
		return err
	}
	cfg := cluster.Config{Nodes: list}
	for i, name := range []string{"app-1", "app-2"} {
		s.apps[i] = newInstance(name, withSCS, buildSCS)
		defer s.apps[i].Close()
		if err := s.apps[i].start(cfg); err != nil {
			return err
		}
	}
	fmt.Fprintf(out, "Two instances of a web app: app-1 at %s, app-2 at %s\n", s.apps[0].url(), s.apps[1].url())
	fmt.Fprintf(out, "Every session lies on two of the nodes, its primary and its backup; the third is the fallback while one of them is away.\n")
	s.user = &http.Client{Jar: newJar()}
	return s.tell(ctx, cfg)
}

// newJar keeps cookies by host without the port: one browser in front of two
// instances.
func newJar() http.CookieJar {
	jar, _ := cookiejar.New(nil) // never fails without options
	return jar
}

func (s *story) tell(ctx context.Context, cfg cluster.Config) error {
	app1, app2 := s.apps[0], s.apps[1]
	s.say("Ann logs in at app-1 and counts.")
	if _, err := s.post(app1, "/login", url.Values{"name": {"ann"}}); err != nil {
		return err
	}
	if err := s.counts(app1, app2); err != nil {
		return err
	}
	primary, backup, err := s.homes(ctx)
	if err != nil {
		return err
	}

	s.say("%s, the primary of her session, is killed%s.", primary.ID(), by(s.env, "SIGKILL"))
	primary.Kill()
	if err := s.counts(app2, app1); err != nil {
		return err
	}

	s.say("%s is restarted, with empty memory.", primary.ID())
	primary.Restart()
	if err := s.everywhere(ctx, primary, cluster.StateUp); err != nil {
		return err
	}
	if err := s.counts(app1, app2); err != nil {
		return err
	}

	s.say("%s, the backup, is killed.", backup.ID())
	backup.Kill()
	if err := s.counts(app1, app2); err != nil {
		return err
	}
	s.say("%s is restarted, with empty memory.", backup.ID())
	backup.Restart()
	if err := s.everywhere(ctx, backup, cluster.StateUp); err != nil {
		return err
	}
	if err := s.counts(app2); err != nil {
		return err
	}

	s.say("app-1 is killed. Nothing of her session was in it.")
	app1.kill()
	if err := s.counts(app2); err != nil {
		return err
	}
	s.say("app-1 is started again.")
	if err := app1.start(cfg); err != nil {
		return err
	}
	if err := s.counts(app1); err != nil {
		return err
	}

	s.say("%s hangs%s, with her session in its memory. She logs out.", primary.ID(), by(s.env, "SIGSTOP"))
	primary.Pause()
	if err := s.logsOut(app1); err != nil {
		return err
	}
	s.say("%s goes on, with its old memory, and %s is restarted empty. Somebody presents her old cookie.", primary.ID(), backup.ID())
	primary.Resume()
	backup.Restart()
	if err := s.everywhere(ctx, primary, cluster.StateUp); err != nil {
		return err
	}
	if err := s.staysOut(app1, app2); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nNothing was lost: Ann saw each of her %d counts, whatever was gone, and her logout held.\n", s.count)
	fmt.Fprintf(s.out, "To break it yourself, in a browser: make demo\n")
	return nil
}

func (s *story) say(format string, args ...any) {
	s.step++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.step, fmt.Sprintf(format, args...))
}

// counts has the user count once at each of the instances.
func (s *story) counts(apps ...*instance) error {
	for _, app := range apps {
		began := time.Now()
		saw, err := s.post(app, "/count", nil)
		if err != nil {
			return err
		}
		s.count++
		fmt.Fprintf(s.out, "   %s: %q  (%.1f ms)\n", app.name, saw, float64(time.Since(began).Microseconds())/1000)
		if want := fmt.Sprintf("hello ann, count %d", s.count); saw != want {
			return fmt.Errorf("%s answered %q instead of %q", app.name, saw, want)
		}
	}
	return s.showCopies()
}

func (s *story) logsOut(app *instance) error {
	began := time.Now()
	saw, err := s.post(app, "/logout", nil)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "   %s: %q  (%.1f ms)\n", app.name, saw, float64(time.Since(began).Microseconds())/1000)
	return s.showCopies()
}

// staysOut presents the cookie from before the logout.
func (s *story) staysOut(apps ...*instance) error {
	for _, app := range apps {
		u, err := url.Parse(app.url())
		if err != nil {
			return err
		}
		s.user.Jar.SetCookies(u, []*http.Cookie{{Name: cookieName(withSCS), Value: s.token, Path: "/"}})
		saw, err := s.post(app, "/count", nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(s.out, "   %s: %q\n", app.name, saw)
		if saw != "not logged in" {
			return fmt.Errorf("%s answered %q to the cookie of a session that was logged out", app.name, saw)
		}
	}
	return s.showCopies()
}

// post sends one request as the user and returns what the page says.
func (s *story) post(app *instance, path string, form url.Values) (string, error) {
	res, err := s.user.PostForm(app.url()+path, form)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return "", err
	}
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s answered %s to %s: %s", app.name, res.Status, path, body)
	}
	for _, c := range res.Cookies() {
		if c.Name == cookieName(withSCS) && c.Value != "" {
			s.token = c.Value
		}
	}
	var a answer
	switch err := json.Unmarshal(body, &a); {
	case err != nil:
		return "", err
	case a.Name == "":
		return "not logged in", nil
	}
	return fmt.Sprintf("hello %s, count %d", a.Name, a.Count), nil
}

// where returns what each node has of the session, as an instance that runs finds it.
func (s *story) where(ctx context.Context) ([]cluster.Placement, error) {
	for _, app := range s.apps {
		if places, err := app.where(ctx, s.token); !errors.Is(err, cluster.ErrClosed) {
			return places, err
		}
	}
	return nil, errNobody
}

// showCopies prints what each node has of the session, in the order of its preference list.
func (s *story) showCopies() error {
	places, err := s.where(context.Background())
	if err != nil {
		return err
	}
	var parts []string
	var newest int64
	for _, p := range places {
		newest = max(newest, p.Version)
	}
	for _, p := range places {
		has := "nothing"
		switch {
		case p.Err != nil:
			has = "out of reach"
		case p.Destroyed:
			has = "knows of the logout"
		case p.Held && p.Version == newest:
			has = "the session of " + time.UnixMicro(p.Version).Format("15:04:05.000")
		case p.Held && p.Role == cluster.RoleFallback:
			has = "an older copy, left to expire"
		case p.Held:
			has = "an older copy"
		}
		parts = append(parts, fmt.Sprintf("%s (%s): %s", p.Node.ID, p.Role, has))
	}
	fmt.Fprintf(s.out, "   copies: %s\n", strings.Join(parts, " · "))
	return nil
}

// homes returns the nodes that the session's copies belong on.
func (s *story) homes(ctx context.Context) (primary, backup *testenv.Node, err error) {
	places, err := s.where(ctx)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range places {
		switch p.Role {
		case cluster.RolePrimary:
			primary = s.env.ByID(p.Node.ID)
		case cluster.RoleBackup:
			backup = s.env.ByID(p.Node.ID)
		}
	}
	if primary == nil || backup == nil {
		return nil, nil, errors.New("the session has no two home nodes")
	}
	return primary, backup, nil
}

// everywhere waits until both instances think so of the node.
func (s *story) everywhere(ctx context.Context, n *testenv.Node, want cluster.State) error {
	return errors.Join(s.apps[0].settled(ctx, n.ID(), want), s.apps[1].settled(ctx, n.ID(), want))
}
