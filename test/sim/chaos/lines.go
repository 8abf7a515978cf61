package main

import (
	"io"
	"sync/atomic"
)

// This file decides what becomes of what an instance logs: it is shown, and counted.

// lines counts what a logger writes, which writes each entry at once.
type lines struct {
	to io.Writer
	n  atomic.Int64
}

// Write passes one entry on.
func (l *lines) Write(entry []byte) (int, error) {
	l.n.Add(1)
	return l.to.Write(entry)
}

func (l *lines) count() int { return int(l.n.Load()) }
