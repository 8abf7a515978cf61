package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
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
	if err := s.sticky(ctx, cfg); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "\nNothing was lost: Ann saw each of her %d counts, whatever was gone, and her logout held.\n", s.count)
	fmt.Fprintf(s.out, "To break it yourself, in a browser: make demo\n")
	return nil
}

// sticky has all nodes die while Ann stays on one instance.
func (s *story) sticky(ctx context.Context, cfg cluster.Config) error {
	app1, app2 := s.apps[0], s.apps[1]
	s.say("Sticky mode: the apps keep copies of their users' sessions, and Ann stays at app-1. She logs in again.")
	cfg.Local = localCopies
	for _, app := range s.apps {
		if err := app.reconfigure(cfg); err != nil {
			return err
		}
	}
	if _, err := s.post(app1, "/login", url.Values{"name": {"ann"}}); err != nil {
		return err
	}
	total := s.count
	s.count = 0
	defer func() { s.count += total }()
	if err := s.counts(app1); err != nil {
		return err
	}
	s.say("All nodes are killed%s.", by(s.env, "SIGKILL"))
	for _, n := range s.env.All() {
		n.Kill()
	}
	if err := s.counts(app1, app1); err != nil {
		return err
	}
	s.say("All nodes are restarted, with empty memory. app-1 gives them what only it had, and is killed.")
	for _, n := range s.env.All() {
		n.Restart()
	}
	for _, n := range s.env.All() {
		if err := s.everywhere(ctx, n, cluster.StateUp); err != nil {
			return err
		}
	}
	for app1.local().Unwritten > 0 {
		if !wait(ctx, 5*time.Millisecond) {
			return fmt.Errorf("app-1 has not written its sessions: %w", ctx.Err())
		}
	}
	app1.kill()
	return s.counts(app2)
}

func (s *story) say(format string, args ...any) {
	s.step++
	fmt.Fprintf(s.out, "\n%d. %s\n", s.step, fmt.Sprintf(format, args...))
}
