package discovery_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-go/holdfast/cluster"
	"github.com/holdfast-go/holdfast/discovery"
)

// No panic leaves a source, whatever it was made of, and whatever it is asked with. None of these
// asks a server: their names are no names.
func TestNoPanicLeavesASource(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	for _, name := range []string{"", ".", "..", ":", "\x00", strings.Repeat("x", 1<<16), "[::1", "127.0.0.1:99999"} {
		for what, source := range map[string]func(context.Context) ([]cluster.Node, error){
			"SRV": discovery.SRV(name), "ElastiCache": discovery.ElastiCache(name), "ElastiCacheTLS": discovery.ElastiCacheTLS(name, nil), "File": discovery.File(name),
		} {
			for way, ctx := range map[string]context.Context{"no context": nil, "an ended one": ended} {
				func() {
					defer func() {
						if v := recover(); v != nil {
							t.Errorf("%s of %s with %s panics: %v", what, fmt.Sprintf("%.20q", name), way, v)
						}
					}()
					if list, err := source(ctx); err == nil {
						t.Errorf("%s of %.20q with %s: %d nodes", what, name, way, len(list))
					}
				}()
			}
		}
	}
}
