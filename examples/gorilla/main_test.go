package main

import (
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/examples/internal/webtest"
)

// key is a SESSION_KEY that instances share.
const key = "SESSION_KEY=0123456789abcdef0123456789abcdef"

func TestTwoInstancesAndADeadNode(t *testing.T) { webtest.TwoInstancesAndADeadNode(t, key) }

func TestOutage(t *testing.T) {
	webtest.Outage(t, func(u *webtest.User, in *webtest.Instance) {
		if got := u.Status(in, "/logout", url.Values{}); got != http.StatusServiceUnavailable {
			t.Errorf("/logout: status %d during an outage: its user would believe to be out", got)
		}
	}, key)
}

func TestWithoutNodesOfItsOwn(t *testing.T) {
	bin := webtest.Build(t)
	in := webtest.Start(t, bin, "alone", "MEMCACHED_NODES=", "SESSION_KEY=")
	if !strings.Contains(in.Log, "MEMCACHED_NODES is not set") {
		t.Errorf("it does not say where the sessions are:\n%s", in.Log)
	}
	if !strings.Contains(in.Log, "SESSION_KEY is not set") {
		t.Errorf("it does not say what signs the cookies:\n%s", in.Log)
	}
	u := webtest.NewUser(t)
	u.Page(in, "/login", url.Values{"name": {"Ann"}}, "<b>1</b> time.")
	u.Page(in, "/", nil, "<b>2</b> times")
	u.Page(in, "/healthz", nil, "")

	// A restarted app has another key: whom it does not know any more is a stranger, and can
	// log in again.
	again := webtest.Start(t, bin, "again", "MEMCACHED_NODES=", "SESSION_KEY=")
	u.Page(again, "/", nil, "Hello, stranger")
	u.Page(again, "/login", url.Values{"name": {"Ann"}}, "<b>1</b> time.")
	u.Page(again, "/logout", url.Values{}, "Hello, stranger")
	if err := in.Stop(); err != nil {
		t.Errorf("the app ended with %v", err)
	}
}

func TestKeyThatIsTooShort(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), webtest.Build(t))
	cmd.Env = append(os.Environ(), "PORT=0", "SESSION_KEY=hunter2")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "SESSION_KEY: ") || strings.Contains(string(out), "hunter2") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestDevices(t *testing.T) { webtest.Devices(t, key, "MEMCACHED_TIMEOUT=20s") }

func TestStickyUsersGoOnWithoutAnyNode(t *testing.T) { webtest.Sticky(t, key, "MEMCACHED_TIMEOUT=20s") }
