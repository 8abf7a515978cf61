package testenv

import (
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
)

// This file decides how nodes live and end in a program that is no test.

// Program is the TB of a program that is no test, such as a demo. Its nodes end with Close:
//
//	program := testenv.NewProgram("demo", os.Stderr)
//	defer program.Close()
//	env := testenv.Start(program, 3)
//
// Fatalf and Skipf print the reason, end the nodes and exit with status 1.
type Program struct {
	name string

	mu       sync.Mutex // guards below
	out      io.Writer
	cleanups []func()
}

// NewProgram returns a TB for the program of that name, which writes to out.
func NewProgram(name string, out io.Writer) *Program {
	return &Program{name: name, out: out}
}

// Helper does nothing, because a program's messages have no line numbers.
func (p *Program) Helper() {}

// Name returns the name of the program.
func (p *Program) Name() string { return p.name }

// Cleanup registers f, which Close calls.
func (p *Program) Cleanup(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cleanups = append(p.cleanups, f)
}

// Logf writes one line.
func (p *Program) Logf(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, p.name+": "+format+"\n", args...)
}

// Skipf prints why the program cannot go on, ends the nodes and exits with status 1.
func (p *Program) Skipf(format string, args ...any) { p.Fatalf(format, args...) }

// Fatalf prints why the program cannot go on, ends the nodes and exits with status 1.
func (p *Program) Fatalf(format string, args ...any) {
	p.Logf(format, args...)
	p.Close()
	os.Exit(1)
}

// Close ends the nodes and calls what Cleanup has registered, the latest first. A second Close does
// nothing. The error is always nil.
func (p *Program) Close() error {
	p.mu.Lock()
	cleanups := p.cleanups
	p.cleanups = nil
	p.mu.Unlock()
	for _, f := range slices.Backward(cleanups) {
		f()
	}
	return nil
}
