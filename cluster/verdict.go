package cluster

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"syscall"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides what a failed exchange means: for the save it was part of, for
// the node's health, and for whoever reads the error.

// Reasons why an exchange with a node failed. They are what errors show: the texts
// of the client below may quote a server's answer, which may be a session's bytes.
var (
	errTimeout   = errors.New("no answer within the timeout")
	errBroken    = errors.New("connection broken")
	errAnswer    = errors.New("unexpected answer: it is no memcached")
	errMemory    = errors.New("out of memory")
	errItemSize  = errors.New("item too large for the node (its -I)")
	errBusy      = errors.New("no room for the whole timeout")
	errFull      = fmt.Errorf("%w: too many commands on their way (MaxConns)", errBusy)
	errBehind    = fmt.Errorf("%w: reads that came before took it", errBusy)
	errNotAsked  = errors.New("thought down")
	errOutOfStep = errors.New("answer to another question")
)

// isRefusal reports whether a command was answered by "the condition does not
// hold": another value, or none, or one where none was expected.
func isRefusal(err error) bool {
	return errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrNotStored) || errors.Is(err, memcache.ErrCacheMiss)
}

// isFailure reports whether the node could not, or would not, do what it was asked.
func isFailure(err error) bool { return err != nil && !isRefusal(err) }

// isFull reports whether the node has no room for what it was to store: it is as well as ever.
func isFull(err error) bool { return errors.Is(err, errMemory) || errors.Is(err, errItemSize) }

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
		isFull(err) || errors.Is(err, errNoCAS)
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
	var addresses *dialError
	var certificate *certificateError
	var failure unreachable
	var alien foreign
	switch {
	case errors.As(err, &certificate):
		return refused, unreachable{certificate}
	case errors.As(err, &addresses) && addresses.Timeout():
		return timedOut, unreachable{addresses}
	case errors.Is(err, errNoTLS):
		return timedOut, unreachable{errNoTLS}
	case errors.As(err, &failure) && isTimeout(err):
		return timedOut, unreachable{errTimeout}
	case errors.As(err, &dialled), isTimeout(err):
		return timedOut, errTimeout
	case errors.As(err, &failure):
		return refused, failure
	case isBroken(err):
		if silent := (errSilent{}); errors.As(err, &silent) {
			return broken, silent
		}
		return broken, errBroken
	case errors.As(err, &alien):
		return senseless, alien
	case errors.Is(err, errOversized), errors.Is(err, errOutOfStep):
		return senseless, err
	case errors.Is(err, errNoCAS):
		return answered, err
	}
	return judgeLine(unexpected(err))
}

// unexpected returns the command, and the answer to it that the client did not expect, of
// its error. The line is empty where it is no such error.
func unexpected(err error) (verb, line string) {
	text, _ := strings.CutPrefix(err.Error(), "memcache: unexpected ")
	verb = "gets"
	if rest, is := strings.CutPrefix(text, "response line from "); is {
		quoted, _ := strconv.QuotedPrefix(rest)
		verb, _ = strconv.Unquote(quoted)
	} else if strings.HasPrefix(text, "response line: ") {
		verb = "delete"
	}
	_, quoted, _ := strings.Cut(text, ": ")
	line, _ = strconv.Unquote(quoted)
	return verb, line
}
