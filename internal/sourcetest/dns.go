// Package sourcetest has the servers that tests of lists of nodes ask: a name server and the
// configuration endpoint of an ElastiCache cluster. Both say what a test tells them to, however
// wrong it is.
package sourcetest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"
)

// This file is a DNS server over UDP and TCP (RFC 1035). It knows SRV records, and addresses of names.

// Codes of answers.
const (
	ServerFailure = 2
	NoSuchName    = 3
)

const (
	kindA   = 1
	kindSRV = 33
)

// Answer is what a name server says to a question for SRV records.
type Answer struct {
	Code    byte
	Records []net.SRV
	Cut     bool          // over UDP the answer is cut off
	Late    time.Duration // it comes so much later
}

// DNS answers every question for SRV records with what it is told to say, and knows where names lead.
type DNS struct {
	Addr     string
	Networks chan string // of each question for SRV records, the first hundred

	mu        sync.Mutex // guards below
	answers   []Answer   // the last one stays
	asked     int        // questions for SRV records
	addresses map[string]netip.Addr
}

// NewDNS starts a name server that ends with the test.
func NewDNS(t testing.TB) *DNS {
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	udp, err := net.ListenPacket("udp", tcp.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &DNS{Addr: tcp.Addr().String(), Networks: make(chan string, 100), addresses: map[string]netip.Addr{}}
	t.Cleanup(func() { tcp.Close(); udp.Close() })
	go s.serveUDP(udp)
	go func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			go s.serveTCP(c)
		}
	}()
	return s
}

func (s *DNS) serveUDP(conn net.PacketConn) {
	b := make([]byte, 2048)
	for {
		n, from, err := conn.ReadFrom(b)
		if err != nil {
			return
		}
		q := append([]byte(nil), b[:n]...)
		go func() { _, _ = conn.WriteTo(s.answer("udp", q), from) }()
	}
}

func (s *DNS) serveTCP(c net.Conn) {
	defer c.Close()
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return
	}
	q := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, q); err != nil {
		return
	}
	a := s.answer("tcp", q)
	_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(a))), a...))
}

// Says has the server give these answers, each once, and the last one from then on.
func (s *DNS) Says(answers ...Answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers = answers
}

// Leads has a name lead to an address.
func (s *DNS) Leads(name string, to netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.addresses[strings.TrimSuffix(name, ".")] = to
}

// Asked is how many questions for SRV records there were. One that is asked again over TCP counts twice.
func (s *DNS) Asked() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

// Resolver asks this server alone.
func (s *DNS) Resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, s.Addr)
	}}
}

// next is the answer to the next question for SRV records.
func (s *DNS) next(network string) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	select {
	case s.Networks <- network:
	default:
	}
	if len(s.answers) == 0 {
		return Answer{Code: ServerFailure}
	}
	a := s.answers[0]
	if len(s.answers) > 1 && !(a.Cut && network == "udp") {
		s.answers = s.answers[1:]
	}
	return a
}

func (s *DNS) answer(network string, q []byte) []byte {
	end := 12 // of the name in the question
	var labels []string
	for q[end] != 0 {
		labels = append(labels, string(q[end+1:end+1+int(q[end])]))
		end += 1 + int(q[end])
	}
	a := append([]byte{}, q[:end+5]...)
	a[2], a[3] = a[2]|0x84, 0x80 // an answer, with authority, recursion available
	binary.BigEndian.PutUint32(a[8:], 0)
	kind := binary.BigEndian.Uint16(q[end+1:])
	if kind != kindSRV {
		return s.address(a, kind, strings.ToLower(strings.Join(labels, ".")))
	}
	says := s.next(network)
	time.Sleep(says.Late)
	records := says.Records
	a[3] |= says.Code
	if says.Cut && network == "udp" {
		records = records[:len(records)/2]
		a[2] |= 0x02
	}
	binary.BigEndian.PutUint16(a[6:], uint16(len(records)))
	for _, r := range records {
		data := binary.BigEndian.AppendUint16(nil, r.Priority)
		data = binary.BigEndian.AppendUint16(data, r.Weight)
		data = binary.BigEndian.AppendUint16(data, r.Port)
		for label := range strings.SplitSeq(strings.TrimSuffix(r.Target, "."), ".") {
			if label != "" {
				data = append(append(data, byte(len(label))), label...)
			}
		}
		a = record(a, kindSRV, append(data, 0))
	}
	return a
}

// address answers where a name leads.
func (s *DNS) address(a []byte, kind uint16, name string) []byte {
	s.mu.Lock()
	to, known := s.addresses[name]
	s.mu.Unlock()
	switch {
	case !known:
		a[3] |= NoSuchName
	case kind == kindA:
		binary.BigEndian.PutUint16(a[6:], 1)
		return record(a, kindA, to.AsSlice())
	}
	return a
}

// record appends a record of the name in the question: of the internet, for five seconds.
func record(a []byte, kind uint16, data []byte) []byte {
	a = append(a, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 5)
	return append(binary.BigEndian.AppendUint16(a, uint16(len(data))), data...)
}
