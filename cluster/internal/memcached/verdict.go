package memcached

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bradfitz/gomemcache/memcache"
)

// This file decides what an exchange says of the server's health, and which error its caller gets.

// Verdict is what one exchange with a server says about its health.
type Verdict int

// The verdicts.
const (
	Answered     Verdict = iota // any answer of a memcached, also a miss or "out of memory"
	Declined                    // an answer of a memcached that does not serve: SERVER_ERROR, ERROR
	TimedOut                    // no answer in time
	Senseless                   // an answer that makes no sense
	Broken                      // the connection ended under the command, after a reconnect too
	NoConnection                // none to be had: refused, unknown host, TLS or login failed
)

// judge says what an exchange that ended so means. The error that it returns is safe to show.
func judge(err error) (Verdict, error) {
	if err == nil || IsConflict(err) {
		return Answered, err
	}
	var dialled *memcache.ConnectTimeoutError
	var addresses *dialError
	var certificate *certificateError
	var failure unreachable
	var other foreign
	switch {
	case errors.As(err, &certificate):
		return NoConnection, unreachable{certificate}
	case errors.As(err, &addresses) && addresses.Timeout():
		return TimedOut, unreachable{addresses}
	case errors.Is(err, errNoTLS):
		return TimedOut, unreachable{errNoTLS}
	case errors.As(err, &failure) && isTimeout(err):
		return TimedOut, unreachable{errTimeout}
	case errors.As(err, &dialled), isTimeout(err):
		return TimedOut, errTimeout
	case errors.As(err, &failure):
		return NoConnection, failure
	case isBroken(err):
		if silent := (errSilent{}); errors.As(err, &silent) {
			return Broken, silent
		}
		return Broken, errBroken
	case errors.As(err, &other):
		return Senseless, other
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

// errUnknownCommand is the error of a server that lacks a command.
func errUnknownCommand(verb string) error {
	return fmt.Errorf("%w %q: is it a proxy that lacks it? Needed are gets, add, cas, set and delete", errCommand, verb)
}

// judgeLine says what a one-line answer means that is none of those which were expected.
func judgeLine(verb, line string) (Verdict, error) {
	full := Answered
	if verb == "gets" {
		full = Declined // a read needs no room: it refuses whatever it is asked
	}
	switch {
	case strings.HasPrefix(line, "SERVER_ERROR object too large"):
		return full, errItemSize
	case strings.HasPrefix(line, "SERVER_ERROR out of memory"):
		return full, errMemory
	case strings.HasPrefix(line, "SERVER_ERROR"):
		return Declined, errServer
	case strings.HasPrefix(line, "CLIENT_ERROR unauthenticated"):
		return NoConnection, errLoginWanted
	case strings.HasPrefix(line, "CLIENT_ERROR"):
		return Declined, errMalformed
	case strings.HasPrefix(line, "ERROR"):
		return Declined, errUnknownCommand(verb)
	}
	return Senseless, errAnswer
}
