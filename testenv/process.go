package testenv

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// This file decides how a memcached process is started, ended and known to be ready.

// patience bounds every wait for a process; it is far above what any of them takes.
const patience = 10 * time.Second

// process is a node that is a memcached process.
type process struct {
	bin  string
	args []string
	addr string
	hold net.PacketConn

	cmd    *exec.Cmd     // the latest process, nil before the first start
	exited chan struct{} // closed when cmd has been waited for
	stderr *head
}

func newProcess(bin, addr string, hold net.PacketConn, o options) *process {
	host, port, _ := net.SplitHostPort(addr)
	args := []string{"-l", host, "-p", port, "-U", "0", "-t", "2", "-m", strconv.Itoa(o.memoryMB)}
	if os.Geteuid() == 0 {
		// memcached refuses to run as root unless told to. To become another
		// user would cancel the death signal that ends it with the test.
		args = append(args, "-u", "root")
	}
	return &process{bin: bin, args: append(args, o.args...), addr: addr, hold: hold}
}

func (p *process) start() error {
	cmd := exec.Command(p.bin, p.args...)
	p.stderr = &head{}
	cmd.Stderr = p.stderr
	setDeathWithParent(cmd)

	started := make(chan error)
	exited := make(chan struct{})
	go func() {
		// The death signal is tied to the thread that forks, not to the
		// process: this thread must live as long as the child does.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait()
			close(exited)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.bin, err)
	}
	p.cmd, p.exited = cmd, exited

	deadline := time.Now().Add(patience)
	for {
		conn, err := net.Dial("tcp", p.addr)
		if err == nil {
			conn.Close()
		}
		select {
		case <-exited:
			said := p.stderr.String()
			if strings.Contains(said, "in use") {
				return errPortTaken
			}
			return fmt.Errorf("%s %s ended at once: %s", p.bin, strings.Join(p.args, " "), said)
		default:
		}
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) {
			return errors.Join(fmt.Errorf("%s did not listen on %s within %v: %s", p.bin, p.addr, patience, p.stderr), p.stop())
		}
		time.Sleep(time.Millisecond)
	}
}

func (p *process) stop() error {
	if p.cmd == nil {
		return nil
	}
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	if !p.ends() {
		return fmt.Errorf("process %d did not end within %v of SIGKILL", p.cmd.Process.Pid, patience)
	}
	conn, err := net.Dial("tcp", p.addr)
	if err == nil {
		conn.Close()
		return fmt.Errorf("somebody else listens on %s now", p.addr)
	}
	return nil
}

// ends waits for the end of a killed process. It counts in short steps: a machine that
// stands still for longer than patience takes one of them, not all.
func (p *process) ends() bool {
	const step = patience / 1000
	for range patience / step {
		select {
		case <-p.exited:
			return true
		case <-time.After(step):
		}
	}
	return false
}

func (p *process) pause() error  { return pauseProcess(p.cmd.Process) }
func (p *process) resume() error { return resumeProcess(p.cmd.Process) }

func (p *process) close() {
	p.stop()
	p.hold.Close()
}

func (p *process) alive() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

func (p *process) pid() int {
	if !p.alive() {
		return 0
	}
	return p.cmd.Process.Pid
}

func (p *process) server() *Server { return nil }

// head keeps the first few kilobytes of what a process said: the reason why it
// would not start is at the beginning.
type head struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room := 4096 - h.buf.Len(); room > 0 {
		h.buf.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := strings.TrimSpace(h.buf.String()); s != "" {
		return s
	}
	return "it said nothing"
}
