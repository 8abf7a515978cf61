package acceptance

import (
	"bufio"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
)

// This file decides how an app runs in a process of its own.

// childVariable makes the test program an app on the named driver.
const childVariable = "HOLDFAST_ACCEPTANCE_APP"

// runChild serves the app, configured by the environment, until its input ends.
func runChild(name string) (status int) {
	err := func() error {
		cfg, err := cluster.ConfigFromEnv(os.Getenv)
		if err != nil {
			return err
		}
		c, err := cluster.New(cfg)
		if err != nil {
			return err
		}
		defer c.Close()
		for _, d := range all {
			if d.name != name {
				continue
			}
			wrap, err := d.build(c, options{})
			if err != nil {
				return err
			}
			srv := httptest.NewServer(newApp(wrap).handler)
			defer srv.Close()
			fmt.Println(srv.URL)
			_, err = io.Copy(io.Discard, os.Stdin)
			return err
		}
		return fmt.Errorf("there is no driver %q", name)
	}()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// startProcess starts an instance in a process of its own, and returns what kills it.
func (w *world) startProcess(t *testing.T) (a *app, kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+w.driver.name,
		"MEMCACHED_NODES="+w.env.Nodes(), "MEMCACHED_KEY_PREFIX="+w.prefix, "MEMCACHED_TIMEOUT="+timeout.String())
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe() // its end is the end of the app, also when this process ends badly
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			in.Close()
		}
	}
	t.Cleanup(kill)
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the app does not start: %v", err)
	}
	return &app{url: strings.TrimSpace(line)}, kill
}
