package testenv_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/holdfast-go/holdfast/testenv"
)

// A test of one's own takes the testing.T in place of the Program.
func ExampleStart() {
	t := testenv.NewProgram("example", os.Stderr)
	defer t.Close()

	env := testenv.Start(t, 3)
	n2 := env.Node(1)
	client := memcache.New(n2.Addr())
	fmt.Println("set:", client.Set(&memcache.Item{Key: "greeting", Value: []byte("hello")}))

	n2.Kill()
	client.Close()
	_, err := client.Get("greeting")
	fmt.Println("killed, so there is an error:", err != nil)

	n2.Restart()
	_, err = client.Get("greeting")
	fmt.Println("restarted empty:", err)

	n2.Pause()
	fmt.Println(n2.ID(), "is", n2.State())
	// Output:
	// set: <nil>
	// killed, so there is an error: true
	// restarted empty: memcache: cache miss
	// n2 is paused
}

// A reply that gets lost leaves its client in doubt about what was applied.
func ExampleWire() {
	t := testenv.NewProgram("example", os.Stderr)
	defer t.Close()

	env := testenv.Start(t, 1)
	wire := testenv.NewWire(env.DialContext)
	defer wire.Close()
	client := memcache.New(env.Node(0).Addr())
	client.DialContext = wire.DialContext

	wire.DropReply(env.Node(0).Addr())
	err := client.Set(&memcache.Item{Key: "greeting", Value: []byte("hello")})
	fmt.Println("the client got an error:", err != nil)

	value, _ := env.Node(0).Get("greeting")
	fmt.Printf("the node holds %q\n", value)
	// Output:
	// the client got an error: true
	// the node holds "hello"
}

// Nodes in memory live in the virtual time of a bubble: minutes pass at once.
func ExampleInMemory() {
	t := testenv.NewProgram("example", os.Stderr)
	defer t.Close()

	env := testenv.Start(t, 2, testenv.InMemory())
	env.Node(0).OnCommand(func(verb, key string) { fmt.Println("about to", verb, key) })
	client := memcache.New(env.Node(0).Addr())
	client.DialContext = env.DialContext
	client.Set(&memcache.Item{Key: "greeting", Value: []byte("hello")})
	fmt.Println(env.Nodes())
	// Output:
	// about to set greeting
	// n1:192.0.2.1:11211,n2:192.0.2.2:11211
}

func BenchmarkWire(b *testing.B) {
	env := testenv.Start(b, 1, testenv.Real())
	wire := testenv.NewWire(env.DialContext)
	defer wire.Close()
	for _, bb := range []struct {
		name string
		dial testenv.DialFunc
	}{{"without", env.DialContext}, {"idle", wire.DialContext}} {
		b.Run(bb.name, func(b *testing.B) {
			client := memcache.New(env.Node(0).Addr())
			client.DialContext = bb.dial
			defer client.Close()
			client.Set(&memcache.Item{Key: "k", Value: make([]byte, 1024)})
			b.ReportAllocs()
			for b.Loop() {
				if _, err := client.Get("k"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkStart(b *testing.B) {
	for name, kind := range map[string]testenv.Option{"processes": testenv.Real(), "embedded": testenv.Embedded(), "memory": testenv.InMemory()} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				program := testenv.NewProgram("benchmark", b.Output())
				testenv.Start(program, 3, kind)
				program.Close()
			}
		})
	}
}
