package setup

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/holdfast-go/holdfast/cluster/internal/memcached"
)

// This file decides which addresses of nodes are refused. A resolver is lenient: it takes
// "11211" for 0.0.43.203, and what it does not take costs an operator an evening.

const addrForm = "want host:port, [v6]:port or the path of a unix socket"

// hasLogin reports whether a node is written with an '@' that is not part of the path of a
// unix socket. There may be a password before it, which no error may show.
func hasLogin(node string) bool {
	at, slash := strings.Index(node, "@"), strings.Index(node, "/")
	path := slash == 0 || slash > 0 && node[slash-1] == ':' && !strings.HasPrefix(node[slash:], "//")
	return at >= 0 && !(path && slash < at)
}

// checkAddr refuses what nobody means to dial. The error shows the address unless it may hold
// a password.
func checkAddr(addr string) error {
	if hasLogin(addr) {
		return errors.New("the address has an '@': a username and a password are set apart (Config.Username, Config.Password)")
	}
	err := addrMistake(addr)
	switch {
	case err == nil:
		return nil
	case mayHoldSecret(addr):
		return errors.New("the address: " + addrForm)
	}
	return fmt.Errorf("address %q: %w", addr, err)
}

// addrMistake returns what is wrong with an address, or nil.
func addrMistake(addr string) error {
	if strings.Contains(addr, "://") {
		return errors.New("it is a URL: " + addrForm)
	}
	if memcached.IsUnix(addr) {
		if strings.ContainsFunc(addr, isControl) {
			return errors.New("its path has a control character")
		}
		return nil
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil || host == "" {
		return errors.New(addrForm)
	}
	if err := checkHost(host); err != nil {
		return err
	}
	return checkPort(port)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// checkASCII refuses characters that are no part of a node's name, and may not be seen:
// wide digits and colons, a byte order mark, a NUL.
func checkASCII(s string) error {
	for _, r := range s {
		if r <= ' ' || r >= 0x7f {
			return fmt.Errorf("has the character %q: use ASCII letters, digits and punctuation", r)
		}
	}
	return nil
}

// checkHost refuses what is neither a host name nor an IP address. A name whose last part is
// a number can only be an IPv4 address (RFC 3696, section 2), so it must be one in full.
func checkHost(host string) error {
	if err := checkASCII(host); err != nil {
		return fmt.Errorf("the host %w", err)
	}
	if strings.Contains(host, ":") {
		if !isIPv6(host) {
			return errors.New("what is in brackets is not an IPv6 address")
		}
		return nil
	}
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r)
	}
	if i := strings.IndexFunc(host, func(r rune) bool { return !legal(r) }); i >= 0 {
		return fmt.Errorf("its host has the character %q: a host name has letters, digits, '-' and '.'; nothing is unescaped", host[i])
	}
	name := strings.TrimSuffix(host, ".")
	last := name[strings.LastIndex(name, ".")+1:]
	if hex, is := strings.CutPrefix(strings.ToLower(last), "0x"); isNumber(last) || is && strings.Trim(hex, "0123456789abcdef") == "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return fmt.Errorf("host %q is a number: want a host name, or an IPv4 address of four decimal numbers", host)
		}
	}
	return nil
}

func checkPort(port string) error {
	if p, err := strconv.ParseUint(port, 10, 16); err != nil || p == 0 {
		return fmt.Errorf("port %q is not a number from 1 to 65535", port)
	}
	if port[0] == '0' {
		return fmt.Errorf("port %q begins with a zero: write %q", port, strings.TrimLeft(port, "0"))
	}
	return nil
}

// placeOf returns an address in the one form that all ways to write it have in common.
func placeOf(addr string) string {
	if memcached.IsUnix(addr) {
		return filepath.Clean(addr)
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return net.JoinHostPort(memcached.DialledAs(a).String(), port)
	}
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port)
}
