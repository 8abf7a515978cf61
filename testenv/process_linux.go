package testenv

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// This file decides how Linux ends, stops and continues a process.

const canPauseProcesses = true

// setDeathWithParent has the kernel end the process with this one, also when
// this one is killed, and keeps a Ctrl-C at the terminal from reaching it first.
func setDeathWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

func pauseProcess(p *os.Process) error {
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	// The signal is on its way; every thread has stopped when the kernel says so.
	for deadline := time.Now().Add(patience); ; time.Sleep(100 * time.Microsecond) {
		stopped, err := allThreadsStopped(p.Pid)
		if stopped || err != nil {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("process %d did not stop within %v of SIGSTOP", p.Pid, patience)
		}
	}
}

func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) }

func allThreadsStopped(pid int) (bool, error) {
	stats, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
	if err != nil {
		return false, err
	}
	if len(stats) == 0 {
		return false, os.ErrProcessDone
	}
	for _, name := range stats {
		stat, err := os.ReadFile(name)
		if err != nil {
			return false, nil // the thread has just ended: look again
		}
		// "pid (name) state ...", where the name may hold anything.
		_, state, _ := strings.Cut(string(stat[bytes.LastIndexByte(stat, ')')+1:]), " ")
		if !strings.HasPrefix(state, "T") {
			return false, nil
		}
	}
	return true, nil
}
