package cluster

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// This file decides how a node list and a configuration are written as text.

// nodesForm is what every complaint about a node list ends with.
const nodesForm = `want id:host:port or host:port, separated by commas or spaces, such as "n1:10.0.0.1:11211,n2:10.0.0.2:11211"`

// ParseNodes reads a node list: "n1:host:11211,n2:host:11212", separated by
// commas or spaces. An entry is id:address or an address alone, which is then the
// id as well; an address is host:port, [v6]:port or the path of a unix socket. The
// error names the entry and the form it wants.
func ParseNodes(s string) ([]Node, error) {
	var nodes []Node
	entries := listed(s)
	if slices.ContainsFunc(entries, hasLogin) {
		return nil, fmt.Errorf("cluster: a node has an '@': a username and a password are set apart (MEMCACHED_USERNAME, MEMCACHED_PASSWORD): %s", nodesForm)
	}
	for _, entry := range entries {
		n, err := parseNode(entry)
		if err != nil {
			return nil, err
		}
		nodes = append(nodes, n)
	}
	if len(nodes) == 0 {
		return nil, fmt.Errorf("cluster: the node list is empty: %s", nodesForm)
	}
	if err := checkNodes(nodes); err != nil {
		return nil, err
	}
	return nodes, nil
}

// listed splits a list at commas and white space.
func listed(s string) []string {
	return strings.FieldsFunc(s, func(r rune) bool { return r == ',' || unicode.IsSpace(r) })
}

func parseNode(entry string) (Node, error) {
	id, addr := "", entry
	if strings.ContainsAny(entry, `"'`) {
		return Node{}, fmt.Errorf("cluster: node %q has quotation marks: remove them: %s", entry, nodesForm)
	}
	if strings.ContainsAny(entry, ";=") {
		return Node{}, fmt.Errorf("cluster: node %q: nodes are separated by commas or spaces, and an id ends with a colon: %s", entry, nodesForm)
	}
	if strings.Contains(entry, "://") {
		return Node{}, fmt.Errorf("cluster: node %q is a URL: %s", entry, nodesForm)
	}
	if slash := strings.Index(entry, "/"); slash > 0 && entry[slash-1] != ':' {
		return Node{}, fmt.Errorf("cluster: node %q has a path behind its address (a unix socket is written id:/path): %s", entry, nodesForm)
	}
	switch slash, bracket := strings.Index(entry, "/"), strings.Index(entry, "["); {
	case slash >= 0:
		id, addr = strings.TrimSuffix(entry[:slash], ":"), entry[slash:]
	case bracket > 0 && entry[bracket-1] != ':':
		return Node{}, fmt.Errorf("cluster: node %q has no colon between its id and its address: %s", entry, nodesForm)
	case bracket >= 0:
		id, addr = strings.TrimSuffix(entry[:bracket], ":"), entry[bracket:]
	case strings.Count(entry, ":") == 2:
		id, addr, _ = strings.Cut(entry, ":")
	case strings.Count(entry, ":") == 0:
		return Node{}, fmt.Errorf("cluster: node %q has no port: %s", entry, nodesForm)
	case strings.Count(entry, ":") > 2:
		return Node{}, fmt.Errorf("cluster: node %q has too many colons (an IPv6 address goes in brackets: [::1]:11211): %s", entry, nodesForm)
	}
	if strings.HasSuffix(id, ":") {
		return Node{}, fmt.Errorf("cluster: node %q has two colons behind its id: %s", entry, nodesForm)
	}
	if err := checkAddr(addr); err != nil {
		return Node{}, fmt.Errorf("cluster: node %q: %w; %s", entry, err, nodesForm)
	}
	if id == "" {
		if addr != entry {
			return Node{}, fmt.Errorf("cluster: node %q has an empty id: %s", entry, nodesForm)
		}
		id = addr
	}
	return Node{ID: id, Addr: addr}, nil
}

