package main

import (
	"net"
	"net/rpc/jsonrpc"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
)

// nobody is a list of nodes of which none is there.
var nobody = []cluster.Node{{ID: "n0", Addr: "127.0.0.1:1"}, {ID: "n1", Addr: "127.0.0.1:2"}}

// failures are what an instance reported.
type failures struct {
	mu  sync.Mutex // guards all
	all []string
}

func (f *failures) add(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, err.Error())
}

func (f *failures) String() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Join(f.all, "\n")
}

func TestAnInstanceThatIsKilledIsNoFailure(t *testing.T) {
	var failed failures
	in := &instance{app: App{Kind: onSCS, Timeout: time.Second}, fail: failed.add}
	if err := in.start(nobody); err != nil {
		t.Fatal(err)
	}
	in.kill()
	if failed.String() != "" {
		t.Error(&failed)
	}
}

func TestAnInstanceThatDiesByItselfIsReported(t *testing.T) {
	var failed failures
	in := &instance{app: App{Kind: blind, Timeout: time.Second}, fail: failed.add}
	if err := in.start(nobody); err != nil {
		t.Fatal(err)
	}
	_ = in.live.cmd.Process.Signal(syscall.SIGTERM)
	in.ready() // ends with the connection
	in.kill()
	if !strings.Contains(failed.String(), "died by itself") || !strings.Contains(failed.String(), string(blind)) {
		t.Errorf("reported: %q", &failed)
	}
}

func TestAProcessThatSaysNothingIsNotWaitedForForever(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	go func() {
		for buf := make([]byte, 100); ; {
			if _, err := theirs.Read(buf); err != nil {
				return
			}
		}
	}()
	p := &process{Client: jsonrpc.NewClient(ours)}
	defer p.Close()
	if err := p.order("Serve", App{}, &p.url, 10*time.Millisecond); err == nil || !strings.Contains(err.Error(), "said nothing") {
		t.Error(err)
	}
}

func TestAnInstanceThatNeverTakesAllNodesForUpIsReported(t *testing.T) {
	var failed failures
	in := &instance{app: App{Kind: onSCS, Timeout: time.Second}, fail: failed.add}
	if err := in.start(nobody); err != nil {
		t.Fatal(err)
	}
	defer in.kill()
	sys := &system{kind: onSCS, instances: []*instance{in}, fail: failed.add}
	sys.ready(10 * time.Millisecond)
	if !strings.Contains(failed.String(), "up within 10ms") {
		t.Errorf("reported: %q", &failed)
	}
}
