package memcached

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// together lets one write go first and others arrive while it is under way.
func together(n *watched, keys []string, value string) []error {
	errs := make([]error, len(keys))
	var wg sync.WaitGroup
	for i, key := range keys {
		wg.Go(func() {
			o, _, err := n.Write(key, []byte(value), &Copy{cas: 1, opened: anyConnection}, 60)
			if o == Conflict {
				err = errors.New("conflict")
			}
			errs[i] = err
		})
	}
	wg.Wait()
	return errs
}

func keysTo(n int) []string {
	var keys []string
	for i := range n {
		keys = append(keys, fmt.Sprint("k", i))
	}
	return keys
}

// Each caller gets the answer to its own command. The server here, over a connection
// without buffers, reads no command before its last answer is taken.
func TestPipelinedWritesGetTheirOwnAnswers(t *testing.T) {
	var connections atomic.Int32
	serve := script(func(key string) string {
		time.Sleep(time.Millisecond)
		if strings.HasSuffix(key, "3") {
			return "EXISTS\r\n"
		}
		return "STORED\r\n"
	})
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		connections.Add(1)
		serve(nc, r)
	}, func(t *testing.T, n *watched) {
		for range 3 {
			keys := keysTo(40)
			for i, err := range together(n, keys, strings.Repeat("v", 3000)) {
				if conflict := err != nil && err.Error() == "conflict"; err != nil && !conflict || conflict != strings.HasSuffix(keys[i], "3") {
					t.Errorf("%s: %v", keys[i], err)
				}
			}
		}
		if connections.Load() != 1 {
			t.Errorf("%d connections", connections.Load())
		}
	})
}

// Writes that meet on their way share a packet: 40 of them cost the node two reads at most.
func TestPipelinedWritesShareAPacket(t *testing.T) {
	var packets, commands int
	hostile(t, Config{}, func(nc net.Conn, _ *bufio.Reader) {
		buf := make([]byte, 64<<10)
		for {
			m, err := nc.Read(buf)
			if err != nil {
				return
			}
			packets++
			asked := strings.Count(string(buf[:m]), "cas ")
			commands += asked
			time.Sleep(time.Millisecond) // the others arrive
			_, _ = io.WriteString(nc, strings.Repeat("STORED\r\n", asked))
		}
	}, func(t *testing.T, n *watched) {
		for i, err := range together(n, keysTo(40), "v") {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if packets > 2 || commands != 40 {
			t.Errorf("%d commands in %d packets", commands, packets)
		}
	})
}

func TestWritesToAHungNodeWaitForOneTimeoutInAll(t *testing.T) {
	hostile(t, Config{}, func(_ net.Conn, r *bufio.Reader) { _, _ = io.Copy(io.Discard, r) }, func(t *testing.T, n *watched) {
		began := time.Now()
		for i, err := range together(n, keysTo(30), "v") {
			if !errors.Is(err, errTimeout) {
				t.Errorf("%d: %v", i, err)
			}
		}
		if took := time.Since(began); took != testTimeout {
			t.Errorf("took %v, want %v", took, testTimeout)
		}
	})
}

// A node that restarts breaks the connection under those that share it: each of them is
// sent once more.
func TestPipelinedWritesOutliveABrokenConnection(t *testing.T) {
	var said atomic.Int32
	hostile(t, Config{}, script(func(string) string {
		time.Sleep(time.Millisecond)
		if said.Add(1) == 15 {
			return "" // and the connection is closed
		}
		return "STORED\r\n"
	}), func(t *testing.T, n *watched) {
		for i, err := range together(n, keysTo(30), "v") {
			if err != nil {
				t.Errorf("%d: %v", i, err)
			}
		}
		if n.reconnects.Load() == 0 {
			t.Error("no connection broke")
		}
	})
}

// One answer too many, somewhere among those to a packet, shifts all that follow it.
// None of them may be believed.
func TestAnAnswerTooManyAcknowledgesNoPipelinedWrite(t *testing.T) {
	extra := true
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		buf := make([]byte, 64<<10)
		for {
			m, err := r.Read(buf)
			if err != nil {
				return
			}
			asked := strings.Count(string(buf[:m]), "cas ")
			time.Sleep(time.Millisecond)
			answer := strings.Repeat("EXISTS\r\n", asked)
			if asked > 1 && extra {
				answer = "STORED\r\n" + answer
			}
			_, _ = io.WriteString(nc, answer)
		}
	}, func(t *testing.T, n *watched) {
		for i, err := range together(n, keysTo(10), "v") {
			if err == nil {
				t.Errorf("%d is acknowledged", i)
			}
		}
		extra = false
		for i, err := range together(n, keysTo(10), "v") {
			if err == nil || err.Error() != "conflict" {
				t.Errorf("afterwards, %d: %v", i, err)
			}
		}
	})
}