// ConfigFromEnv reads the configuration from the environment, through a function
// such as os.Getenv (which a nil one stands for). MEMCACHED_NODES is required, all else optional:
//
//	MEMCACHED_NODES             node list, as ParseNodes reads it
//	MEMCACHED_FAILOVER_NODES    ids of the standby nodes, separated by commas or spaces
//	MEMCACHED_REPLICAS          Config.Replicas
//	MEMCACHED_MIN_COPIES        Config.MinCopies
//	MEMCACHED_TIMEOUT           Config.Timeout, such as 150ms
//	MEMCACHED_KEY_PREFIX        Config.KeyPrefix
//	MEMCACHED_USERNAME          Config.Username
//	MEMCACHED_PASSWORD          Config.Password
//	MEMCACHED_TLS               true to encrypt connections
//	MEMCACHED_TLS_CA            PEM file with the CA that signed the nodes' certificates
//	MEMCACHED_TLS_CERT          PEM file with the client certificate
//	MEMCACHED_TLS_KEY           PEM file with its key
//	MEMCACHED_TLS_SERVER_NAME   name in the nodes' certificates, where it is not the host
//	MEMCACHED_SEAL_KEYS         Config.SealKeys, each in base64, separated by commas or spaces
//	MEMCACHED_ALLOW_UNSEALED    Config.AllowUnsealed
//	MEMCACHED_ALLOW_UNRESOLVED  Config.AllowUnresolved
//
// The error names the variable, its value (a secret's never) and the form it
// wants. Nothing is read from the network.
func ConfigFromEnv(getenv func(string) string) (Config, error) {
	var cfg Config
	var errs []error
	if getenv == nil {
		getenv = os.Getenv
	}
	fail := func(name, value, want string) {
		errs = append(errs, fmt.Errorf("%s=%q: want %s", name, value, want))
	}
	number := func(name string, into *int) {
		if v := getenv(name); v != "" {
			n, err := strconv.Atoi(v)
			if err != nil || n < 1 {
				fail(name, v, "a whole number from 1")
				return
			}
			*into = n
		}
	}
	flag := func(name string) bool {
		v := getenv(name)
		b, err := strconv.ParseBool(v)
		if v != "" && err != nil {
			fail(name, v, "true or false")
		}
		return b
	}

	if v := getenv("MEMCACHED_NODES"); strings.TrimSpace(v) == "" {
		errs = append(errs, fmt.Errorf("MEMCACHED_NODES is not set: %s", nodesForm))
	} else if nodes, err := ParseNodes(v); err != nil {
		shown := fmt.Sprintf("MEMCACHED_NODES=%q", v)
		if strings.Contains(v, "@") { // there may be a password before it
			shown = "MEMCACHED_NODES"
		}
		errs = append(errs, fmt.Errorf("%s: %s", shown, strings.TrimPrefix(err.Error(), "cluster: ")))
	} else {
		cfg.Nodes = nodes
		if err := markStandby(cfg.Nodes, getenv("MEMCACHED_FAILOVER_NODES")); err != nil {
			errs = append(errs, err)
		}
	}
	number("MEMCACHED_REPLICAS", &cfg.Replicas)
	number("MEMCACHED_MIN_COPIES", &cfg.MinCopies)
	if v := getenv("MEMCACHED_TIMEOUT"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d <= 0 {
			fail("MEMCACHED_TIMEOUT", v, "a positive duration with its unit, such as 150ms")
		}
		cfg.Timeout = d
	}
	cfg.KeyPrefix = getenv("MEMCACHED_KEY_PREFIX")
	if checkPrefix(cfg.KeyPrefix) != nil {
		fail("MEMCACHED_KEY_PREFIX", cfg.KeyPrefix, fmt.Sprintf("at most %d bytes without spaces or control characters", maxPrefix))
	}
	cfg.Username, cfg.Password = getenv("MEMCACHED_USERNAME"), getenv("MEMCACHED_PASSWORD")
	if err := checkLogin(cfg.Username, cfg.Password); err != nil {
		errs = append(errs, fmt.Errorf("MEMCACHED_USERNAME=%q and MEMCACHED_PASSWORD %w", cfg.Username, err))
	}
	seal, err := sealKeysFromEnv(getenv)
	if err != nil {
		errs = append(errs, err)
	}
	cfg.SealKeys, cfg.AllowUnsealed = seal, flag("MEMCACHED_ALLOW_UNSEALED")
	cfg.AllowUnresolved = flag("MEMCACHED_ALLOW_UNRESOLVED")
	useTLS := flag("MEMCACHED_TLS")
	conf, err := tlsFromEnv(getenv, useTLS)
	if err != nil {
		errs = append(errs, err)
	}
	cfg.TLS = conf
	if err := errors.Join(errs...); err != nil {
		return Config{}, fmt.Errorf("cluster: %w", err)
	}
	if err := envCounts(cfg, getenv); err != nil {
		return Config{}, fmt.Errorf("cluster: %w", err)
	}
	return cfg, nil
}

