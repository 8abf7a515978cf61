//go:build unix && !linux

package testenv

import (
	"os"
	"os/exec"
	"syscall"
)

// This file decides how other Unix systems end, stop and continue a process.

const canPauseProcesses = true

// setDeathWithParent leaves the process in the terminal's process group, where
// Ctrl-C reaches it: there is no death signal here to end it with its parent.
func setDeathWithParent(*exec.Cmd) {}

func pauseProcess(p *os.Process) error  { return p.Signal(syscall.SIGSTOP) }
func resumeProcess(p *os.Process) error { return p.Signal(syscall.SIGCONT) }
