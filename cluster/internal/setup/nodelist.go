package setup

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"unicode"

	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides how a node list is written as text.

// nodesForm is what every complaint about a node list ends with.
const nodesForm = `want id:host:port, id@zone:host:port or host:port, separated by commas or spaces, such as "n1:10.0.0.1:11211,n2:10.0.0.2:11211"`

// ParseNodes reads a node list (cluster.ParseNodes tells of its form). The error names the entry and the form that
// it wants; an entry that may hold a password is told by its place in the list.
func ParseNodes(s string) ([]discovery.Node, error) {
	entries, err := listed(s), checkGaps(s)
	switch {
	case slices.ContainsFunc(entries, func(entry string) bool { rest, _, _ := cutZone(entry); return hasLogin(rest) }):
		err = errors.New("a node has an '@' that is not in front of a zone: a username and a password are set apart (MEMCACHED_USERNAME, MEMCACHED_PASSWORD)")
	case isJSON(s):
		err = errors.New("the node list is JSON")
	case isBracketed(s):
		err = errors.New("the node list is in square brackets: remove them")
	case len(entries) == 0:
		err = errors.New("the node list is empty")
	case err != nil:
		err = fmt.Errorf("the node list: %w", err)
	}
	if err != nil {
		return nil, fmt.Errorf("cluster: %w: %s", err, nodesForm)
	}
	var nodes []discovery.Node
	for i, entry := range entries {
		n, err := parseNode(entry)
		if err != nil {
			name := fmt.Sprintf("node %q", entry)
			if mayHoldSecret(entry) {
				name = fmt.Sprintf("node %d of the list", i+1)
			}
			return nil, fmt.Errorf("cluster: %s %w: %s", name, err, nodesForm)
		}
		nodes = append(nodes, n)
	}
	if err := CheckNodes(nodes); err != nil {
		return nil, err
	}
	return nodes, nil
}

// listed splits a list at commas and white space.
func listed(s string) []string { return strings.FieldsFunc(s, isSeparator) }

// checkGaps refuses an empty entry between commas, since it may be a variable that is not
// set, as in "$N1,$N2". One comma at the end is none.
func checkGaps(s string) error {
	parts := strings.Split(s, ",")
	for i, part := range parts[:len(parts)-1] {
		if strings.TrimSpace(part) == "" {
			return fmt.Errorf("entry %d is empty (is a variable in it not set?)", i+1)
		}
	}
	return nil
}

func isSeparator(r rune) bool { return r == ',' || unicode.IsSpace(r) }

// isJSON reports whether the list is written in a way that other software likes.
func isJSON(s string) bool {
	s = strings.TrimSpace(s)
	return strings.HasPrefix(s, "{") || strings.HasPrefix(s, "[") && strings.ContainsAny(s, `"'`)
}

// isBracketed reports whether brackets are around the list, and not around an IPv6 address.
func isBracketed(s string) bool {
	s = strings.TrimSpace(s)
	inner, opened := strings.CutPrefix(s, "[")
	inner, closed := strings.CutSuffix(inner, "]")
	return opened && closed && !isIPv6(inner)
}

func isIPv6(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && a.Is6()
}

// mayHoldSecret reports whether a node, or what was set in its place, is written in a way in
// which other software has a password: user:pass@host, host?password=x, user:pass:host:port;
// or is a key.
func mayHoldSecret(s string) bool {
	if hasLogin(s) || strings.ContainsAny(s, "?=&{}\"'`\\") || looksLikeKey(s) {
		return true
	}
	return !strings.Contains(s, "/") && strings.Count(s, ":") > 2 && !isBareIPv6(s) && !strings.Contains(s, "[")
}

// isBareIPv6 reports whether an IPv6 address has no brackets, with or without an id before
// it and a port behind it.
func isBareIPv6(entry string) bool {
	_, behind, _ := strings.Cut(entry, ":")
	for _, addr := range []string{entry, behind} {
		if isIPv6(addr) || isIPv6(addr[:max(0, strings.LastIndex(addr, ":"))]) {
			return true
		}
	}
	return false
}

// cutZone takes the zone out of an entry: n1@a:host:11211 becomes n1:host:11211 and a. Other
// software writes user@host:port and user:password@host:port. So an '@' is in front of a zone
// only where an id stands before it, and a zone and a whole address behind it.
func cutZone(entry string) (rest, zone string, found bool) {
	head, addr, _ := strings.Cut(entry, ":")
	id, zone, found := strings.Cut(head, "@")
	if !found || strings.ContainsAny(head, "/[") || strings.Contains(zone, "@") || !strings.Contains(addr, ":") && !strings.HasPrefix(addr, "/") {
		return entry, "", false
	}
	return id + ":" + addr, zone, true
}

// parseNode reads one entry. The error goes on after the name of the entry.
func parseNode(entry string) (discovery.Node, error) {
	rest, zone, found := cutZone(entry)
	n, err := parsePlace(rest)
	if err == nil && found {
		err = checkZone(zone)
	}
	n.Zone = zone
	return n, err
}

