package cluster

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides what a failed exchange means: for the save it was part of, for
// the node's health, and for whoever reads the error.

// Reasons why an exchange with a node failed. They are what errors show: the texts
// of the client below may quote a server's answer, which may be a session's bytes.
var (
	errTimeout     = errors.New("no answer within the timeout")
	errBroken      = errors.New("connection broken")
	errAnswer      = errors.New("unexpected answer (a node that wants a login, or no memcached)")
	errServer      = errors.New("server error")
	errMemory      = errors.New("out of memory")
	errItemSize    = errors.New("item too large for the node (its -I)")
	errBusy        = errors.New("all connections busy for the whole timeout")
	errNotAsked    = errors.New("thought down")
	errOutOfStep   = errors.New("answer to another question")
	errContradicts = errors.New("it contradicts itself: it refuses what fits all that it shows")
)

// isRefusal reports whether a command was answered by "the condition does not
// hold": another value, or none, or one where none was expected.
func isRefusal(err error) bool {
	return errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrNotStored) || errors.Is(err, memcache.ErrCacheMiss)
}

// isAbsence reports whether a refusal says that there is no copy.
func isAbsence(err error) bool { return errors.Is(err, memcache.ErrCacheMiss) }

// isBroken reports whether the connection ended under the command.
func isBroken(err error) bool {
	if err == nil {
		return false
	}
	var u unreachable
	if errors.As(err, &u) {
		return false
	}
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// unreachable is a failure to connect: no command was sent.
type unreachable struct{ err error }

func (u unreachable) Error() string { return u.err.Error() }
func (u unreachable) Unwrap() error { return u.err }

// isUnsent reports whether a failed write is known to have changed nothing: it was
// not sent, or the server said so.
func isUnsent(err error) bool {
	var u unreachable
	return errors.As(err, &u) || errors.Is(err, errBusy) || errors.Is(err, errNotAsked) ||
		errors.Is(err, errItemSize) || errors.Is(err, errMemory)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// judge turns the client's error into one that is safe to show, and says what it
// means for the node's health.
func judge(err error) (verdict, error) {
	if err == nil || isRefusal(err) {
		return answered, err
	}
	var dialled *memcache.ConnectTimeoutError
	var failure unreachable
	switch {
	case errors.Is(err, errNoTLS):
		return timedOut, unreachable{errNoTLS}
	case errors.As(err, &failure) && isTimeout(err):
		return timedOut, unreachable{errTimeout}
	case errors.As(err, &dialled), isTimeout(err):
		return timedOut, errTimeout
	case errors.As(err, &failure):
		return refused, failure
	case isBroken(err):
		return broken, errBroken
	case errors.Is(err, errOversized), errors.Is(err, errOutOfStep):
		return timedOut, err
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "SERVER_ERROR object too large"):
		return answered, errItemSize
	case strings.Contains(text, "SERVER_ERROR out of memory"):
		return answered, errMemory
	case strings.Contains(text, `"SERVER_ERROR `):
		return answered, errServer
	}
	return timedOut, errAnswer
}
