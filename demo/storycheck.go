package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides what the story asks of the apps and of the nodes, and what ends it: an answer that is
// not as told.

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
