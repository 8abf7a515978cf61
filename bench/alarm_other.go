//go:build !linux

package main

import (
	"os"
	"time"
)

// newAlarm returns any file: pause does not need one.
func newAlarm() (*os.File, error) { return os.Open(os.DevNull) }

// pause returns when d has passed, rounded up as the runtime does.
func pause(_ *os.File, d time.Duration) { time.Sleep(d) }
