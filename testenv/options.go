package testenv

// This file decides what a test may ask of its nodes.

// Option changes what [Start] starts.
type Option func(*options)

type options struct {
	want     want
	memoryMB int
	args     []string
	shaped   bool // memoryMB or args were asked for
}

type want int

const (
	wantAny want = iota
	wantEmbedded
	wantMemory
	wantReal
)

func defaultOptions() options { return options{memoryMB: 64} }

// Embedded asks for nodes inside the test process, on loopback sockets, also
// where memcached is installed or HOLDFAST_TEST_NODES is set.
func Embedded() Option { return func(o *options) { o.want = wantEmbedded } }

// Real asks for memcached itself: processes, or the nodes of HOLDFAST_TEST_NODES.
// Without either the test is skipped.
func Real() Option { return func(o *options) { o.want = wantReal } }

// InMemory asks for nodes inside the test process without sockets, which are
// reached through [Env.DialContext] only. They may live in a testing/synctest
// bubble: their goroutines belong to it and their clock is its clock. Their
// addresses, 192.0.2.1:11211 for n1 and so on, exist nowhere else.
func InMemory() Option { return func(o *options) { o.want = wantMemory } }

// MemoryMB gives each node a memory of mb megabytes; without it a node has 64.
// A node whose memory is full evicts what was not used for longest.
func MemoryMB(mb int) Option {
	return func(o *options) { o.memoryMB, o.shaped = mb, true }
}

// Args adds command line arguments for the memcached processes, such as "-I", "4m", or
// "-M". Where the nodes are no processes of this test, the test is skipped.
func Args(args ...string) Option {
	return func(o *options) { o.args, o.shaped = append(o.args, args...), true }
}
