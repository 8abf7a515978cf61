package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// logIn saves a session of the owner as the app does.
func (s *stage) logIn(id, owner, label string) {
	s.Helper()
	r := cluster.NewRecord(plantedID + id)
	r.Attrs["user"] = []byte(plantedValue)
	r.Deadline = time.Now().Add(time.Hour)
	r.SetOwner(owner, label)
	if err := s.app.Save(s.Context(), r); err != nil {
		s.Fatal(err)
	}
}

func (s *stage) lives(id string) bool {
	_, err := s.app.Load(s.Context(), plantedID+id)
	if err != nil && !errors.Is(err, cluster.ErrNotFound) {
		s.Error(err)
	}
	return err == nil
}

func TestLogout(t *testing.T) {
	s := begin(t, 3, testenv.Embedded())
	s.sessions(3)
	for i := range 3 {
		s.logIn(fmt.Sprint("a", i), "ann", fmt.Sprintf("device %d \x1b[31m", i))
	}
	s.logIn("b", "7", "bob's")
	s.has(s.run(exitDone, "sessions", "--count").out, "7\n")
	s.has(s.run(exitDone, "logout", "ann").out, "CREATED", "LABEL", "device 0 ?[31m", "device 2", "3 listed sessions were ended")
	for i := range 3 {
		if s.lives(fmt.Sprint("a", i)) {
			t.Errorf("session %d lives", i)
		}
	}
	if !s.lives("b") || !s.lives("0") {
		t.Error("a session of somebody else has ended")
	}
	m := s.fields(s.run(exitDone, "logout", "--json", "7").out, "done", "destroyed", "sessions")
	if m["done"] != true || m["destroyed"] != 1.0 || len(m["sessions"].([]any)) != 1 {
		t.Errorf("logout: %v", m)
	}
	s.sameFields(first(m, "sessions"), "label", "created", "last_saved", "deadline")
	s.has(s.run(exitDone, "logout", "nobody").out, "0 listed sessions")
	s.logIn("again", "ann", "")
	if !s.lives("again") {
		t.Error("a new login has ended")
	}
	s.has(s.run(exitDone, "sessions", "--count").out, "4\n")
	s.has(s.run(exitError, "logout").err, "one user")
	s.has(s.run(exitError, "logout", "ann", "bob").err, "one user")
	for _, n := range s.nodes.All() {
		n.Kill()
	}
	s.has(s.run(exitNotYet, "logout", "ann").err, "not done", "holdfast status")
	m = s.fields(s.run(exitNotYet, "logout", "ann", "--json").out, "done", "destroyed", "sessions", "reason")
	if m["done"] != false {
		t.Errorf("logout: %v", m)
	}
}
