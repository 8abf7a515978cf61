//go:build !unix

package testenv

import (
	"errors"
	"os"
	"os/exec"
)

// This file decides what happens where a process cannot be stopped and
// continued: the embedded server is used there.

const canPauseProcesses = false

func setDeathWithParent(*exec.Cmd) {}

func pauseProcess(*os.Process) error  { return errors.ErrUnsupported }
func resumeProcess(*os.Process) error { return errors.ErrUnsupported }