// A large value goes over a connection of its own: small ones do not wait for it.
func TestSmallWritesDoNotWaitBehindLargeOnes(t *testing.T) {
	hostile(t, Config{}, script(func(key string) string {
		if key == "large" {
			time.Sleep(testTimeout / 2)
		}
		return "STORED\r\n"
	}), func(t *testing.T, n *watched) {
		var large sync.WaitGroup
		large.Go(func() {
			if _, _, err := n.Write("large", make([]byte, MaxShared+1), nil, 60); err != nil {
				t.Errorf("large: %v", err)
			}
		})
		synctest.Wait()
		began := time.Now()
		if _, _, err := n.Write("small", make([]byte, MaxShared), nil, 60); err != nil || time.Since(began) != 0 {
			t.Errorf("small: %v after %v", err, time.Since(began))
		}
		large.Wait()
	})
}

// A connection that breaks says nothing about those who wait for their turn: they have
// sent nothing yet, and a node that has restarted takes what they have to say.
func TestWritesBehindABrokenConnectionGoOverTheNext(t *testing.T) {
	dialled := 0
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		if dialled++; dialled > 1 {
			script(func(string) string { return "STORED\r\n" })(nc, r)
			return
		}
		_, _ = r.ReadString('\n')
		time.Sleep(testTimeout / 2) // too late for the write on its way to be repeated
	}, func(t *testing.T, n *watched) {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() {
			if o, _, err := n.Write("first", []byte("v"), nil, 60); o != Failed {
				t.Errorf("the write whose connection broke: %v, %v", o, err)
			}
		})
		time.Sleep(time.Millisecond)
		if o, _, err := n.Write("second", []byte("v"), nil, 60); o != Stored {
			t.Errorf("the write behind it: %v, %v", o, err)
		}
	})
}

// A packet that is answered before the node has taken all of it is nobody's answer, and
// nothing may follow it on its connection: it would be read as the rest of a value.
func TestNothingFollowsAHalfSentPacket(t *testing.T) {
	var taken strings.Builder
	connections := 0
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		if connections++; connections > 1 {
			script(func(string) string { return "STORED\r\n" })(nc, r)
			return
		}
		buf := make([]byte, 1<<20)
		_, _ = nc.Read(buf) // the first write, alone
		time.Sleep(time.Millisecond)
		_, _ = io.WriteString(nc, "STORED\r\n")
		_, _ = nc.Read(buf[:900]) // the packet of two, up to the middle of its last value
		_, _ = io.WriteString(nc, strings.Repeat("SERVER_ERROR out of memory storing object\r\n", 2))
		time.Sleep(2 * testTimeout) // stopped
		for {
			m, err := nc.Read(buf)
			if err != nil {
				return
			}
			taken.Write(buf[:m])
			_, _ = io.WriteString(nc, "STORED\r\n")
		}
	}, func(t *testing.T, n *watched) {
		together(n, keysTo(3), strings.Repeat("v", 500))
		time.Sleep(2 * testTimeout)
		if _, _, err := n.Write("later", []byte("x"), &Copy{cas: 1, opened: anyConnection}, 60); err != nil {
			t.Errorf("later: %v", err)
		}
		synctest.Wait()
		if strings.Contains(taken.String(), "later") {
			t.Error("a command went into a connection with half of another in it")
		}
	})
}

// Those who share an exchange share its failure: it is held against the node once, and
// what was never sent is known not to be stored.
func TestAPacketThatFailsIsOneFailure(t *testing.T) {
	var connections atomic.Int32
	hostile(t, Config{}, func(nc net.Conn, r *bufio.Reader) {
		if connections.Add(1) == 1 {
			_, _ = io.Copy(io.Discard, r)
			return
		}
		script(func(string) string { return "STORED\r\n" })(nc, r)
	}, func(t *testing.T, n *watched) {
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				time.Sleep(time.Duration(i) * time.Millisecond)
				_, maybe, err := n.Write(fmt.Sprint("k", i), []byte("v"), nil, 60)
				if !errors.Is(err, errTimeout) || maybe != (i == 0) {
					t.Errorf("%d: %v, maybe stored: %v", i, err, maybe)
				}
			})
		}
		wg.Wait()
		if len(n.verdicts) != 1 || n.verdict() != TimedOut || n.Counts().Timeouts != 1 {
			t.Errorf("%v after %d timeouts", n.verdicts, n.Counts().Timeouts)
		}
	})
}
