package acceptance

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/testenv"
)

// This file tells what users see when a node is restarted with its memory kept (memcached -e).

// safeBuffer is a buffer that a process writes while a test reads.
type safeBuffer struct {
	mu  sync.Mutex // guards below
	buf bytes.Buffer
}

func (b *safeBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *safeBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// warmNode is a memcached whose memory is a file.
type warmNode struct {
	t          *testing.T
	addr, file string
	cmd        *exec.Cmd
	said       *safeBuffer
}

func newWarmNode(t *testing.T) *warmNode {
	t.Helper()
	if testing.Short() {
		t.Skip("starts memcached processes: not in a short run")
	}
	if _, err := exec.LookPath("memcached"); err != nil {
		t.Skip("skipped: memcached is not installed")
	}
	if help, _ := exec.Command("memcached", "-h").CombinedOutput(); !bytes.Contains(help, []byte("--memory-file")) {
		t.Skip("skipped: this memcached has no -e (warm restart)")
	}
	place := testenv.Start(t, 1, testenv.Embedded()).Node(0) // its port stays reserved
	place.Kill()
	n := &warmNode{t: t, addr: place.Addr(), file: filepath.Join(t.TempDir(), "memory")}
	n.start()
	t.Cleanup(n.kill)
	return n
}

func (n *warmNode) start() {
	n.t.Helper()
	host, port, _ := net.SplitHostPort(n.addr)
	args := []string{"-l", host, "-p", port, "-U", "0", "-m", "64", "-e", n.file}
	if os.Geteuid() == 0 {
		args = append(args, "-u", "root")
	}
	n.said = &safeBuffer{}
	n.cmd = exec.Command("memcached", args...)
	n.cmd.Stderr = n.said
	if err := n.cmd.Start(); err != nil {
		n.t.Fatal(err)
	}
	eventually(n.t, "memcached -e listens", func() bool {
		nc, err := net.Dial("tcp", n.addr)
		if err == nil {
			nc.Close()
		}
		return err == nil
	})
}

// stop ends the process and keeps its memory.
func (n *warmNode) stop() {
	n.t.Helper()
	if err := n.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		n.t.Fatal(err)
	}
	if err := n.cmd.Wait(); err != nil {
		n.t.Fatal(err)
	}
}

func (n *warmNode) kill() {
	_ = n.cmd.Process.Kill()
	_ = n.cmd.Wait()
}

// startWarm starts the process until it has the memory that it was stopped with: memcached throws that away
// where it is started within the second in which it was stopped.
func (n *warmNode) startWarm() {
	n.t.Helper()
	time.Sleep(1100 * time.Millisecond)
	n.start()
	if strings.Contains(n.said.String(), "clean cache") {
		n.t.Fatalf("it has lost its memory: %s", n.said)
	}
}

// The node is whole again when it was brought up to date: nothing is copied that it has kept.
func TestANodeThatKeepsItsMemoryIsWholeAfterComparing(t *testing.T) {
	each(t, apart, func(t *testing.T, d driver) {
		warm := newWarmNode(t)
		w := newWorld(t, d, 2)
		w.nodes = append(w.nodes, cluster.Node{ID: "warm", Addr: warm.addr})
		app1, app2 := w.pair(quick)
		w.away(20, app1)
		u, out := w.newUser(), w.newUser()
		u.logIn(app1, "ann")
		u.set(app1, "a", "1")
		out.logIn(app1, "bob")
		old := out.cookie(d.cookie)
		app1.whole(w)
		before := w.incarnation(app1, "warm")
		warm.stop()
		u.set(app1, "a", "2")
		out.do(app2, "/logout")
		healed := w.healed(app1, app2)
		warm.startWarm()
		app1.whole(w)
		if copies := w.healed(app1, app2) - healed; copies > 6 {
			t.Errorf("%d copies were written to a node that missed two changes", copies)
		}
		if got := w.incarnation(app1, "warm"); got != before {
			t.Errorf("incarnation %q, before %q", got, before)
		}
		w.env.Node(0).Kill()
		w.allAreBack(app2)
		u.finds(app2, "a", "2")
		thief := w.newUser()
		thief.present(d.cookie, old)
		thief.is("nobody", app1)
	})
}

// Nobody notices that the process was gone: it was back before anybody asked.
func TestANodeThatWasStoppedByNobodysNoticeIsStillWhole(t *testing.T) {
	each(t, []driver{scsDriver}, func(t *testing.T, d driver) {
		warm := newWarmNode(t)
		w := newWorld(t, d, 2)
		w.nodes = append(w.nodes, cluster.Node{ID: "warm", Addr: warm.addr})
		app1 := w.start(quick)
		w.away(20, app1)
		app1.whole(w)
		before := w.incarnation(app1, "warm")
		warm.stop()
		warm.startWarm()
		app1.whole(w)
		if got := w.incarnation(app1, "warm"); got != before {
			t.Errorf("incarnation %q, before %q", got, before)
		}
		w.env.Node(0).Kill()
		w.allAreBack(app1)
	})
}

// A memory file that memcached refuses is an empty node, which is filled.
func TestANodeWhoseMemoryFileIsRefusedIsFilled(t *testing.T) {
	each(t, []driver{scsDriver}, func(t *testing.T, d driver) {
		warm := newWarmNode(t)
		w := newWorld(t, d, 2)
		w.nodes = append(w.nodes, cluster.Node{ID: "warm", Addr: warm.addr})
		app1 := w.start(quick)
		w.away(20, app1)
		app1.whole(w)
		before := w.incarnation(app1, "warm")
		warm.kill() // it leaves no description of its memory
		warm.start()
		app1.whole(w)
		if got := w.incarnation(app1, "warm"); got == before || got == "" {
			t.Errorf("incarnation %q, before %q", got, before)
		}
		w.env.Node(0).Kill()
		w.allAreBack(app1)
	})
}

func (w *world) incarnation(a *app, id string) string {
	w.t.Helper()
	for _, n := range a.cluster.Nodes() {
		if n.ID == id {
			return n.Incarnation
		}
	}
	w.t.Fatalf("no node %s", id)
	return ""
}

// healed is how many copies were written without a request.
func (w *world) healed(apps ...*app) (n uint64) {
	for _, a := range apps {
		n += a.cluster.Stats().Healed
	}
	return n
}
