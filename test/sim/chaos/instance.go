package main

import (
	"errors"
	"fmt"
	"io"
	"net/rpc"
	"net/rpc/jsonrpc"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file decides how the harness starts an instance of the app, tells it what to
// do, and kills it.

// kind is a way to keep sessions.
type kind string

const (
	onSCS     kind = "holdfast, scs"
	onGorilla kind = "holdfast, gorilla"
	oneCopy   kind = "one hashed copy"
	blind     kind = "blind backup"
)

// promising reports whether it is this library that keeps the sessions.
func (k kind) promising() bool { return k == onSCS || k == onGorilla }

// instance is one server of the app: a process of its own, on a port of its own, while
// it lives.
type instance struct {
	app  App
	fail func(error) // told when the harness and the process do not understand each other

	mu   sync.Mutex // guards below
	live *process   // nil while the instance is dead
	gone Spent      // by the processes that were killed
}

// process is an instance that lives.
type process struct {
	*rpc.Client
	cmd *exec.Cmd
	url string
}

// pipes are the standard output and input of a process, as one connection.
type pipes struct {
	io.ReadCloser
	io.Writer
	stdin io.Closer
}

// Close closes both.
func (p pipes) Close() error { return errors.Join(p.stdin.Close(), p.ReadCloser.Close()) }

// start begins a process with a memory of nothing.
func (in *instance) start(nodes []cluster.Node) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), servesAnApp+"=1")
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p := &process{cmd: cmd, Client: jsonrpc.NewClient(pipes{stdout, stdin, stdin})}
	app := in.app
	app.Nodes = nodes
	if err := p.order("Serve", app, &p.url, 6*patience); err != nil {
		return fmt.Errorf("starting an instance (%s): %w", app.Kind, errors.Join(err, p.end()))
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	in.live = p
	return nil
}

// kill ends the process by SIGKILL. What it has not yet sent to a node is never sent.
func (in *instance) kill() {
	spent := in.spent()
	in.mu.Lock()
	p := in.live
	in.live, in.gone = nil, spent
	in.gone.Unwritten = 0 // it is lost
	in.mu.Unlock()
	if p == nil {
		return
	}
	if err := p.end(); err != nil {
		in.fail(fmt.Errorf("an instance (%s): %w", in.app.Kind, err))
	}
}

// signal stops the process, or lets it go on.
func (in *instance) signal(s syscall.Signal) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.live == nil {
		return
	}
	if err := in.live.cmd.Process.Signal(s); err != nil {
		in.fail(fmt.Errorf("an instance (%s): %w", in.app.Kind, err))
	}
}

// end kills the process and waits for its death. The error is that it was dead already.
func (p *process) end() error {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // the status is looked at below
	_ = p.Close()
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		return fmt.Errorf("it died by itself: %v", p.cmd.ProcessState)
	}
	return nil
}

// order has the process do something. The error is that it could not, or said nothing for so long.
func (p *process) order(what string, args, reply any, within time.Duration) error {
	call := p.Go("Orders."+what, args, reply, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
		return call.Error
	case <-time.After(within):
		return fmt.Errorf("it said nothing for %v", within)
	}
}

// address returns where the instance is reached, "" while it is dead.
func (in *instance) address() string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.live == nil {
		return ""
	}
	return in.live.url
}

// order has the process do something. A dead one does nothing.
func (in *instance) order(what string, args, reply any) {
	in.mu.Lock()
	p := in.live
	in.mu.Unlock()
	if p == nil {
		return
	}
	if err := p.order(what, args, reply, 6*patience); err != nil {
		in.fail(fmt.Errorf("an instance (%s) that was told to %s: %w", in.app.Kind, what, err))
	}
}

// deploy gives the instance a list of nodes.
func (in *instance) deploy(nodes []cluster.Node) { in.order("Deploy", nodes, nil) }

// cut loses what goes between the instance and a node, silently, until heal.
func (in *instance) cut(addr string, lost testenv.Direction) {
	in.order("Cut", Way{addr, lost}, nil)
}

// delay has what the instance sends to a node arrive later, until heal. What has not yet
// arrived when the instance is killed never does.
func (in *instance) delay(addr string, by time.Duration) {
	in.order("Delay", Detour{addr, by}, nil)
}

func (in *instance) heal(addr string) { in.order("Heal", addr, nil) }

// ready reports whether the instance takes all nodes for up.
func (in *instance) ready() (ready bool) {
	in.order("Ready", nil, &ready)
	return ready
}

// copies returns what the two home nodes of the session hold of it.
func (in *instance) copies(id string) (copies [2]Copy) {
	in.order("Copies", id, &copies)
	return copies
}

// spent counts what the instance did since the start of the run.
func (in *instance) spent() Spent {
	var s Spent
	in.order("Spent", nil, &s)
	in.mu.Lock()
	defer in.mu.Unlock()
	return s.plus(in.gone)
}