// parsePlace reads an entry without a zone.
func parsePlace(entry string) (discovery.Node, error) {
	if err := checkNotation(entry); err != nil {
		return discovery.Node{}, err
	}
	id, addr := "", entry
	fields := strings.Split(entry, ":")
	switch slash, bracket := strings.Index(entry, "/"), strings.Index(entry, "["); {
	case slash >= 0:
		id, addr = strings.TrimSuffix(entry[:slash], ":"), entry[slash:]
	case bracket > 0 && entry[bracket-1] != ':':
		return discovery.Node{}, errors.New("has no colon between its id and its address")
	case bracket >= 0:
		id, addr = strings.TrimSuffix(entry[:bracket], ":"), entry[bracket:]
		if _, behind, _ := strings.Cut(addr, "]"); isWeighted(strings.Split(behind, ":")) {
			return discovery.Node{}, errWeight
		}
	case len(fields) == 1 && isNumber(entry):
		return discovery.Node{}, errors.New("is a number alone: a host goes before a port, and weights are not supported")
	case len(fields) == 1:
		return discovery.Node{}, errors.New("has no port")
	case len(fields) == 2 && fields[0] != "" && fields[1] != "" && !isNumber(strings.TrimLeft(fields[1], "+-")) && checkHost(fields[1]) == nil:
		return discovery.Node{}, fmt.Errorf("has no port: %q is not a number from 1 to 65535: write %q", fields[1], entry+":11211")
	case isBareIPv6(entry) && len(fields) > 2:
		return discovery.Node{}, errors.New("has too many colons (an IPv6 address goes in brackets: [::1]:11211)")
	case isWeighted(fields):
		return discovery.Node{}, errWeight
	case len(fields) == 3:
		id, addr, _ = strings.Cut(entry, ":")
	case len(fields) > 3:
		return discovery.Node{}, errors.New("has too many colons (an IPv6 address goes in brackets: [::1]:11211; an id has none; a username and a password are set apart)")
	}
	if strings.HasSuffix(id, ":") {
		return discovery.Node{}, errors.New("has two colons behind its id")
	}
	if err := checkAddr(addr); err != nil {
		return discovery.Node{}, fmt.Errorf("has a wrong address: %w", err)
	}
	if id == "" {
		if addr != entry {
			return discovery.Node{}, errors.New("has an empty id")
		}
		return discovery.Node{ID: addr, Addr: addr}, nil
	}
	if strings.ContainsAny(id, "[]%") {
		return discovery.Node{}, fmt.Errorf("has the id %q: use letters, digits, '.', '_' or '-'", id)
	}
	return discovery.Node{ID: id, Addr: addr}, nil
}

var errWeight = errors.New("has a weight behind its port: weights are not supported, each node takes an equal share: write id:host:port")

// isWeighted reports whether the last two of the fields are numbers: a port and a weight, as
// in host:port:weight, which looks like id:host:port.
func isWeighted(fields []string) bool {
	n := len(fields)
	return n >= 3 && isNumber(fields[n-1]) && isNumber(fields[n-2])
}

func isNumber(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < '0' || r > '9' })
}

// checkNotation refuses what belongs to other notations of node lists.
func checkNotation(entry string) error {
	if strings.ContainsAny(entry, `"'`) {
		return errors.New("has quotation marks: remove them")
	}
	if strings.Contains(entry, "://") {
		return errors.New("is a URL")
	}
	if strings.ContainsAny(entry, ";=") {
		return errors.New("has a ';' or '=': nodes are separated by commas or spaces, and an id ends with a colon")
	}
	slash := strings.Index(entry, "/")
	if slash > 0 && entry[slash-1] != ':' {
		return errors.New("has a path behind its address (a unix socket is written id:/path)")
	}
	name := entry
	if slash >= 0 {
		name = entry[:slash]
	}
	return checkASCII(name)
}

// standbyVariable lists the standby nodes. Until this word was used in both, the environment had
// another than Node.Standby.
const (
	standbyVariable       = "MEMCACHED_STANDBY_NODES"
	formerStandbyVariable = "MEMCACHED_FAILOVER_NODES"
)

// markStandby marks the ids that the environment lists as standby nodes.
func markStandby(nodes []discovery.Node, getenv func(string) string) error {
	name, ids, former := standbyVariable, getenv(standbyVariable), getenv(formerStandbyVariable)
	switch {
	case ids == "" && former == "":
		return nil
	case ids != "" && former != "":
		return fmt.Errorf("%s and %s are both set: the second is the former name of the first, remove it", name, formerStandbyVariable)
	case ids == "":
		name, ids = formerStandbyVariable, former
	}
	var known []string
	for _, n := range nodes {
		known = append(known, n.ID)
	}
	standby, err := listed(ids), checkGaps(ids)
	switch {
	case len(standby) == 0:
		return fmt.Errorf("%s names no node: want some of %s, or remove it", shown(name, ids), strings.Join(known, ", "))
	case err != nil:
		return fmt.Errorf("%s: %w: want some of %s", shown(name, ids), err, strings.Join(known, ", "))
	}
	marked := 0
	for _, id := range standby {
		i := slices.Index(known, id)
		if i < 0 {
			unknown := fmt.Sprintf("%q", id)
			if mayHoldSecret(id) {
				unknown = "what it names"
			}
			return fmt.Errorf("%s: %s is not an id in MEMCACHED_NODES: want some of %s", shown(name, ids), unknown, strings.Join(known, ", "))
		}
		if !nodes[i].Standby {
			marked++
		}
		nodes[i].Standby = true
	}
	if marked == len(nodes) {
		return fmt.Errorf("%s names every node: want at least one regular node left", shown(name, ids))
	}
	return nil
}