// envCounts checks the numbers against the node list, in the words of the
// environment.
func envCounts(cfg Config, getenv func(string) string) error {
	if cfg.Replicas > len(cfg.Nodes) {
		return fmt.Errorf("MEMCACHED_REPLICAS=%q: want 1 to %d, the number of nodes in MEMCACHED_NODES", getenv("MEMCACHED_REPLICAS"), len(cfg.Nodes))
	}
	replicas := cfg.Replicas
	if replicas == 0 {
		replicas = min(DefaultReplicas, len(cfg.Nodes))
	}
	if cfg.MinCopies > replicas {
		return fmt.Errorf("MEMCACHED_MIN_COPIES=%q: want 1 to %d, the number of copies (MEMCACHED_REPLICAS)", getenv("MEMCACHED_MIN_COPIES"), replicas)
	}
	return nil
}

// markStandby marks the listed ids as standby nodes.
func markStandby(nodes []Node, ids string) error {
	var known []string
	for _, n := range nodes {
		known = append(known, n.ID)
	}
	marked := 0
next:
	for _, id := range listed(ids) {
		for i := range nodes {
			if nodes[i].ID == id {
				if !nodes[i].Standby {
					marked++
				}
				nodes[i].Standby = true
				continue next
			}
		}
		return fmt.Errorf("MEMCACHED_FAILOVER_NODES=%q: %q is not an id in MEMCACHED_NODES: want some of %s", ids, id, strings.Join(known, ", "))
	}
	if marked == len(nodes) {
		return fmt.Errorf("MEMCACHED_FAILOVER_NODES=%q names every node: want at least one regular node left", ids)
	}
	return nil
}

// sealKeysFromEnv reads MEMCACHED_SEAL_KEYS. Its errors count keys instead of
// showing them.
func sealKeysFromEnv(getenv func(string) string) ([][]byte, error) {
	var keys [][]byte
	for i, text := range listed(getenv("MEMCACHED_SEAL_KEYS")) {
		key, err := base64.StdEncoding.DecodeString(text)
		if err != nil || len(key) != sealKeySize {
			return nil, fmt.Errorf("MEMCACHED_SEAL_KEYS: key %d is not %d bytes in base64: make one with: openssl rand -base64 %d", i+1, sealKeySize, sealKeySize)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// tlsFromEnv reads MEMCACHED_TLS_*. Any of them set without MEMCACHED_TLS=true is an
// error: a connection that was meant to be encrypted must not be plain.
func tlsFromEnv(getenv func(string) string, use bool) (*tls.Config, error) {
	ca, cert, key, name := getenv("MEMCACHED_TLS_CA"), getenv("MEMCACHED_TLS_CERT"), getenv("MEMCACHED_TLS_KEY"), getenv("MEMCACHED_TLS_SERVER_NAME")
	if !use {
		for _, v := range []struct{ name, value string }{
			{"MEMCACHED_TLS_CA", ca}, {"MEMCACHED_TLS_CERT", cert}, {"MEMCACHED_TLS_KEY", key}, {"MEMCACHED_TLS_SERVER_NAME", name},
		} {
			if v.value != "" {
				return nil, fmt.Errorf("%s is set, but MEMCACHED_TLS=%q: set MEMCACHED_TLS=true to encrypt connections, or remove %s", shown(v.name, v.value), getenv("MEMCACHED_TLS"), v.name)
			}
		}
		return nil, nil
	}
	conf := &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12}
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fmt.Errorf("MEMCACHED_TLS_CA=%q: want a readable PEM file: %w", ca, err)
		}
		conf.RootCAs = x509.NewCertPool()
		if !conf.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("MEMCACHED_TLS_CA=%q: want a PEM file with at least one certificate", ca)
		}
	}
	for _, v := range []struct{ name, value string }{{"MEMCACHED_TLS_CERT", cert}, {"MEMCACHED_TLS_KEY", key}} {
		if isPEM(v.value) {
			return nil, fmt.Errorf("%s holds PEM text: want the path of a PEM file", v.name) // not shown: it is a secret
		}
	}
	if (cert == "") != (key == "") {
		return nil, fmt.Errorf("%s and %s go together: set both or none, each the path of a PEM file", shown("MEMCACHED_TLS_CERT", cert), shown("MEMCACHED_TLS_KEY", key))
	}
	if cert != "" {
		pair, err := tls.LoadX509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("MEMCACHED_TLS_CERT=%q, MEMCACHED_TLS_KEY=%q: want PEM files that belong together: %w", cert, key, err)
		}
		conf.Certificates = []tls.Certificate{pair}
	}
	return conf, nil
}

// shown is a variable with its value, unless that is a key in the place of its path.
func shown(name, value string) string {
	if isPEM(value) {
		return name
	}
	return fmt.Sprintf("%s=%q", name, value)
}

func isPEM(value string) bool { return strings.Contains(value, "-----BEGIN") }
