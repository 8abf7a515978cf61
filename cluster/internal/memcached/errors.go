package memcached

import (
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// This file decides what can be told of errors: by those who see them, and by the predicates.

// Reasons why an exchange with a server failed, as operators see them. They show nothing that a
// server sent: it may be a session's bytes.
var (
	// No connection, or no answer.
	errTimeout = errors.New("no answer within the timeout")
	errBroken  = errors.New("connection broken")
	errMovedOn = errors.New("the name leads elsewhere now")
	errLogin   = errors.New("login refused: check Username and Password against the node's auth file")
	// A memcached without TLS waits for the end of a line in the handshake.
	errNoTLS = errors.New("TLS handshake: no answer within the timeout: does the node speak TLS?")

	// Nothing was sent.
	errBusy      = errors.New("no room for the whole timeout")
	errFull      = fmt.Errorf("%w: too many commands on their way (MaxConns)", errBusy)
	errBehind    = fmt.Errorf("%w: reads that came before took it", errBusy)
	errNotUsable = errors.New("thought down")
	errNoCAS     = errors.New("all CAS ids are 0: the node runs with -C (no CAS): start it without")

	// The condition of a write does not hold.
	errNotStored = errors.New("there is a copy")
	errExists    = errors.New("there is another copy")
	errNotFound  = errors.New("there is no copy")
	errStale     = fmt.Errorf("%w: connected to anew since it was read", errExists)

	// The server answers as memcached does, and refuses.
	errMemory      = errors.New("out of memory")
	errItemSize    = errors.New("item too large for the node (its -I)")
	errServer      = errors.New("server error: it answers SERVER_ERROR: see its log, or the log of the proxy before it")
	errLoginWanted = errors.New("it wants a login: set Username and Password (MEMCACHED_USERNAME, MEMCACHED_PASSWORD) as in its auth file")
	errCommand     = errors.New("it does not know the command")
	errMalformed   = errors.New("it refuses the form of the command (CLIENT_ERROR): is it a proxy, or another server with memcached's protocol?")

	// The answer makes no sense.
	errAnswer    = errors.New("unexpected answer: it is no memcached")
	errOutOfStep = errors.New("answer to another question")
	errOversized = errors.New("answer announces more than was asked for, or than MaxRecordBytes allows")

	// There is no list of keys. Errors that are none of these are those of a server that fails: it can
	// be asked again.

	// ErrKeysRefused: the server lists no keys, however often it is asked.
	ErrKeysRefused = errors.New("it lists no keys")
	// ErrTooManyKeys: the list is longer than its bounds.
	ErrTooManyKeys = errors.New("its list of keys is too long")

	errKeysByOption  = fmt.Errorf("%w (memcached -X): start it without -X", ErrKeysRefused)
	errKeysNoCrawler = fmt.Errorf("%w: its LRU crawler is off: start it without -o no_lru_crawler", ErrKeysRefused)
	errKeysUnknown   = fmt.Errorf("%w: it does not know the command lru_crawler metadump, as most managed services and proxies: a plain memcached does", ErrKeysRefused)
	errKeysBusy      = errors.New("its LRU crawler is busy with something else: try again later")
	errKeysCut       = errors.New("the connection ended within its list of keys: see its log, and try again")
	errKeysSilent    = errors.New("its list of keys stands still: try again, and restart it if that goes on")
	errKeysSlow      = errors.New("its list of keys comes too slowly: is the way to it overloaded?")
	errKeysSenseless = errors.New("its list of keys makes no sense: is it a proxy, or another server with memcached's protocol?")
)

// keysError is why there is no list of keys: it may be shown as it is.
type keysError struct{ error }

func (e keysError) Unwrap() error { return e.error }

// IsConflict reports whether a write was refused since its condition does not hold: there is
// another copy, or none, or one where none was expected.
func IsConflict(err error) bool {
	return errors.Is(err, errExists) || errors.Is(err, errNotStored) || errors.Is(err, errNotFound)
}

// IsAbsence reports whether a conflict says that there is no copy.
func IsAbsence(err error) bool { return errors.Is(err, errNotFound) }

// IsStale reports whether a conflict is that of a cas which was not sent, since its token is
// older than the connection.
func IsStale(err error) bool { return errors.Is(err, errStale) }

// IsFull reports whether the server has no room for the value: it is as well as ever.
func IsFull(err error) bool { return errors.Is(err, errMemory) || errors.Is(err, errItemSize) }

// IsTooLarge reports whether the value is larger than the items of the server may be.
func IsTooLarge(err error) bool { return errors.Is(err, errItemSize) }

// IsBusy reports whether a request found no room: the server was not asked.
func IsBusy(err error) bool { return errors.Is(err, errBusy) }

// isFailure reports whether the server could not, or would not, do what it was asked.
func isFailure(err error) bool { return err != nil && !IsConflict(err) }

// unreachable is a failure to connect: no command was sent.
type unreachable struct{ err error }

func (u unreachable) Error() string { return u.err.Error() }
func (u unreachable) Unwrap() error { return u.err }

// isUnsent reports whether a failed write is known to have changed nothing: it was
// not sent, or the server said so.
func isUnsent(err error) bool {
	return errors.As(err, new(unreachable)) || errors.Is(err, errBusy) || errors.Is(err, errNotUsable) ||
		IsFull(err) || errors.Is(err, errNoCAS)
}

// isBroken reports whether the connection ended under the command.
func isBroken(err error) bool {
	if err == nil || errors.As(err, new(unreachable)) {
		return false
	}
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe, net.ErrClosed, syscall.ECONNRESET, syscall.EPIPE} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}
