// Package swap is what the tests of other libraries get in the place of their own stores.
package swap

import (
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/gorilla/sessions"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/gorillastore"
	"github.com/holdfast-go/holdfast/scsstore"
	"github.com/holdfast-go/holdfast/serializer"
	"github.com/holdfast-go/holdfast/testenv"
)

// CodecVariable is the environment variable that names the codec of scs: "gob" for its own.
const CodecVariable = "UPSTREAM_CODEC"

// nodes are three memcached nodes for the whole process.
var nodes = sync.OnceValue(func() string {
	if !testing.Testing() {
		panic("swap: for tests only")
	}
	return testenv.Start(testenv.NewProgram("upstream", os.Stderr), 3).Nodes()
})

var clusters atomic.Int64

// Cluster returns a new Cluster without sessions. It ends with the process.
func Cluster() *cluster.Cluster {
	list, err := cluster.ParseNodes(nodes())
	if err != nil {
		panic(err)
	}
	c, err := cluster.New(cluster.Config{
		Nodes:     list,
		Timeout:   5 * time.Second, // a busy machine answers late
		Logger:    slog.New(slog.DiscardHandler),
		KeyPrefix: fmt.Sprintf("t%d:", clusters.Add(1)),
	})
	if err != nil {
		panic(err)
	}
	return c
}

// New takes the place of scs's memstore.New.
func New() *scsstore.Store { return scsstore.New(Cluster()) }

// Codec takes the place of scs's GobCodec{}, where the environment does not ask for that.
func Codec() scs.Codec {
	if os.Getenv(CodecVariable) == "gob" {
		return scs.GobCodec{}
	}
	return serializer.Codec{}
}

// Gorilla takes the place of a store of gorilla/sessions.
func Gorilla() *gorillastore.Store {
	store, err := gorillastore.New(Cluster(), []byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		panic(err)
	}
	return store
}

var _ sessions.Store = (*gorillastore.Store)(nil)
