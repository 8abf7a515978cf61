//go:build !unix

// This file decides what happens where a process cannot be stopped and
// continued: the embedded server is used there.

package testenv

import (
	"errors"
	"os"
	"os/exec"
)

const canPauseProcesses = false

func setDeathWithParent(*exec.Cmd) {}

func pauseProcess(*os.Process) error  { return errors.ErrUnsupported }
func resumeProcess(*os.Process) error { return errors.ErrUnsupported }
