//go:build unix

package cluster

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
	"github.com/holdfast-go/holdfast/testenv"
)

// This story tells of a process that is stopped in the middle of traffic, as by a debugger,
// by a laptop's lid, or by a CPU quota, and goes on: real processes, real connections, and
// nodes that answer at once.

const (
	stoppedApp     = "HOLDFAST_TEST_STOPPED_APP" // the nodes of the app that is to be stopped
	stoppedTimeout = 1500 * time.Millisecond     // what a busy machine may take for an answer
	stoppedUsers   = 40
)

// stoppedReport is what the app tells at its end.
type stoppedReport struct {
	Requests, Errors, Changes, Timeouts, Busy uint64
	Error                                     string
}

func TestAStoppedProcessFailsNoRequest(t *testing.T) {
	if nodes := os.Getenv(stoppedApp); nodes != "" {
		runStoppedApp(t, nodes)
		return
	}
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	env := testenv.Start(t, 3)
	app := exec.Command(os.Args[0], "-test.run=^TestAStoppedProcessFailsNoRequest$")
	app.Env = append(os.Environ(), stoppedApp+"="+env.Nodes())
	app.Stderr = os.Stderr
	end, err := app.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	says, err := app.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(); err != nil {
		t.Fatal(err)
	}
	defer app.Process.Kill()
	lines := bufio.NewScanner(says)
	next := func(about string) string {
		for lines.Scan() {
			if text, ok := strings.CutPrefix(lines.Text(), about); ok {
				return text
			}
		}
		t.Fatalf("the app has ended without a word: %v", lines.Err())
		return ""
	}
	next("ready")
	for _, stop := range []struct {
		times     int
		off, then time.Duration
	}{{2, 2 * time.Second, 300 * time.Millisecond}, {10, 200 * time.Millisecond, 50 * time.Millisecond}} {
		for range stop.times {
			signal(t, app.Process, syscall.SIGSTOP)
			time.Sleep(stop.off)
			signal(t, app.Process, syscall.SIGCONT)
			time.Sleep(stop.then)
		}
	}
	end.Close()
	var r stoppedReport
	if err := json.Unmarshal([]byte(next("report ")), &r); err != nil {
		t.Fatal(err)
	}
	if r.Requests < stoppedUsers || r.Errors != 0 || r.Changes != 0 || r.Timeouts != 0 || r.Busy != 0 {
		t.Errorf("%+v", r)
	}
	_ = app.Wait()
}

func signal(t *testing.T, p *os.Process, s syscall.Signal) {
	if err := p.Signal(s); err != nil {
		t.Fatal(err)
	}
}

// runStoppedApp lets users load and save until the input ends.
func runStoppedApp(t *testing.T, list string) {
	nodes, err := ParseNodes(list)
	if err != nil {
		t.Fatal(err)
	}
	var r stoppedReport
	var changes atomic.Uint64
	c, err := New(Config{
		Nodes: nodes, Timeout: stoppedTimeout, Logger: slog.New(slog.DiscardHandler),
		OnNodeState: func(NodeStatus) { changes.Add(1) },
	})
	if err != nil {
		t.Fatal(err)
	}
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		ended.Store(true)
	}()
	var mu sync.Mutex // guards r
	request := func(id string, n int) {
		rec, err := c.Load(context.Background(), id)
		if isErr(err, ErrNotFound) && n == 0 {
			rec, err = NewRecord(id), nil
		}
		if err == nil {
			rec.Attrs["n"] = fmt.Append(nil, n)
			if n%4 == 0 {
				rec.Attrs["large"] = make([]byte, memcached.MaxShared)
			} else {
				delete(rec.Attrs, "large")
			}
			err = c.Save(context.Background(), rec)
		}
		mu.Lock()
		defer mu.Unlock()
		if r.Requests++; err != nil {
			r.Errors, r.Error = r.Errors+1, err.Error()
		}
	}
	var users, first sync.WaitGroup
	first.Add(stoppedUsers)
	for u := range stoppedUsers {
		users.Go(func() {
			for n := 0; !ended.Load(); n++ {
				if request(fmt.Sprint("user", u), n); n == 0 {
					first.Done()
				}
				time.Sleep(time.Millisecond)
			}
		})
	}
	first.Wait()
	fmt.Println("ready")
	users.Wait()
	c.Close()
	r.Changes, r.Busy = changes.Load(), c.Stats().Busy
	for _, n := range c.Nodes() {
		r.Timeouts += n.Timeouts
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("report %s\n", b)
}
