package scsstore

import (
	"bufio"
	"io"
	"net"
	"net/http"
)

// This file decides when an answer begins: with the first byte or header that goes to the client,
// whichever way the handler sends it.

// answer is the ResponseWriter of a handler. It calls before once, when the answer begins, because
// no header can be set later. [http.ResponseController] finds by Unwrap what answer does not do
// itself.
type answer struct {
	http.ResponseWriter
	before func() // nil once the answer has begun
}

// begin must be called before anything is sent.
func (a *answer) begin() {
	if before := a.before; before != nil {
		a.before = nil
		before()
	}
}

func (a *answer) Write(b []byte) (int, error) {
	a.begin()
	return a.ResponseWriter.Write(b)
}

func (a *answer) WriteHeader(code int) {
	if code < 100 || code > 199 || code == http.StatusSwitchingProtocols { // another status follows a 1xx
		a.begin()
	}
	a.ResponseWriter.WriteHeader(code)
}

// ReadFrom lets the server send a file without copying it. A source without a byte begins
// no answer, as io.Copy would not.
func (a *answer) ReadFrom(src io.Reader) (n int64, err error) {
	if a.before != nil {
		const first = 512 // what the server looks at to tell the content's type
		n, err = io.Copy(writerOnly{a}, io.LimitReader(src, first))
		if err != nil || n < first {
			return n, err
		}
	}
	rest, err := io.Copy(a.ResponseWriter, src)
	return n + rest, err
}

// writerOnly hides ReadFrom from io.Copy.
type writerOnly struct{ io.Writer }

// Push is http.Pusher's.
func (a *answer) Push(target string, opts *http.PushOptions) error {
	if p, ok := a.ResponseWriter.(http.Pusher); ok {
		return p.Push(target, opts)
	}
	return http.ErrNotSupported
}

// Unwrap is for http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// Flush is http.Flusher's. It does nothing where the server cannot flush, as in a
// http.TimeoutHandler.
func (a *answer) Flush() { _ = a.FlushError() }

// FlushError is what [http.ResponseController] calls.
func (a *answer) FlushError() error {
	if flushes(a.ResponseWriter) {
		a.begin()
	}
	return http.NewResponseController(a.ResponseWriter).Flush()
}

// flushes reports whether w, or a ResponseWriter that it wraps, can flush.
func flushes(w http.ResponseWriter) bool {
	for {
		switch t := w.(type) {
		case interface{ FlushError() error }, http.Flusher:
			return true
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return false
		}
	}
}

// Hijack is http.Hijacker's. What then goes over the connection is no answer: the session
// is committed when the handler has ended, and its cookie goes nowhere.
func (a *answer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return http.NewResponseController(a.ResponseWriter).Hijack()
}
