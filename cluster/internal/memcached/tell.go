package memcached

import (
	"errors"
	"time"
)

// This file decides what is told of exchanges to those who measure them.

// Exchange is one packet of commands that the server was sent, and its answers. One that is sent
// again after a reconnect is another.
type Exchange struct {
	Writes   bool // gets otherwise
	Requests int  // that went together
	Began    time.Time
	Took     time.Duration
	Err      error // the first failure; a conflict is none
}

// teller is told of exchanges. Nil is told nothing.
type teller func(Exchange)

func (t teller) begin() (now time.Time) {
	if t != nil {
		now = time.Now()
	}
	return now
}

func (t teller) end(began time.Time, writes bool, requests int, err error) {
	if t == nil {
		return
	}
	if _, err = judge(err); IsConflict(err) {
		err = nil // the answer to a write whose condition does not hold
	}
	t(Exchange{Writes: writes, Requests: requests, Began: began, Took: time.Since(began), Err: err})
}

// ClassOf returns one word for the error of an Exchange, a Request or a write: ok, conflict, busy,
// timeout, no_connection, broken, refused, full or senseless. There are no others, so it can be the
// label of a metric.
func ClassOf(err error) string {
	is := func(errs ...error) bool {
		for _, e := range errs {
			if errors.Is(err, e) {
				return true
			}
		}
		return false
	}
	var addresses *dialError
	switch {
	case err == nil:
		return "ok"
	case IsConflict(err):
		return "conflict"
	case IsBusy(err), is(errNotUsable):
		return "busy"
	case is(errTimeout, errNoTLS), errors.As(err, &addresses) && addresses.Timeout():
		return "timeout"
	case errors.As(err, new(unreachable)), is(errLogin, errLoginWanted):
		return "no_connection"
	case is(errBroken), errors.As(err, new(errSilent)):
		return "broken"
	case IsFull(err):
		return "full"
	case is(errServer, errMalformed, errCommand, errNoCAS):
		return "refused"
	}
	return "senseless"
}
