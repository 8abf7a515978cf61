package testenv

import (
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"
)

// onPipeAndTCP runs a test on the two ends of a connection in memory and of a TCP
// connection: what holds for one has to hold for the other.
func onPipeAndTCP(t *testing.T, test func(t *testing.T, a, b net.Conn)) {
	t.Run("pipe", func(t *testing.T) {
		a, b := newPipe("a", "b")
		defer a.Close()
		defer b.Close()
		test(t, a, b)
	})
	t.Run("tcp", func(t *testing.T) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		a, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer a.Close()
		b, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		test(t, a, b)
	})
}

func mustRead(t *testing.T, c net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != want {
		t.Fatalf("read %q, %v, want %q", got, err, want)
	}
}

func wantTimeout(t *testing.T, err error) {
	t.Helper()
	ne, ok := err.(net.Error)
	if !ok || !ne.Timeout() || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("error %v (%T), want a timeout", err, err)
	}
}

func TestWhatWasWrittenOutlivesTheWriter(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		io.WriteString(a, "one ")
		io.WriteString(a, "two")
		a.Close()
		got, err := io.ReadAll(b)
		if string(got) != "one two" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
	})
}

func TestWritingToAReaderThatHasGone(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		b.Close()
		if _, err := io.WriteString(a, "into the void"); err != nil {
			t.Errorf("the first write: %v, want it to go unnoticed", err)
		}
		var err error
		for deadline := time.Now().Add(10 * time.Second); err == nil && time.Now().Before(deadline); {
			_, err = io.WriteString(a, "again")
		}
		if !errors.Is(err, syscall.EPIPE) && !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("later writes: %v, want a broken pipe", err)
		}
	})
}

func TestClosingWithBytesUnreadIsAReset(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		io.WriteString(a, "never read")
		mustRead(t, b, "never")
		b.Close()
		a.SetReadDeadline(time.Now().Add(10 * time.Second))
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("read: %v, want a reset", err)
		}
	})
}

func TestHalfClose(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		io.WriteString(a, "question")
		a.(interface{ CloseWrite() error }).CloseWrite()
		if got, err := io.ReadAll(b); string(got) != "question" || err != nil {
			t.Errorf("read %q, %v", got, err)
		}
		io.WriteString(b, "answer")
		mustRead(t, a, "answer")
		if _, err := io.WriteString(a, "more"); err == nil {
			t.Error("a closed direction was written to")
		}
	})
}

func TestReadDeadline(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		a.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		_, err := a.Read(make([]byte, 1))
		wantTimeout(t, err)
		io.WriteString(b, "x")
		_, err = a.Read(make([]byte, 1)) // still past it
		wantTimeout(t, err)
		a.SetReadDeadline(time.Time{})
		mustRead(t, a, "x")
		a.SetDeadline(time.Unix(1, 0))
		_, err = a.Read(make([]byte, 1))
		wantTimeout(t, err)
		_, err = a.Write([]byte("x"))
		wantTimeout(t, err)
		a.SetDeadline(time.Now().Add(time.Hour))
		io.WriteString(b, "y")
		mustRead(t, a, "y")
	})
}

func TestDeadlineMovedDuringARead(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		a.SetReadDeadline(time.Now().Add(time.Hour))
		time.AfterFunc(10*time.Millisecond, func() { a.SetReadDeadline(time.Now()) })
		_, err := a.Read(make([]byte, 1))
		wantTimeout(t, err)
	})
}

func TestCloseDuringARead(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		time.AfterFunc(10*time.Millisecond, func() { a.Close() })
		if _, err := a.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
			t.Errorf("read: %v, want it closed", err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("write: %v, want it closed", err)
		}
	})
}

func TestWriterWaitsForAReaderThatDoesNotRead(t *testing.T) {
	onPipeAndTCP(t, func(t *testing.T, a, b net.Conn) {
		const size = 16 << 20 // more than any buffer
		data := make([]byte, size)
		a.SetWriteDeadline(time.Now().Add(time.Second))
		sent, err := a.Write(data)
		wantTimeout(t, err)
		if sent < 1<<20 || sent == size {
			t.Errorf("%d bytes went out to a reader that does not read", sent)
		}
		a.SetWriteDeadline(time.Time{})
		go func() {
			a.Write(data)
			a.Close()
		}()
		got, err := io.Copy(io.Discard, b)
		if got != int64(sent+size) || err != nil {
			t.Errorf("read %d bytes, %v, want %d", got, err, sent+size)
		}
	})
}
