package memcached

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

// Verdict is what one exchange with a server says about its health.
type Verdict int

// The verdicts.
const (
	Answered  Verdict = iota // any answer of a memcached, also a miss or "out of memory"
	Declined                 // an answer of a memcached that does not serve: SERVER_ERROR, ERROR
	TimedOut                 // no answer in time
	Senseless                // an answer that makes no sense
	Broken                   // the connection ended under the command, after a reconnect too
	Refused                  // no connection to be had: refused, unknown host, TLS or login failed
)

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
	errNotStored = errors.New("there is a copy")
	errExists    = errors.New("there is another copy")
	errNotFound  = errors.New("there is no copy")
	errStale     = fmt.Errorf("%w: connected to anew since it was read", errExists)
	errNotUsable = errors.New("thought down")
	errOutOfStep = errors.New("answer to another question")
)

// IsConflict reports whether a command was answered by "the condition does not
// hold": another value, or none, or one where none was expected.
func IsConflict(err error) bool {
	return errors.Is(err, errExists) || errors.Is(err, errNotStored) || errors.Is(err, errNotFound)
}

// isFailure reports whether the node could not, or would not, do what it was asked.
func isFailure(err error) bool { return err != nil && !IsConflict(err) }

// IsFull reports whether the node has no room for what it was to store: it is as well as ever.
func IsFull(err error) bool { return errors.Is(err, errMemory) || errors.Is(err, errItemSize) }

// IsAbsence reports whether a refusal says that there is no copy.
func IsAbsence(err error) bool { return errors.Is(err, errNotFound) }

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

// IsTooLarge reports whether the value is larger than the items of the server may be.
func IsTooLarge(err error) bool { return errors.Is(err, errItemSize) }

// IsBusy reports whether a request found no room: the server was not asked.
func IsBusy(err error) bool { return errors.Is(err, errBusy) }

// IsStale reports whether a conflict is that of a cas which was not sent, since its token is
// older than the connection.
func IsStale(err error) bool { return errors.Is(err, errStale) }

// isUnsent reports whether a failed write is known to have changed nothing: it was
// not sent, or the server said so.
func isUnsent(err error) bool {
	var u unreachable
	return errors.As(err, &u) || errors.Is(err, errBusy) || errors.Is(err, errNotUsable) ||
		IsFull(err) || errors.Is(err, errNoCAS)
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// judge turns the client's error into one that is safe to show, and says what it
// means for the node's health.
func judge(err error) (Verdict, error) {
	if err == nil || IsConflict(err) {
		return Answered, err
	}
	var dialled *memcache.ConnectTimeoutError
	var addresses *dialError
	var certificate *certificateError
	var failure unreachable
	var alien foreign
	switch {
	case errors.As(err, &certificate):
		return Refused, unreachable{certificate}
	case errors.As(err, &addresses) && addresses.Timeout():
		return TimedOut, unreachable{addresses}
	case errors.Is(err, errNoTLS):
		return TimedOut, unreachable{errNoTLS}
	case errors.As(err, &failure) && isTimeout(err):
		return TimedOut, unreachable{errTimeout}
	case errors.As(err, &dialled), isTimeout(err):
		return TimedOut, errTimeout
	case errors.As(err, &failure):
		return Refused, failure
	case isBroken(err):
		if silent := (errSilent{}); errors.As(err, &silent) {
			return Broken, silent
		}
		return Broken, errBroken
	case errors.As(err, &alien):
		return Senseless, alien
	case errors.Is(err, errOversized), errors.Is(err, errOutOfStep):
		return Senseless, err
	case errors.Is(err, errNoCAS):
		return Answered, err
	}
	odd := oddLineOf(err)
	return judgeLine(odd.verb, odd.line)
}

// oddLine is the error of an answer that is none of those which are expected. It does not show it.
type oddLine struct{ verb, line string }

func (oddLine) Error() string { return errAnswer.Error() }

// oddLineOf returns the line that the client of gets did not expect; an empty one where err says
// something else.
func oddLineOf(err error) oddLine {
	var odd oddLine
	if errors.As(err, &odd) {
		return odd
	}
	_, quoted, _ := strings.Cut(err.Error(), "memcache: unexpected line in get response: ")
	line, _ := strconv.Unquote(quoted)
	return oddLine{"gets", line}
}
