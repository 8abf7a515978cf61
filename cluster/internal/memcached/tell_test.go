package memcached

import (
	"fmt"
	"io"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"
)

func TestClassOf(t *testing.T) {
	line := func(verb, line string) error { return oddLine{verb, line} }
	for _, c := range []struct {
		name string
		err  error // as an exchange ends with it
		want string
	}{
		{"nothing wrong", nil, "ok"},
		{"somebody else wrote first", errExists, "conflict"},
		{"an old token", errStale, "conflict"},
		{"there is a copy", errNotStored, "conflict"},
		{"no answer", timeoutError{}, "timeout"},
		{"no answer to a dial", &memcache.ConnectTimeoutError{}, "timeout"},
		{"nobody answers the dial", unreachable{&dialError{host: "n1.test"}}, "timeout"},
		{"no TLS", unreachable{errNoTLS}, "timeout"},
		{"nobody listens", unreachable{io.ErrUnexpectedEOF}, "no_connection"},
		{"a certificate of somebody else", unreachable{&certificateError{"x", io.EOF}}, "no_connection"},
		{"a wrong password", unreachable{errLogin}, "no_connection"},
		{"no password", line("gets", "CLIENT_ERROR unauthenticated\r\n"), "no_connection"},
		{"a connection that ended", io.EOF, "broken"},
		{"one that ended without a byte", errSilent{io.EOF}, "broken"},
		{"no memory", line("add", "SERVER_ERROR out of memory storing object\r\n"), "full"},
		{"a small item size", line("cas", "SERVER_ERROR object too large for cache\r\n"), "full"},
		{"a proxy without its server", line("gets", "SERVER_ERROR\r\n"), "refused"},
		{"an unknown command", line("cas", "ERROR\r\n"), "refused"},
		{"the form of the command", line("cas", "CLIENT_ERROR bad data chunk\r\n"), "refused"},
		{"no CAS", errNoCAS, "refused"},
		{"another protocol", foreign{"an HTTP server"}, "senseless"},
		{"garbage", line("gets", "\x00\x01"), "senseless"},
		{"answers out of step", errOutOfStep, "senseless"},
		{"one that shared the exchange", sharedFailure{unreachable{io.EOF}}, "no_connection"},
	} {
		_, judged := judge(c.err)
		if got := ClassOf(judged); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	for _, err := range []error{errFull, errBehind, errNotUsable, fmt.Errorf("%w (short of CPU)", errFull)} { // of requests without an exchange
		if got := ClassOf(err); got != "busy" {
			t.Errorf("%v: %q, want busy", err, got)
		}
	}
}

// timeoutError is what a read returns whose deadline has passed.
type timeoutError struct{}

func (timeoutError) Error() string   { return "i/o timeout" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }
