package setup

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-go/holdfast/internal/discovery"
)

// This file decides which configurations are refused, and says what to do instead.

const (
	maxPrefix = 100 // bytes
	maxNodeID = 250
)

// CheckNodes refuses a list without a regular node, and one in which a node has no proper id, address or zone, or
// has the id or the address of another.
func CheckNodes(nodes []discovery.Node) error {
	if len(nodes) == 0 {
		return errors.New(`cluster: no nodes: list at least one, such as "n1:host1:11211,n2:host2:11211"`)
	}
	ids, places, regular := map[string]bool{}, map[string]discovery.Node{}, 0
	for _, n := range nodes {
		if err := checkID(n.ID); err != nil {
			return err
		}
		if err := checkAddr(n.Addr); err != nil {
			return fmt.Errorf("cluster: %s: %w", shownID(n.ID), err)
		}
		if n.Zone != "" {
			if err := checkZone(n.Zone); err != nil {
				return fmt.Errorf("cluster: %s %w", shownID(n.ID), err)
			}
		}
		if ids[n.ID] {
			return fmt.Errorf("cluster: node id %q is listed twice: give each node an id of its own", n.ID)
		}
		place := placeOf(n.Addr)
		if other, twice := places[place]; twice {
			return OneServer(other, n, "have the same address")
		}
		ids[n.ID], places[place] = true, n
		if !n.Standby {
			regular++
		}
	}
	if regular == 0 {
		return errors.New("cluster: all nodes are standby nodes: at least one must be a regular node")
	}
	return nil
}

// OneServer is the error for two nodes that are one; why says how that is known.
func OneServer(a, b discovery.Node, why string) error {
	return fmt.Errorf("cluster: nodes %q (%s) and %q (%s) %s: both copies of a session would lie on one server: "+
		"give each node the address of a server of its own, or list the server once", a.ID, a.Addr, b.ID, b.Addr, why)
}

func checkID(id string) error {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-:/[]%@", r)
	}
	if hasLogin(id) {
		return errors.New("cluster: the id of a node has an '@': use letters, digits, '.', '_' or '-', and set a username and a password apart (Config.Username, Config.Password)")
	}
	if id == "" || len(id) > maxNodeID || strings.ContainsFunc(id, func(r rune) bool { return !legal(r) }) {
		return fmt.Errorf("cluster: %s: use 1 to %d letters, digits, '.', '_' or '-', or an address: id:host:port", shownID(id), maxNodeID)
	}
	return nil
}

// checkZone refuses what is no name of a zone. The error goes on after the name of a node. It
// does not show the zone, which may be half of a login that was written for other software.
func checkZone(zone string) error {
	legal := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("._-", r)
	}
	if zone == "" {
		return errors.New("has an empty zone behind the '@'")
	}
	if len(zone) > maxNodeID || strings.ContainsFunc(zone, func(r rune) bool { return !legal(r) }) {
		return fmt.Errorf("has a wrong zone: use 1 to %d letters, digits, '.', '_' or '-'", maxNodeID)
	}
	return nil
}

// shownID names a node in an error, unless its id may hold a password.
func shownID(id string) string {
	if mayHoldSecret(id) {
		return "the id of a node"
	}
	return fmt.Sprintf("node id %q", id)
}

// CheckLogin refuses what memcached's login has no way to write.
func CheckLogin(username, password string) error {
	if (username == "") != (password == "") {
		return errors.New("go together: set both or none")
	}
	if strings.ContainsAny(username, " \t\r\n:") || strings.ContainsAny(password, " \t\r\n") {
		return errors.New("must not contain spaces or line breaks, nor the username a colon: an auth file has no way to write them")
	}
	return nil
}

// CheckPrefix refuses a prefix that memcached would not take in a key.
func CheckPrefix(prefix string) error {
	if len(prefix) > maxPrefix || strings.ContainsFunc(prefix, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return fmt.Errorf("cluster: KeyPrefix %q: use at most %d bytes without spaces or control characters", prefix, maxPrefix)
	}
	return nil
}
