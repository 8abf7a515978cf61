package cluster

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// nameServer is a DNS server in memory, for Config.Resolver.
type nameServer struct {
	mu           sync.Mutex          // guards below
	zone         map[string][]string // addresses by name, without the last dot
	code         byte                // of every answer; 0: what the zone says
	unresponsive bool                // it does not answer
	asked        int
	turn         int // shuffles answers
}

// Codes of answers (RFC 1035, section 4.1.1).
const (
	serverFailure = 2
	noSuchName    = 3
)

func (s *nameServer) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go s.serve(server)
		return client, nil
	}}
}

// set changes what the server says.
func (s *nameServer) set(f func(*nameServer)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s)
}

// serve answers the questions on one connection, each behind its length.
func (s *nameServer) serve(nc net.Conn) {
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	for {
		var size [2]byte
		if _, err := io.ReadFull(nc, size[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(nc, q); err != nil {
			return
		}
		if a := s.answer(q); a != nil {
			_, _ = nc.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
		}
	}
}

// answer returns the answer to a message with one question; nil for none.
func (s *nameServer) answer(q []byte) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	var labels []string
	end := 12
	for q[end] != 0 {
		labels = append(labels, string(q[end+1:end+1+int(q[end])]))
		end += 1 + int(q[end])
	}
	kind := binary.BigEndian.Uint16(q[end+1:])
	question := q[12 : end+5]
	if s.unresponsive {
		return nil
	}
	found, known := s.zone[strings.ToLower(strings.Join(labels, "."))]
	code := s.code
	if code == 0 && !known {
		code = noSuchName
	}
	var records []byte
	n := 0
	for i := range found {
		a := netip.MustParseAddr(found[(i+s.turn)%len(found)])
		if code != 0 || a.Is4() != (kind == 1) || a.Is6() != (kind == 28) {
			continue
		}
		n++
		records = append(records, 0xc0, 12) // the name of the question
		records = binary.BigEndian.AppendUint16(records, kind)
		records = append(records, 0, 1, 0, 0, 0, 0) // of the internet, for no time
		records = binary.BigEndian.AppendUint16(records, uint16(len(a.AsSlice())))
		records = append(records, a.AsSlice()...)
	}
	s.turn++
	a := append([]byte{q[0], q[1], 0x81, 0x80 | code, 0, 1, 0, byte(n), 0, 0, 0, 0}, question...)
	return append(a, records...)
}
