package main

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// This file decides how a goroutine waits for less than a millisecond: the runtime
// rounds sleeps of an idle program up to a whole one, and a sleep in the kernel would
// hold the thread that other goroutines need. A timer of the kernel that is read like a
// connection does neither.

// newAlarm returns a timer that is not set.
func newAlarm() (*os.File, error) {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("timerfd_create", err)
	}
	return os.NewFile(uintptr(fd), "timer"), nil
}

// pause returns when d has passed.
func pause(alarm *os.File, d time.Duration) {
	raw, err := alarm.SyscallConn()
	if err != nil {
		return
	}
	_ = raw.Control(func(fd uintptr) {
		_ = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil)
	})
	var expired [8]byte
	_, _ = alarm.Read(expired[:])
}
