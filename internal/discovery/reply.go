package discovery

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// This file reads the answer to "config get cluster":
//
//	CONFIG cluster 0 <bytes>\r\n
//	<version>\n
//	<host>|<ip>|<port> <host>|<ip>|<port> ...\n
//	\r\n
//	END\r\n
//
// where <bytes> counts the two lines with the version and the nodes. The ip may be empty.

const (
	maxLine = 4 << 10   // bytes of a line outside the list
	maxList = 256 << 10 // bytes of the list: some thousand nodes
)

// reply is a list of nodes and its version.
type reply struct {
	version uint64
	nodes   []Node
}

var errPlain = errors.New("the server answered ERROR, as a memcached server does that is no configuration endpoint: " +
	`use the endpoint with ".cfg." in its name, or list the nodes themselves (cluster.Config.Nodes, MEMCACHED_NODES), or use SRV or File`)

// readReply reads one answer, whole or not at all.
func readReply(r *bufio.Reader) (reply, error) {
	line, err := readLine(r)
	if err != nil {
		return reply{}, err
	}
	if line == "ERROR" {
		return reply{}, errPlain
	}
	if line == "END" {
		return reply{}, fmt.Errorf("%w: the endpoint has no list", ErrNoNode)
	}
	text, is := strings.CutPrefix(line, "CONFIG cluster ")
	fields := strings.Fields(text)
	if !is || len(fields) != 2 {
		return reply{}, fmt.Errorf("the answer %.80q is no list of nodes", line)
	}
	size, err := strconv.ParseUint(fields[1], 10, 32)
	if err != nil || size > maxList {
		return reply{}, fmt.Errorf("the list has %.20q bytes: want 0 to %d", fields[1], maxList)
	}
	// The size is what the endpoint says: it gets memory for what it sends.
	list, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err != nil {
		return reply{}, err
	}
	if uint64(len(list)) < size {
		return reply{}, fmt.Errorf("the list is cut off: %w", io.ErrUnexpectedEOF)
	}
	for _, want := range []string{"", "END"} {
		line, err := readLine(r)
		if err != nil {
			return reply{}, err
		}
		if line != want {
			return reply{}, fmt.Errorf("the list is followed by %.80q: want %q", line, want)
		}
	}
	return parseReply(string(list))
}

// readLine reads a line that ends with \r\n. It returns the line without this end.
func readLine(r *bufio.Reader) (string, error) {
	line, err := r.ReadSlice('\n')
	switch {
	case errors.Is(err, bufio.ErrBufferFull):
		return "", errors.New("a line of the answer is too long")
	case err == io.EOF:
		return "", fmt.Errorf("the answer is cut off: %w", io.ErrUnexpectedEOF)
	case err != nil:
		return "", err
	}
	line, whole := bytes.CutSuffix(line, []byte("\r\n"))
	if !whole {
		return "", fmt.Errorf("the answer %.80q does not end with a carriage return and a line feed", line)
	}
	return string(line), nil
}

// parseReply reads the version and the nodes.
func parseReply(list string) (reply, error) {
	first, rest, _ := strings.Cut(list, "\n")
	version, err := strconv.ParseUint(first, 10, 64)
	if err != nil {
		return reply{}, fmt.Errorf("the version of the list is %.20q: want a number", first)
	}
	line, behind, ended := strings.Cut(rest, "\n")
	if !ended || strings.Trim(behind, "\r\n") != "" {
		return reply{}, errors.New("the list is not one line of nodes")
	}
	var nodes []Node
	places := map[string]string{} // which host has an ip and port
	for _, entry := range strings.Fields(line) {
		n, place, err := parseEntry(entry)
		if err != nil {
			return reply{}, fmt.Errorf("node %.80q %w", entry, err)
		}
		if other, known := places[place]; known && other != n.Addr {
			return reply{}, fmt.Errorf("%q and %q are one server, %s: the two copies of a session would lie on it", other, n.Addr, place)
		}
		if place != "" {
			places[place] = n.Addr
		}
		nodes = append(nodes, n)
	}
	nodes, err = checked(nodes)
	return reply{version, nodes}, err
}

// parseEntry reads host|ip|port. The address has the host: its name stays when the server is
// replaced, and its ip does not. The place is ip and port, or empty where the ip is.
func parseEntry(entry string) (n Node, place string, err error) {
	fields := strings.Split(entry, "|")
	if len(fields) != 3 {
		return Node{}, "", errors.New("is not host|ip|port")
	}
	host, ip := strings.ToLower(strings.TrimSuffix(fields[0], ".")), fields[1]
	if !isHost(host) {
		return Node{}, "", errors.New("has no host name, or a wrong one")
	}
	port, err := strconv.ParseUint(fields[2], 10, 16)
	if err != nil || port == 0 {
		return Node{}, "", errors.New("has a wrong port")
	}
	number := strconv.FormatUint(port, 10)
	if ip != "" {
		addr, err := netip.ParseAddr(ip)
		if err != nil {
			return Node{}, "", errors.New("has a wrong ip")
		}
		place = netip.AddrPortFrom(addr.Unmap(), uint16(port)).String()
	}
	return Node{ID: hostID(host), Addr: net.JoinHostPort(host, number)}, place, nil
}

// hostID returns the id of a host: its name without the domain that all nodes of ElastiCache
// share, such as mycluster.abc123.0001.use1. It depends on nothing but the host, so that a new
// node never changes the id of another.
func hostID(host string) string {
	for _, domain := range []string{".cache.amazonaws.com", ".cache.amazonaws.com.cn"} {
		if id, is := strings.CutSuffix(host, domain); is && id != "" {
			return id
		}
	}
	return host
}

func isHost(host string) bool {
	if strings.Contains(host, ":") {
		a, err := netip.ParseAddr(host)
		return err == nil && a.Zone() == ""
	}
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || strings.ContainsRune("-._", r)
	}
	return host != "" && len(host) <= maxHost && !strings.ContainsFunc(host, func(r rune) bool { return !legal(r) })
}

// maxHost is the most bytes of a host, less than DNS allows: the id of a node has no more.
const maxHost = 250
