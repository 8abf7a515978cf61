package main

import (
	"net/url"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/examples/internal/webtest"
)

// patient is more time than a busy machine takes to answer.
const patient = "MEMCACHED_TIMEOUT=20s"

func TestTwoInstancesAndADeadNode(t *testing.T) { webtest.TwoInstancesAndADeadNode(t, patient) }

func TestOutage(t *testing.T) {
	webtest.Outage(t, func(*webtest.User, *webtest.Instance) {}, "MEMCACHED_TIMEOUT=1s")
}

func TestWithoutNodesOfItsOwn(t *testing.T) {
	in := webtest.Start(t, webtest.Build(t), "alone", "MEMCACHED_NODES=", patient)
	if !strings.Contains(in.Log, "MEMCACHED_NODES is not set") {
		t.Errorf("it does not say where the sessions are:\n%s", in.Log)
	}
	u := webtest.NewUser(t)
	u.Page(in, "/login", url.Values{"name": {"Ann"}}, "<b>1</b> time.")
	u.Page(in, "/", nil, "<b>2</b> times")
	u.Page(in, "/healthz", nil, "")
	if err := in.Stop(); err != nil {
		t.Errorf("the app ended with %v", err)
	}
}

func TestDevices(t *testing.T) { webtest.Devices(t, patient) }

func TestStickyUsersGoOnWithoutAnyNode(t *testing.T) { webtest.Sticky(t, patient) }
