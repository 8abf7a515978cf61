package memcached

import (
	"bufio"
	"errors"
	"io"
	"net"
	"testing"
)

// The answer to a greeting may be lost: a server that closes connections without a word is greeted three times in a row.
func TestASilentServerIsGreetedThreeTimes(t *testing.T) {
	greeted := 0
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		if first, _ := r.Peek(1); len(first) == 1 && first[0] == 0x80 { // the greeting in the binary protocol
			if greeted++; greeted == 3 {
				_, _ = nc.Write([]byte{0x81})
			}
		}
	}, func(t *testing.T, n *watched) {
		silent := errSilent{io.EOF}
		for i := range 3 {
			if err := n.Identify(silent, silent, i == 0); errors.As(err, new(foreign)) != (i == 2) {
				t.Errorf("greeting %d: %v", i+1, err)
			}
		}
	})
}
